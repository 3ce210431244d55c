"""Clock faults of devices: constant offset, drift, or restart in 1970 after a power cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.fleet import Samples
from simulators.campus.noise import uniform
from simulators.faults.fault import FaultSettings, Planned
from simulators.truth.truth import Truth


@dataclass(frozen=True, slots=True)
class ClockSettings(FaultSettings):
    """The time in the messages is wrong; their transport is unaffected."""

    offset_s: Annotated[float, Interval(ge=-86_400, le=86_400), Unit("s"), doc("constant error")] = 0.0
    drift_ppm: Annotated[
        tuple[float, float], Interval(ge=-1000, le=1000), doc("growing error, different for each device")
    ] = (
        0.0,
        0.0,
    )
    restart_year: Annotated[float, Interval(ge=0, le=2020), doc("the clock restarts with this year; 0: no restart")] = (
        0.0
    )


@dataclass(frozen=True, slots=True)
class Clock(Planned):
    """A planned clock fault."""

    settings: ClockSettings

    def carry(self, part: Samples) -> Samples:
        """Return the rows with the time of the device clock."""
        rows = self.reach.rows(part)
        if not rows.any():
            return part
        device_ms = part.time_ms + self.error_ms(part)
        return replace(part, time_ms=np.where(rows, device_ms, part.time_ms))

    def error_ms(self, part: Samples) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the clock error of each row; positive: ahead."""
        begin = self.span_ms[0]
        if self.settings.restart_year:
            return np.full(len(part), _new_year_ms(int(self.settings.restart_year)) - begin)
        low, high = self.settings.drift_ppm
        own = low + (high - low) * uniform(self.reach.keys(part), np.zeros(len(part), np.int64), stream=6)
        drifted = own * 1e-6 * (part.due_ms - begin)
        return np.rint(1000 * self.settings.offset_s + drifted).astype(np.int64)

    def truths(self) -> Sequence[Truth]:
        """Return one interval; its kind names the clock fault."""
        if self.settings.restart_year:
            return [self.reach.truth("clock_jump")]
        return [self.reach.truth("clock_drift" if any(self.settings.drift_ppm) else "clock_skew")]


def _new_year_ms(year: int) -> int:
    return round(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
