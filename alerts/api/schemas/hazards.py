"""Response schemas of hazards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

import alerts
from alerts.hazards.call_script import call_script
from alerts.tickets.links import TicketLink as StoredLink

from .detections import Detection, Times, detection_body, times
from .evidence import HazardForecast, hazard_forecast
from .fields import (
    Both,
    Colour,
    Count,
    GradeNumber,
    HazardId,
    HazardKind,
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
)
from .timeline import TimelineEntry, timeline_entry

HazardState = Literal["unacknowledged", "acknowledged", "returned", "normal"]


class SensorMetric(TypedDict):
    """A sensor and a metric behind a hazard."""

    id: SensorId
    metric: MetricName


class TicketLink(TypedDict):
    """The ticket of a hazard."""

    id: TicketId
    number: TicketNumber
    state: TicketState


class Highest(TypedDict):
    """Highest value of an alarm, of all detections with the highest level."""

    sensor: SensorId
    metric: MetricName
    value: Annotated[float, Field(examples=[0.35])]
    unit: Unit
    at: Time | None
    falling: Annotated[bool, Field(description="the limit is a lower one, and the value the lowest")]


class SilenceOfHazard(TypedDict):
    """The silence that mutes the page and the sound of an alarm now."""

    id: Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]
    ends_at: Time | None


class Hazard(TypedDict):
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
    silenced: Annotated[SilenceOfHazard | None, Field(description="its page and sound are muted; null: they are not")]
    level: GradeNumber
    state: Annotated[HazardState, Field(description="alarm state by ISA-18.2")]
    forecast: Annotated[HazardForecast | None, Field(description="newest forecast of its active detections")]
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
    """One hazard with its newest detections, at most 200, and its timeline, the oldest entry first."""

    detections: list[Detection]
    call_script: Annotated[Both | None, Field(description="script of the call to the fire line, null if it is none")]
    timeline: list[TimelineEntry]


def hazard_body(
    hazard: alerts.Hazard,
    registry: alerts.Registry,
    ticket: StoredLink | None,
    sensors: Sequence[tuple[str, str]],
    predicting: alerts.Finding | None = None,
    silence: tuple[str, int] | None = None,
) -> Hazard:
    """Return a hazard with its ticket, its (sensor, metric) pairs, and the forecast of a finding.

    silence: id and end of the silence that mutes it.
    """
    return {
        "id": hazard.id,
        "site": hazard.site,
        "zone": hazard.zone,
        "place": hazard.place,
        "place_name": both(registry.place_name(hazard.site, hazard.place)),
        "kind": hazard.kind,
        "cause": hazard.cause,
        "places": [both(registry.place_name(hazard.site, place)) for place in hazard.places],
        "grade": colour(hazard.grade),
        "highest_grade": colour(hazard.highest_grade),
        "highest": _highest(hazard.highest),
        "paged": bool(hazard.paged_grade) and silence is None,
        "silenced": {"id": silence[0], "ends_at": moment(silence[1])} if silence else None,
        "level": int(hazard.grade),
        "state": hazard.state,
        "forecast": hazard_forecast(predicting),
        "active": hazard.active,
        "late": hazard.late,
        "drill": hazard.drill,
        "opened_at": moment(hazard.opened_ns),
        "updated_at": moment(hazard.updated_ns),
        "cleared_at": moment(hazard.cleared_ns),
        "acknowledged_by": hazard.acknowledged_by,
        "acknowledged_at": moment(hazard.acknowledged_ns),
        "count": hazard.count,
        "sensors": [{"id": sensor, "metric": metric} for sensor, metric in sensors if metric],
        "text": both(hazard.text),
        "clears": both(hazard.clears),
        "ticket": {"id": ticket.id, "number": ticket.number, "state": ticket.state} if ticket else None,
        "times": times(hazard, hazard.opened_ns),
        "method": hazard.method,
        "likelihood": hazard.likelihood,
        "severity": hazard.severity,
        "version": hazard.version,
    }


def hazard_detail(
    hazard: alerts.Hazard,
    registry: alerts.Registry,
    ticket: StoredLink | None,
    found: Sequence[alerts.Finding],
    history: Sequence[alerts.Event],
    silence: tuple[str, int] | None = None,
) -> HazardDetail:
    """Return a hazard with its ticket, its detections and its timeline."""
    pairs = sorted({(finding.sensor, finding.metric) for finding in found})
    predicting = next((finding for finding in found if finding.active and finding.evidence.get("forecast")), None)
    script = call_script(hazard, registry)
    return {
        **hazard_body(hazard, registry, ticket, pairs, predicting, silence),
        "detections": [detection_body(finding) for finding in found],
        "call_script": both(script) if script else None,
        "timeline": [timeline_entry(event) for event in history],
    }


def _highest(highest: Mapping[str, Any]) -> Highest | None:
    if not highest:
        return None
    return {
        "sensor": highest["sensor"],
        "metric": highest["metric"],
        "value": highest["value"],
        "unit": highest["unit"],
        "at": moment(highest["at_ns"]),
        "falling": bool(highest.get("falling")),
    }
