"""Response schemas of detections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

import alerts

from .evidence import Band, Battery, Forecast, LeadTime, agreeing, band, battery_body, forecast, lead
from .fields import (
    Both,
    HazardId,
    HazardKind,
    Level,
    List,
    MetricName,
    SensorId,
    SiteId,
    Time,
    Unit,
    both,
    moment,
    number,
)


class Times(TypedDict):
    """The four times of an alarm, and the time at which the database recorded it."""

    event: Time | None
    gateway: Time | None
    arrival: Time | None
    decision: Time | None
    recorded: Time | None


class Window(TypedDict):
    """Span of event time that a detection covers."""

    first: Time | None
    last: Time | None


class Detection(TypedDict):
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
    band: Band | None
    forecast: Forecast | None
    lead: Annotated[LeadTime | None, Field(description="measured lead times of the rule, on an early detection")]
    change: Annotated[Both | None, Field(description="smallest change that would have prevented the detection")]
    agreeing: Annotated[list[SensorId], Field(description="further sensors that agree")]
    belief: Annotated[float | None, Field(description="probability of the incident", examples=[0.93])]
    window: Window
    text: Annotated[Both, Field(description="reason of the detection")]
    clears: Annotated[Both, Field(description="clearing condition")]
    battery: Battery | None
    times: Times


class DetectionList(List[Detection]):
    """One page of detections."""


def detection_body(finding: alerts.Finding) -> Detection:
    """Return a detection with its evidence."""
    evidence = finding.evidence
    first, last = moment(finding.first_ns), moment(finding.last_ns)
    change = evidence.get("change")
    return {
        "id": finding.id,
        "hazard": finding.hazard,
        "site": finding.site,
        "sensor": finding.sensor,
        "metric": finding.metric,
        "kind": finding.kind,
        "rule": finding.rule,
        "detector": finding.detector,
        "level": finding.level,
        "active": finding.active,
        "late": finding.late,
        "doubt": evidence.get("doubt", ""),
        "drill": finding.drill,
        "score": finding.score,
        "first": first,
        "last": last,
        "cleared": moment(finding.cleared_ns),
        "value": number(evidence.get("value")),
        "unit": evidence.get("unit", ""),
        "limit": number(evidence.get("limit")),
        "window_s": number(evidence.get("window_s")),
        "baseline": number(evidence.get("baseline")),
        "band": band(evidence.get("band")),
        "forecast": forecast(evidence.get("forecast")),
        "lead": lead(evidence.get("lead")),
        "change": both(change) if isinstance(change, Mapping) else None,
        "agreeing": agreeing(evidence.get("sensors")),
        "belief": number(evidence.get("belief")),
        "window": {"first": first, "last": last},
        "text": both(evidence.get("text", {})),
        "clears": both(evidence.get("clears", {})),
        "battery": battery_body(finding) if finding.detector == "battery" else None,
        "times": times(finding, finding.first_ns),
    }


def times(record: alerts.Hazard | alerts.Finding, event_ns: int) -> Times:
    """Return the times of an alarm that began then."""
    return {
        "event": moment(event_ns),
        "gateway": moment(record.gateway_ns),
        "arrival": moment(record.arrival_ns),
        "decision": moment(record.decided_ns),
        "recorded": moment(record.recorded_ns),
    }
