"""Response schemas of the supervision of schools: counts, scores, reports against peers, sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from alerts.risk.registry import Site
from alerts.supervision.counts import DangerCounts
from alerts.supervision.league import SchoolFacts, rules
from alerts.supervision.order import USUAL
from alerts.supervision.schools import Supervised, total

from .fields import Body, Both, Count, SiteId, Time, moment, names

_Part = Annotated[float, Field(ge=0, le=1, examples=[0.8])]


class SchoolCounts(Body):
    """Numbers of dangers: found in the span by their result, and all that stand open."""

    found: Annotated[int, Field(ge=0, description="found in the span, without false reports", examples=[12])]
    self_found: Annotated[int, Field(ge=0, description="by the school and its sensors", examples=[10])]
    above: Annotated[int, Field(ge=0, description="by the public or a bureau", examples=[2])]
    general: Count
    general_done: Count
    major: Count
    major_done: Count
    due: Annotated[int, Field(ge=0, description="rectified, or late", examples=[9])]
    on_time: Annotated[int, Field(ge=0, description="rectified in time without a relapse", examples=[8])]
    sensed: Annotated[int, Field(ge=0, description="closed ones that a sensor found", examples=[4])]
    proved: Annotated[int, Field(ge=0, description="closed by the proof of the sensors", examples=[4])]
    relapsed: Count
    open: Count
    overdue: Count
    supervised: Annotated[int, Field(ge=0, description="open ones under a supervision order", examples=[1])]
    zones: Count
    zones_live: Annotated[int, Field(ge=0, description="zones with a live sensor", examples=[7])]
    drills: Count


class ScoreParts(Body):
    """Parts of the score of a school. Their weights are in `weights` of the list."""

    on_time: _Part
    proved: _Part
    coverage: _Part
    drills: _Part
    self_found: _Part
    backlog: _Part


class SupervisedSchool(Body):
    """One school. A school without reports has no rank: it is unknown, not safe."""

    site: SiteId
    name: Both
    district: Annotated[str, Field(examples=["yuelu"])]
    pupils: Annotated[int | None, Field(description="null if unknown", examples=[1200])]
    area_m2: Annotated[float | None, Field(description="null if unknown", examples=[24000])]
    counts: SchoolCounts
    score: Annotated[float, Field(ge=0, le=100, examples=[71.5])]
    parts: ScoreParts
    rank: Annotated[int | None, Field(ge=1, description="null for missing reports", examples=[3])]
    reports: Annotated[Literal["usual", "few", "none"], Field(description="against the peers")]
    improbable: Annotated[bool, Field(description="so few dangers are improbable against the peers")]
    expected: Annotated[float | None, Field(description="dangers expected by the peers", examples=[9.5])]
    probability: Annotated[float | None, Field(description="of at most the found number", examples=[0.4])]


class SupervisedSchools(Body):
    """One page of schools, with the sums of all schools in scope: neither of the page, nor of a search."""

    items: list[SupervisedSchool]
    next: Annotated[str | None, Field(description="`cursor` of the next page", examples=["WyJoYXphcmRzIiwwXQ"])]
    total: SchoolCounts
    schools: Count
    missing: Annotated[Count, Field(description="schools with few reports or none")]
    since: Time | None
    until: Time | None
    league_version: Annotated[str, Field(examples=["1"])]
    weights: ScoreParts


def school_body(school: Supervised, site: Site) -> SupervisedSchool:
    """Return one school."""
    facts, standing = school.facts, school.standing
    expectation = standing.expectation
    return SupervisedSchool(
        site=facts.site,
        name=names(site),
        district=site.district,
        pupils=facts.pupils or None,
        area_m2=facts.area_m2 or None,
        counts=counts_body(facts),
        score=round(standing.score, 1),
        parts=ScoreParts.model_validate(standing.parts),
        rank=standing.rank,
        reports=standing.reports,
        improbable=standing.improbable,
        expected=None if expectation is None else round(expectation.expected, 2),
        probability=None if expectation is None else round(expectation.probability, 6),
    )


def counts_body(facts: SchoolFacts) -> SchoolCounts:
    """Return the counts of a school, or of the sum of schools."""
    found: DangerCounts = facts.counts
    own = {name: getattr(found, name) for name in SchoolCounts.model_fields if hasattr(found, name)}
    return SchoolCounts.model_validate(
        own | {"zones": facts.zones, "zones_live": facts.zones_live, "drills": facts.drills}
    )


def page_body(
    items: list[SupervisedSchool], following: str | None, every: Sequence[Supervised], span: tuple[int, int]
) -> SupervisedSchools:
    """Return one page. every: all schools in scope; span: begin and end."""
    return SupervisedSchools(
        items=items,
        next=following,
        total=counts_body(total(every)),
        schools=len(every),
        missing=sum(one.standing.reports != USUAL for one in every),
        since=moment(span[0]),
        until=moment(span[1]),
        league_version=rules().version,
        weights=ScoreParts.model_validate(rules().weights),
    )
