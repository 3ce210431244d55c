"""Column checks: accepted range of times, valid range of values.

A time more than AHEAD_NS ahead of arrival is replaced by the arrival time. A time more than REFUSED_AHEAD_NS ahead, or
more than `past_ns` back, rejects the reading. Values outside the metric's range stay, with quality FAULT.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ingest.catalog import SERVICE_DEVICE
from ingest.decode.contract import Reading
from ingest.decode.times import TIME_NS_MAX
from ingest.telemetry import TelemetryBatch
from ingest.vocabulary import FIRST_LEARNED_METRIC, METRIC_NAME, METRICS, SERVICE_METRICS, Quality

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
AHEAD_NS = 120 * SECOND_NS
REFUSED_AHEAD_NS = DAY_NS
_SENSOR_MAX = 256


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Result of the checks for each row, all of shape (n,).

    past, future: rejected; ahead, outside, unknown: kept, each with a notice. time_ns and quality: to be stored.
    """

    time_ns: NDArray[np.int64]
    quality: NDArray[np.uint8]
    past: NDArray[np.bool_]
    future: NDArray[np.bool_]
    ahead: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    unknown: NDArray[np.bool_]

    @property
    def refused(self) -> NDArray[np.bool_]:
        """Mask of the rows that are not stored."""
        return self.past | self.future


class Ranges:
    """Valid ranges by metric code as arrays. A learned metric has no range."""

    def __init__(self) -> None:
        size = max(metric.code for metric in METRICS) + 2
        self._low = np.full(size, -np.inf)
        self._high = np.full(size, np.inf)
        self._bool = np.zeros(size, np.bool_)
        for metric in METRICS:
            self._low[metric.code], self._high[metric.code] = metric.low, metric.high
            self._bool[metric.code] = metric.unit == "bool"

    def outside(self, metric: NDArray[np.int16], value: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the mask of values outside the range; a bool metric has the values 0 and 1."""
        known = np.minimum(metric, len(self._low) - 1)
        out: NDArray[np.bool_] = (value < self._low[known]) | (value > self._high[known])
        out |= self._bool[known] & (value != 0) & (value != 1)
        return out


_RANGES = Ranges()


def check(batch: TelemetryBatch, *, past_ns: int) -> Checked:
    """Return the result for every row of the batch, which stays unchanged."""
    future = batch.time_ns > batch.arrival_ns + REFUSED_AHEAD_NS  # sums stay in range, differences might not
    ahead = (batch.time_ns > batch.arrival_ns + AHEAD_NS) & ~future
    past = batch.time_ns < batch.arrival_ns - past_ns
    outside = _RANGES.outside(batch.metric, batch.value) & ~future & ~past
    believed = (batch.quality == Quality.GOOD) | (batch.quality == Quality.HISTORICAL)
    return Checked(
        time_ns=np.where(ahead, batch.arrival_ns, batch.time_ns) if ahead.any() else batch.time_ns,
        quality=np.where(outside & believed, np.uint8(Quality.FAULT), batch.quality),
        past=past,
        future=future,
        ahead=ahead,
        outside=outside,
        unknown=(batch.metric >= FIRST_LEARNED_METRIC) & ~future & ~past,
    )


def ill_formed(reading: Reading) -> str:
    """Return the reject reason of an ill-formed reading, or "": the last check for every format."""
    name = reading.sensor
    if not 0 < len(name) <= _SENSOR_MAX or not name.isprintable() or name == SERVICE_DEVICE:
        return "sensor_name"
    if not METRIC_NAME.fullmatch(reading.metric):
        return "metric_name"
    if reading.metric in SERVICE_METRICS:
        return "metric_reserved"
    if not isfinite(reading.value):
        return "not_finite"
    if reading.time_ns is not None and not 0 <= reading.time_ns <= TIME_NS_MAX:
        return "time_past" if reading.time_ns < 0 else "time_future"
    return ""
