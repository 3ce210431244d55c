"""Response schemas of the reading accounts, device clocks and the quarantine."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .fields import Body, Count, List, SensorId, SiteId, Time

_ByReason = Annotated[dict[str, int], Field(description="number by reason", examples=[{"time_past": 2}])]
_ByNotice = Annotated[dict[str, int], Field(description="number by notice", examples=[{"clock_corrected": 4}])]


class Tally(Body):
    """Counts of readings. received = stored + duplicate + quarantined + residual; the residual is 0."""

    received: Count
    stored: Count
    duplicate: Count
    quarantined: _ByReason
    residual: Annotated[int, Field(examples=[0])]


class FormatTally(Tally):
    """Counts of one site and wire format."""

    site: SiteId
    format: Annotated[str, Field(examples=["campus"])]
    notices: _ByNotice


class LogPosition(Body):
    """Position of the telemetry log. head: number of the last batch."""

    head: Count


class StorePosition(Body):
    """Position of the time-series store; null while the store does not respond."""

    cursor: Count | None
    readings: Count | None
    lag_batches: Count


class Accounting(Body):
    """Reading accounts by site and wire format. lag: unprocessed batches by stage.

    An account of some sites gets no log, store and lag.
    """

    total: Tally
    by: list[FormatTally]
    notices: _ByNotice
    log: LogPosition | None
    store: StorePosition | None
    lag: Annotated[dict[str, int], Field(examples=[{"store": 0, "detect": 0, "spool": 0}])]


class DeviceCounts(Tally):
    """Counts with missing messages (sequence gaps), messages in excess of the device's rate, and unread keys."""

    missing: Count
    excess: Count
    unread: Count


class DeviceTally(DeviceCounts):
    """Counts of one device."""

    sensor: SensorId
    kind: Annotated[str, Field(examples=["smoke"])]
    unread_keys: Annotated[list[str], Field(description="the first unread keys", examples=[["flow_rate"]])]


class DeviceAccounting(List[DeviceTally]):
    """Reading accounts of one site by device. total = remainder + all devices."""

    site: SiteId
    total: DeviceCounts
    remainder: Annotated[DeviceCounts, Field(description="counts of no known device")]


class Clock(Body):
    """Estimated clock error of one device."""

    site: SiteId
    sensor: SensorId
    kind: Annotated[str, Field(examples=["smoke"])]
    offset_s: Annotated[float, Field(description="seconds added to its times", examples=[-3600.0])]
    bound_s: Annotated[float, Field(description="error after the correction, in seconds", examples=[1.2])]
    drift_ppm: Annotated[float, Field(description="drift in parts per million", examples=[20.0])]
    since: Annotated[Time | None, Field(description="time of the estimate")]


class ClockList(List[Clock]):
    """One page of device clocks."""


class QuarantinedMessage(Body):
    """One quarantined message, with personal data masked."""

    id: Count
    arrival_at: Time | None
    site: SiteId
    format: Annotated[str, Field(examples=["campus"])]
    topic: Annotated[str, Field(examples=["campus/school-1/smoke/smoke-412"])]
    reason: Annotated[str, Field(examples=["time_past"])]
    detail: Annotated[str, Field(examples=["2001-01-01T00:00:00Z"])]
    payload: Annotated[str, Field(examples=['{"time":"2001-01-01T00:00:00Z","smoke":true}'])]
    replayable: Annotated[bool, Field(description="kept whole, so it can be reprocessed")]


class QuarantineList(List[QuarantinedMessage]):
    """One page of quarantined messages."""


class Reprocessing(Body):
    """Number of quarantined messages that the service reprocesses."""

    messages: Count
