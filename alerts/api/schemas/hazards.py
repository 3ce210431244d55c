"""Response schemas of hazards and detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

import alerts

from .fields import (
    Body,
    Both,
    Colour,
    Count,
    GradeNumber,
    HazardId,
    HazardKind,
    Level,
    List,
    MetricName,
    PlaceId,
    SensorId,
    SiteId,
    TicketId,
    TicketNumber,
    TicketState,
    Time,
    Unit,
    Version,
    ZoneId,
    both,
    colour,
    moment,
    number,
)

HazardState = Literal["unacknowledged", "acknowledged", "returned", "normal"]
_Day = Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-11-02"])]
_SAME = (
    *("id", "site", "zone", "place", "kind", "cause", "state", "active", "late", "drill", "acknowledged_by"),
    *("count", "method", "likelihood", "severity", "version"),
)
_BATTERY = ("cell", "used", "left_low", "left_high", "per_day", "earliest", "latest")


class Times(Body):
    """The four times of an alarm, and the time at which the database recorded it."""

    event: Time | None
    gateway: Time | None
    arrival: Time | None
    decision: Time | None
    recorded: Time | None


class Window(Body):
    """Span of event time that a detection covers."""

    first: Time | None
    last: Time | None


class Battery(Body):
    """Predicted end of a battery, by the messages that it can still send. Days are UTC."""

    cell: Annotated[str | None, Field(description="battery type", examples=["lithium"])]
    used: Annotated[int | None, Field(description="messages sent since the battery is low", examples=[120])]
    left_low: Annotated[int | None, Field(description="messages left, lower bound", examples=[3_880])]
    left_high: Annotated[int | None, Field(description="messages left, upper bound", examples=[7_880])]
    per_day: Annotated[float | int | None, Field(description="messages a day, null with too few", examples=[144])]
    earliest: _Day | None
    latest: _Day | None
    text: Both


class Detection(Body):
    """One detection with its evidence: value, limit, window, reason and clearing condition."""

    id: Annotated[str, Field(examples=["1c2d3e4f5a6b7c8d9e0f1a2b"])]
    hazard: HazardId
    site: SiteId
    sensor: SensorId
    metric: MetricName
    kind: HazardKind
    rule: Annotated[str, Field(description="rule of the recipe", examples=["smoke_alarm"])]
    detector: Annotated[str, Field(description="detector type", examples=["threshold"])]
    level: Level
    active: bool
    late: Annotated[bool, Field(description="decided on late data")]
    doubt: Annotated[
        Literal["", "time_format", "time_past", "time_future", "clock_unknown", "standing"],
        Field(
            description="reason to decide at the arrival instead of the device's time, empty without one;"
            " `standing`: the state was present at a connect, since an unknown time",
            examples=["clock_unknown"],
        ),
    ]
    drill: Annotated[bool, Field(description="from test messages")]
    score: Annotated[float, Field(ge=0, le=1, examples=[0.9])]
    first: Time | None
    last: Time | None
    cleared: Time | None
    value: Annotated[float | None, Field(examples=[0.18])]
    unit: Unit
    limit: Annotated[float | None, Field(examples=[0.15])]
    window_s: Annotated[float | None, Field(description="window in seconds", examples=[60])]
    baseline: Annotated[
        float | None,
        Field(description="normal value: lowest of a rise's window, or of the last hours", examples=[20.5]),
    ]
    window: Window
    text: Annotated[Both, Field(description="reason of the detection")]
    clears: Annotated[Both, Field(description="clearing condition")]
    battery: Battery | None
    times: Times


class DetectionList(List[Detection]):
    """One page of detections."""


class SensorMetric(Body):
    """A sensor and a metric behind a hazard."""

    id: SensorId
    metric: MetricName


class TicketLink(Body):
    """The ticket of a hazard."""

    id: TicketId
    number: TicketNumber
    state: TicketState


class Highest(Body):
    """Highest value of an alarm, of all detections with the highest level."""

    sensor: SensorId
    metric: MetricName
    value: Annotated[float, Field(examples=[0.35])]
    unit: Unit
    at: Time | None


class Hazard(Body):
    """One hazard: all detections of one cause at one place."""

    id: HazardId
    site: SiteId
    zone: ZoneId
    place: PlaceId
    place_name: Both
    kind: HazardKind
    cause: Annotated[str, Field(description="cause that joins detections into one hazard", examples=["fire"])]
    places: Annotated[list[Both], Field(description="further places of the same stair")]
    grade: Annotated[Colour, Field(description="present grade; after clearing, the last one")]
    highest_grade: Annotated[Colour, Field(description="highest grade of the present alarm")]
    highest: Annotated[Highest | None, Field(description="highest value, null without a measured one")]
    paged: Annotated[bool, Field(description="the alarm paged; without a page it is shown without sound")]
    level: GradeNumber
    state: Annotated[HazardState, Field(description="alarm state by ISA-18.2")]
    active: bool
    late: Annotated[bool, Field(description="opened by late data, paged nobody")]
    drill: Annotated[bool, Field(description="from test messages")]
    opened_at: Time | None
    updated_at: Time | None
    cleared_at: Time | None
    acknowledged_by: Annotated[str | None, Field(examples=["operator"])]
    acknowledged_at: Time | None
    count: Annotated[Count, Field(description="number of detections raised")]
    sensors: list[SensorMetric]
    text: Annotated[Both, Field(description="reason of the alarm")]
    clears: Annotated[Both, Field(description="clearing condition")]
    ticket: TicketLink | None
    times: Times
    method: Annotated[str, Field(description="grading method", examples=["ls"])]
    likelihood: Annotated[float, Field(examples=[4])]
    severity: Annotated[float, Field(examples=[4])]
    version: Version


class HazardList(List[Hazard]):
    """One page of hazards."""


class HazardDetail(Hazard):
    """One hazard with its newest detections, at most 200."""

    detections: list[Detection]


def hazard_body(
    hazard: alerts.Hazard,
    registry: alerts.Registry,
    ticket: alerts.Ticket | None,
    sensors: Sequence[tuple[str, str]],
) -> Hazard:
    """Return a hazard with its ticket and its (sensor, metric) pairs."""
    return Hazard(**_hazard_fields(hazard, registry, ticket, sensors))


def hazard_detail(
    hazard: alerts.Hazard, registry: alerts.Registry, ticket: alerts.Ticket | None, found: Sequence[alerts.Finding]
) -> HazardDetail:
    """Return a hazard with its ticket and its detections."""
    pairs = sorted({(finding.sensor, finding.metric) for finding in found})
    detections = [detection_body(finding) for finding in found]
    return HazardDetail(**_hazard_fields(hazard, registry, ticket, pairs), detections=detections)


def _hazard_fields(
    hazard: alerts.Hazard,
    registry: alerts.Registry,
    ticket: alerts.Ticket | None,
    sensors: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    return {name: getattr(hazard, name) for name in _SAME} | {
        "place_name": both(registry.place_name(hazard.site, hazard.place)),
        "places": [both(registry.place_name(hazard.site, place)) for place in hazard.places],
        "grade": colour(hazard.grade),
        "highest_grade": colour(hazard.highest_grade),
        "highest": _highest(hazard.highest),
        "paged": bool(hazard.paged_grade),
        "level": int(hazard.grade),
        "opened_at": moment(hazard.opened_ns),
        "updated_at": moment(hazard.updated_ns),
        "cleared_at": moment(hazard.cleared_ns),
        "acknowledged_at": moment(hazard.acknowledged_ns),
        "sensors": [SensorMetric(id=sensor, metric=metric) for sensor, metric in sensors],
        "text": both(hazard.text),
        "clears": both(hazard.clears),
        "ticket": TicketLink(id=ticket.id, number=ticket.number, state=ticket.state) if ticket else None,
        "times": _times(hazard, hazard.opened_ns),
    }


def _highest(highest: Mapping[str, Any]) -> Highest | None:
    if not highest:
        return None
    fields = {name: highest[name] for name in ("sensor", "metric", "value", "unit")}
    return Highest(**fields, at=moment(highest["at_ns"]))


def detection_body(finding: alerts.Finding) -> Detection:
    """Return a detection with its evidence."""
    evidence = finding.evidence
    same = ("id", "hazard", "site", "sensor", "metric", "kind", "rule", "detector", "level", "active", "late", "drill")
    fields: dict[str, Any] = {name: getattr(finding, name) for name in (*same, "score")}
    first, last = moment(finding.first_ns), moment(finding.last_ns)
    return Detection(
        **fields,
        first=first,
        last=last,
        cleared=moment(finding.cleared_ns),
        value=number(evidence.get("value")),
        unit=evidence.get("unit", ""),
        limit=number(evidence.get("limit")),
        window_s=number(evidence.get("window_s")),
        baseline=number(evidence.get("baseline")),
        window=Window(first=first, last=last),
        text=both(evidence.get("text", {})),
        clears=both(evidence.get("clears", {})),
        doubt=evidence.get("doubt", ""),
        battery=battery_body(finding) if finding.detector == "battery" else None,
        times=_times(finding, finding.first_ns),
    )


def battery_body(finding: alerts.Finding | None) -> Battery | None:
    """Return the prediction of a battery finding, None without one."""
    if finding is None:
        return None
    dims = finding.evidence.get("dims", {})
    fields: dict[str, Any] = {name: dims.get(name) for name in _BATTERY}
    return Battery(**fields, text=both(finding.evidence.get("text", {})))


def _times(record: alerts.Hazard | alerts.Finding, event_ns: int) -> Times:
    return Times(
        event=moment(event_ns),
        gateway=moment(record.gateway_ns),
        arrival=moment(record.arrival_ns),
        decision=moment(record.decided_ns),
        recorded=moment(record.recorded_ns),
    )
