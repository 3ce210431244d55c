"""Response schemas of evidence: battery, normal band, forecast, and further facts of a detection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

import alerts

from .fields import Body, Both, Count, MetricName, SensorId, Time, Unit, both, moment, number

_Day = Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-11-02"])]
_BATTERY = ("cell", "used", "left_low", "left_high", "per_day", "earliest", "latest")
_FURTHEST_NS = 253_402_300_799_000_000_000
"""9999-12-31: a bound beyond it is no time, but an open end."""


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


class Band(Body):
    """Normal range of the metric at the time of the detection."""

    low: Annotated[float, Field(examples=[0.01])]
    high: Annotated[float, Field(examples=[0.04])]


class Forecast(Body):
    """Time at which the value reaches a limit, with the interval that holds it with probability `share`."""

    limit: Annotated[float, Field(examples=[1.2])]
    issued: Annotated[Time | None, Field(description="time of the reading that the forecast starts from")]
    low: Time | None
    at: Annotated[Time | None, Field(description="most probable time")]
    high: Annotated[Time | None, Field(description="null: no upper bound")]
    share: Annotated[float, Field(ge=0, le=1, description="stated probability", examples=[0.8])]
    held: Annotated[int, Field(ge=0, description="past intervals that held", examples=[79])]
    of: Annotated[int, Field(ge=0, description="past intervals that were checked", examples=[98])]


class HazardForecast(Forecast):
    """The forecast of a hazard with its series and its latest value."""

    sensor: SensorId
    metric: MetricName
    unit: Unit
    value: Annotated[float | None, Field(examples=[0.9])]


class LeadTime(Body):
    """Measured lead time before the harm, in seconds, over labelled events."""

    median_s: Annotated[float, Field(examples=[2520])]
    p10_s: Annotated[float, Field(description="nine of ten are longer", examples=[840])]
    n: Count


def battery_body(finding: alerts.Finding | None) -> Battery | None:
    """Return the prediction of a battery finding, None without one."""
    if finding is None:
        return None
    dims = finding.evidence.get("dims", {})
    fields: dict[str, Any] = {name: dims.get(name) for name in _BATTERY}
    return Battery(**fields, text=both(finding.evidence.get("text", {})))


def agreeing(named: object) -> list[str]:
    """Return the further sensors of a fact, [] for anything else."""
    return [str(name) for name in named] if isinstance(named, Sequence) and not isinstance(named, str) else []


def forecast(fact: object) -> Forecast | None:
    """Return the forecast of a fact, None without a limit or a time."""
    fields = _forecast_fields(fact)
    return Forecast(**fields) if fields else None


def hazard_forecast(finding: alerts.Finding | None) -> HazardForecast | None:
    """Return the forecast of a finding with its series, None without one."""
    fields = _forecast_fields(finding.evidence.get("forecast")) if finding else {}
    if finding is None or not fields:
        return None
    unit, value = str(finding.evidence.get("unit", "")), number(finding.evidence.get("value"))
    return HazardForecast(**fields, sensor=finding.sensor, metric=finding.metric, unit=unit, value=value)


def lead(fact: object) -> LeadTime | None:
    """Return the lead time of a fact, None without its figures."""
    if not isinstance(fact, Mapping):
        return None
    median_s, p10_s, n = (number(fact.get(name)) for name in ("median_s", "p10_s", "n"))
    if median_s is None or p10_s is None or n is None:
        return None
    return LeadTime(median_s=median_s, p10_s=p10_s, n=max(0, int(n)))


def band(fact: object) -> Band | None:
    """Return the normal range of a fact, None without two bounds."""
    if not isinstance(fact, Sequence) or len(fact) != 2:  # noqa: PLR2004 - low and high
        return None
    low, high = (number(bound) for bound in fact)
    return None if low is None or high is None else Band(low=low, high=high)


def _forecast_fields(fact: object) -> dict[str, Any]:
    if not isinstance(fact, Mapping):
        return {}
    limit, at = number(fact.get("limit")), _time(fact.get("at_ns"))
    if limit is None or at is None:
        return {}
    share = number(fact.get("share"))
    times = {name: _time(fact.get(f"{name}_ns")) for name in ("issued", "low", "high")}
    counts = {name: max(0, int(number(fact.get(name)) or 0)) for name in ("held", "of")}
    return {"limit": limit, "at": at, "share": min(1.0, max(0.0, share or 0.0))} | times | counts


def _time(time_ns: object) -> str | None:
    found = number(time_ns)
    return moment(int(time_ns)) if found is not None and 0 < found < _FURTHEST_NS else None  # type: ignore[call-overload] # a number
