"""Response schemas of the risk register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

import alerts
from alerts.database.journal import Event
from alerts.hazards.provisional import Provisional
from alerts.register.checks import MeasureStatus
from alerts.register.records import Entry, RegisterZone
from alerts.risk.content import Factors

from .campus import ProvisionalGrade
from .fields import (
    Body,
    Both,
    Colour,
    Count,
    List,
    SiteId,
    Time,
    Username,
    Version,
    ZoneId,
    both,
    colour,
    moment,
    worst,
)
from .risk import provisional_body

PointId = Annotated[str, Field(description="id of the risk point", examples=["dorm-3-fire"])]
LS = {"method": "ls", "version": "1", "likelihood": 2, "severity": 4, "exposure": None}


class RegisterZoneBody(Body):
    """A zone of the register. version 0: a zone of the campus file alone."""

    site: SiteId
    id: ZoneId
    number: Count
    name: Both
    key: Annotated[str, Field(description="key zone of GB/T 29315-2022", examples=["dormitory"])]
    version: Version


class RegisterZoneList(Body):
    """All zones of a school by number."""

    items: list[RegisterZoneBody]


class Graded(Body):
    """One assessment: method, version, inputs, score and grade."""

    method: Annotated[str, Field(examples=["ls"])]
    version: Annotated[str, Field(examples=["1"])]
    inputs: Annotated[dict[str, float], Field(examples=[{"likelihood": 2, "severity": 4}])]
    score: Annotated[float, Field(examples=[8])]
    grade: Colour


class MeasureState(Body):
    """State of a control measure: whether a sensor or an inspection proves it."""

    measure: Annotated[str, Field(examples=["m1"])]
    state: Literal["works", "failed", "overdue", "due", "unchecked"]
    by: Annotated[str, Field(description="sensor or person of the proof", examples=["officer"])]
    at: Time | None
    next: Annotated[Time | None, Field(description="end of the present cycle")]
    post: Both
    persons: Annotated[list[str], Field(description="names of its post's persons; empty is a gap", examples=[["王芳"]])]


class Card(Body):
    """The printed risk card. stale: the register changed after the print."""

    version: Version
    printed_at: Time | None
    stale: bool


class RegisterPoint(Body):
    """A risk point of the register, drafts included."""

    site: SiteId
    id: PointId
    zone: ZoneId
    number: Annotated[int, Field(ge=1, examples=[12])]
    name: Both
    state: Literal["draft", "approved", "changed", "removed"]
    version: Version
    approved_version: Version
    inherent: Annotated[Graded | None, Field(description="of the newest edit; null if not assessed")]
    existing: Graded
    live_grade: Annotated[
        Colour | None, Field(description="approved grade, raised by open hazards and a confirmed proposal")
    ]
    proposal: ProvisionalGrade | None
    failing: Annotated[int, Field(ge=0, description="measures that failed or are overdue", examples=[1])]
    gaps: Annotated[int, Field(ge=0, description="measures whose post has no person", examples=[0])]
    edited_by: Username
    edited_at: Time | None
    approved_by: Username | None
    approved_at: Time | None
    card: Card | None


class RegisterPointDetail(RegisterPoint):
    """A risk point with its content. `content` and `approved` are free-form: the fields of the editor."""

    content: Annotated[dict[str, Any], Field(examples=[{"name": {"zh": "宿舍", "en": "Dormitory"}, "existing": LS}])]
    approved: Annotated[dict[str, Any] | None, Field(description="content that was approved", examples=[None])]
    measures: list[MeasureState]


class RegisterPointList(List[RegisterPoint]):
    """One page of risk points by number."""


class RegisterChange(Body):
    """One change of a risk point from the journal. `facts` is free-form: as the change recorded them."""

    at: Time | None
    by: Username
    kind: Annotated[str, Field(examples=["risk_point.approved"])]
    facts: Annotated[dict[str, Any], Field(examples=[{"version": 2}])]


class RegisterHistory(Body):
    """Changes of a risk point, the newest first."""

    items: list[RegisterChange]


class Template(Body):
    """A register template of a kind of school."""

    template: Annotated[str, Field(examples=["primary"])]
    version: Annotated[str, Field(examples=["1"])]
    name: Both
    zones: Count
    points: Count


class TemplateList(Body):
    """All templates."""

    items: list[Template]


class Written(Body):
    """Numbers of written risk points. An equal point stays as it is."""

    new: Count
    changed: Count
    points: Annotated[int, Field(ge=0, description="points of the template or list", examples=[64])]


class Approved(Body):
    """Numbers of an approval."""

    approved: Count


def zone_body(zone: RegisterZone) -> RegisterZoneBody:
    """Return a zone."""
    return RegisterZoneBody(
        site=zone.site, id=zone.id, number=zone.number, name=both(zone.name), key=zone.key, version=zone.version
    )


def graded(factors: Factors | None) -> Graded | None:
    """Return an assessment, None for one that was not made."""
    if factors is None:
        return None
    found = factors.assessment()
    version = factors.version or found.version
    return Graded(
        method=found.method, version=version, inputs=dict(found.inputs), score=found.score, grade=colour(found.grade)
    )


def point_fields(
    entry: Entry,
    raised: Provisional | None,
    states: Sequence[MeasureState],
    printed: tuple[int, int] | None,
    standing: Sequence[alerts.Hazard],
) -> dict[str, Any]:
    """Return the fields of a risk point that lists and pages share.

    printed: version and time of its card; standing: open hazards that raise it.
    """
    card = None
    if printed:
        stale = printed[0] != entry.approved_version
        card = Card(version=printed[0], printed_at=moment(printed[1]), stale=stale)
    return {
        "site": entry.site,
        "id": entry.id,
        "zone": entry.zone,
        "number": entry.number,
        "name": both(entry.content.name.both()),
        "state": entry.state,
        "version": entry.version,
        "approved_version": entry.approved_version,
        "inherent": graded(entry.content.inherent),
        "existing": graded(entry.content.existing),
        "live_grade": None if entry.live is None else worst([int(entry.live), *(one.grade for one in standing)]),
        "proposal": provisional_body(raised) if raised else None,
        "failing": sum(one.state in {"failed", "overdue"} for one in states),
        "gaps": sum(not one.persons for one in states),
        "edited_by": entry.edited_by,
        "edited_at": moment(entry.edited_ns),
        "approved_by": entry.approved_by,
        "approved_at": moment(entry.approved_ns),
        "card": card,
    }


def measure_body(status: MeasureStatus, post: Mapping[str, str], persons: Sequence[str]) -> MeasureState:
    """Return the state of a measure. post, persons: names of its owner."""
    return MeasureState(
        measure=status.measure.id,
        state=status.state,
        by=status.by,
        at=moment(status.at_ns),
        next=moment(status.next_ns),
        post=both(post),
        persons=list(persons),
    )


def change_body(event: Event) -> RegisterChange:
    """Return a change from its journal entry."""
    return RegisterChange(at=moment(event.at_ns), by=event.actor, kind=event.kind, facts=dict(event.facts))
