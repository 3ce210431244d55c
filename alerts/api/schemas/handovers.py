"""Response schemas of shift handovers."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field

from alerts.handover.handovers import Handover as Record

from .fields import Body, Both, Colour, Count, HazardId, HazardKind, List, SensorId, SiteId, Time, Username, moment

Line = TypeVar("Line")


class Section(Body, Generic[Line]):
    """One section of a sheet. total: lines in all; the sheet shows the first ones."""

    total: Count
    lines: list[Line]


class OpenLine(Body):
    """One open alarm."""

    hazard: HazardId
    place: Both
    kind: HazardKind
    grade: Colour
    since: Time
    active: bool
    acknowledged_by: Annotated[str | None, Field(examples=["operator"])]


class StepLine(Body):
    """One step of an incident."""

    step: Annotated[str, Field(examples=["acknowledged"])]
    at: Time
    by: Username


class IncidentLine(Body):
    """One alarm that paged in the shift."""

    hazard: HazardId
    place: Both
    kind: HazardKind
    grade: Colour
    since: Time
    active: bool
    steps: list[StepLine]


class NoDataLine(Body):
    """One sensor or gateway without messages."""

    sensor: SensorId
    kind: HazardKind
    since: Time


class IgnoredLine(Body):
    """One ignored sensor."""

    sensor: SensorId
    reason: Annotated[str, Field(examples=["shop next door"])]


class SilenceLine(Body):
    """One silence in force. patrol: account of its person, null without a patrol."""

    silence: Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]
    place: Both
    cause: Annotated[str, Field(examples=["sensor_health"])]
    owner: Username
    reason: Annotated[str, Field(examples=["detectors are cleaned"])]
    until: Time
    patrol: Annotated[str | None, Field(examples=["operator"])]


class CallLine(Body):
    """One call of the fire line."""

    at: Time
    by: Username
    place: Both


class Sheet(Body):
    """Sheet of a shift. done: account -> number of its actions on alarms."""

    open: Section[OpenLine]
    incidents: Section[IncidentLine]
    no_data: Section[NoDataLine]
    ignored: Section[IgnoredLine]
    silences: Annotated[Section[SilenceLine], Field(default_factory=lambda: Section[SilenceLine](total=0, lines=[]))]
    calls: Section[CallLine]
    done: Annotated[dict[str, int], Field(examples=[{"operator": 3}])]


class HandoverDraft(Body):
    """Sheet of the present shift, not signed yet."""

    site: SiteId
    since: Time
    until: Time
    sheet: Sheet


class Handover(HandoverDraft):
    """One signed handover. taken_by, taken_at: null until another person takes over."""

    id: Annotated[str, Field(examples=["7f0c2d1e9a7b4c3d8e6f1a2b"])]
    note: Annotated[str, Field(examples=["Plumber in dormitory 3 until 09:00"])]
    given_by: Username
    given_at: Time
    taken_by: Annotated[str | None, Field(examples=["officer"])]
    taken_at: Time | None


class HandoverList(List[Handover]):
    """One page of handovers."""


def handover_body(handover: Record) -> Handover:
    """Return one handover."""
    sheet: Any = handover.sheet
    return Handover(
        id=handover.id,
        site=handover.site,
        since=moment(handover.since_ns) or "",
        until=moment(handover.until_ns) or "",
        sheet=sheet,
        note=handover.note,
        given_by=handover.given_by,
        given_at=moment(handover.given_ns) or "",
        taken_by=handover.taken_by,
        taken_at=moment(handover.taken_ns),
    )
