"""Preview of a changed limit: the present and the changed rule over the same stored readings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from detectors.calendar import Calendar
from detectors.errors import RecipeError
from detectors.recipes.kinds import LevelRule, Rule
from detectors.recipes.recipe import Recipe, misfits
from ingest import Catalog, TelemetryBatch

from .backtest import Backtest, Raised, backtest

DAY_NS = 86_400_000_000_000
SAME_NS = 600_000_000_000
"""Alarms of both rules on one series within this time are the same."""
CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Incident:
    """One past incident that the rule found: sensor codes and span."""

    sensors: frozenset[int]
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """Effect of one set of limits. added, removed: alarms against the present limits."""

    limits: tuple[float, ...]
    alarms: int
    pages: int
    added: int
    removed: int
    incidents: int
    incidents_missed: int
    operator_load_per_day: float

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {name: getattr(self, name) for name in self.__slots__} | {"limits": list(self.limits)}


def changed_rule(rule: Rule, limits: Sequence[float]) -> LevelRule:
    """Return the rule with other limits, under a name of its own. Raises RecipeError for unfit limits."""
    if not isinstance(rule, LevelRule):
        raise RecipeError([f"rule {rule.name}: allowed is a rule with limits"])
    other = replace(rule, name=f"{rule.name} {CHANGED}", limits=tuple(float(limit) for limit in limits))
    if faults := [f"rule {rule.name}.{fault}" for fault in misfits(other)]:
        raise RecipeError(faults)
    return other


def preview(
    rule: LevelRule,
    changed: LevelRule,
    catalog: Catalog,
    calendar: Calendar,
    batches: Iterable[TelemetryBatch],
    *,
    incidents: Sequence[Incident],
    span: tuple[int, int],
) -> tuple[Backtest, list[Candidate]]:
    """Return the run, and the effects of the present and of the changed limits."""
    found = backtest(Recipe("preview", (rule, changed)), catalog, calendar, batches)
    present = [one for one in found.raised if one.rule == rule.name]
    after = [one for one in found.raised if one.rule == changed.name]
    days = max(1e-9, (span[1] - span[0]) / DAY_NS)
    return found, [
        _candidate(rule, present, present, incidents, days),
        _candidate(changed, after, present, incidents, days),
    ]


def _candidate(
    rule: LevelRule, own: Sequence[Raised], present: Sequence[Raised], incidents: Sequence[Incident], days: float
) -> Candidate:
    pages = sum(one.page for one in own)
    missed = sum(not any(_finds(one, incident) for one in own) for incident in incidents)
    return Candidate(
        limits=rule.limits,
        alarms=len(own),
        pages=pages,
        added=_without(own, present),
        removed=_without(present, own),
        incidents=len(incidents),
        incidents_missed=missed,
        operator_load_per_day=round(pages / days, 3),
    )


def _without(these: Sequence[Raised], others: Sequence[Raised]) -> int:
    """Return the number of alarms that have none of the others on their series at about their time."""
    times: dict[tuple[int, int], list[int]] = {}
    for one in others:
        times.setdefault((one.sensor, one.metric), []).append(one.decided_ns)
    return sum(
        not any(abs(at - one.decided_ns) <= SAME_NS for at in times.get((one.sensor, one.metric), ())) for one in these
    )


def _finds(one: Raised, incident: Incident) -> bool:
    inside = incident.begin_ns - SAME_NS <= one.decided_ns <= incident.end_ns
    return inside and one.sensor in incident.sensors
