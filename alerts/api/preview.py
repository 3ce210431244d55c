"""Route of the change preview: effect of other limits of a rule on stored readings."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Query

from alerts import Invalid, NotFound, format_time
from alerts.evidence import Evidence
from detectors import Calendar, RecipeError
from detectors.qualification.preview import DAY_NS, Incident, changed_rule, preview
from detectors.recipes.kinds import LevelRule
from detectors.recipes.limits import applies
from ingest import METRIC_BY_NAME
from ingest.stores.history import read_history

from .dependencies import ActorIn, Dependencies, DependenciesIn, SiteQuery, moment_of
from .problem import problems
from .schemas.preview import PreviewCandidate, RulePreview

router = APIRouter(tags=["detectors"])
SPAN_DAYS, SPAN_DAYS_MAX = 120, 400
LIMITS_LENGTH_MAX = 200


@router.get("/preview", responses=problems(404))
def preview_limits(
    service: DependenciesIn,
    actor: ActorIn,
    rule: Annotated[str, Query(max_length=128, description="rule of the running recipe")],
    limits: Annotated[str, Query(max_length=LIMITS_LENGTH_MAX, description="numbers separated by commas")],
    site: SiteQuery = None,
    begin: Annotated[str | None, Query(alias="from", max_length=40, description="default: 120 days ago")] = None,
    end: Annotated[str | None, Query(alias="to", max_length=40, description="default: now")] = None,
) -> RulePreview:
    """Run a rule with its present and with other limits over stored readings of the caller's sites.

    Nothing changes. The rule keeps its limits until its recipe is edited.
    """
    known = next((one for one in service.telemetry.recipe.rules if one.name == rule), None)
    if known is None:
        raise NotFound("rule", rule)
    try:
        changed = changed_rule(known, _numbers(limits))
    except RecipeError as error:
        raise Invalid.in_both(
            {"limits": ("; ".join(error.faults), "限值不适用于此规则：个数、顺序或范围不对")}
        ) from error
    to_ns = moment_of(end, "to") if end else service.clock()
    from_ns = moment_of(begin, "from") if begin else to_ns - SPAN_DAYS * DAY_NS
    if not 0 < to_ns - from_ns <= SPAN_DAYS_MAX * DAY_NS:
        raise Invalid.in_both(
            {
                "from": (
                    f"a time before `to`, by {SPAN_DAYS_MAX} days at most",
                    f"须早于结束时间，最多 {SPAN_DAYS_MAX} 天",
                )
            }
        )
    if not isinstance(known, LevelRule):
        raise NotFound("rule with limits", rule)
    catalog = service.telemetry.catalog
    sensors = [one.code for one in catalog if actor.sees(one.site) and site in {None, one.site} and applies(known, one)]
    metrics = [one.code for name in known.reads if (one := METRIC_BY_NAME.get(name) or catalog.learned(name))]
    found, candidates = preview(
        known,
        changed,
        catalog,
        Calendar.from_table(service.dispatch.registry.calendar),
        read_history(service.telemetry.store, sensors, metrics, from_ns=from_ns, to_ns=to_ns),
        incidents=_incidents(service, rule, set(sensors), from_ns, to_ns),
        span=(from_ns, to_ns),
    )
    return RulePreview(
        rule=rule,
        begin=format_time(from_ns),
        to=format_time(to_ns),
        limits=list(known.limits),
        readings=found.readings,
        seconds=round(found.elapsed_s, 3),
        progress=1.0,
        candidates=[PreviewCandidate(**one.to_json()) for one in candidates],
    )


def _numbers(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise Invalid.in_both({"limits": ("numbers separated by commas", "须为逗号分隔的数字")}) from error
    if not all(math.isfinite(number) for number in found):
        raise Invalid.in_both({"limits": ("finite numbers", "须为有限的数字")})
    return found


def _incidents(service: Dependencies, rule: str, sensors: set[int], from_ns: int, to_ns: int) -> list[Incident]:
    """Return the incidents that the rule found at these sensors; those marked false are none."""
    catalog, found = service.telemetry.catalog, []
    for names, begin_ns, end_ns in Evidence(service.dispatch.engine).incidents(rule, from_ns, to_ns):
        codes = {one.code for site, name in names if (one := catalog.find(site, name)) is not None}
        if codes & sensors:
            found.append(Incident(frozenset(codes & sensors), begin_ns, min(end_ns, to_ns)))
    return found
