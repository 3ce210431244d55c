"""Clocks of devices: an hour off, drifting, or begun again in 1970 after a power cut."""

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
    """The time on the messages is wrong; they travel as ever."""

    offset_s: Annotated[float, Interval(ge=-86_400, le=86_400), Unit("s"), doc("constant error")] = 0.0
    drift_ppm: Annotated[tuple[float, float], Interval(ge=-1000, le=1000), doc("growing error, a device each")] = (
        0.0,
        0.0,
    )
    restart_year: Annotated[
        float, Interval(ge=0, le=2020), doc("the clock begins again with this year; 0: it does not")
    ] = 0.0


@dataclass(frozen=True, slots=True)
class Clock(Planned):
    """A planned clock fault."""

    settings: ClockSettings

    def carry(self, part: Samples) -> Samples:
        """The same rows with the time that the device believes."""
        rows = self.reach.rows(part)
        if not rows.any():
            return part
        told_ms = part.time_ms + self.error_ms(part)
        return replace(part, time_ms=np.where(rows, told_ms, part.time_ms))

    def error_ms(self, part: Samples) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """How far each row's clock is ahead."""
        begin = self.span_ms[0]
        if self.settings.restart_year:
            return np.full(len(part), _new_year_ms(int(self.settings.restart_year)) - begin)
        low, high = self.settings.drift_ppm
        own = low + (high - low) * uniform(self.reach.keys(part), np.zeros(len(part), np.int64), stream=6)
        drifted = own * 1e-6 * (part.due_ms - begin)
        return np.rint(1000 * self.settings.offset_s + drifted).astype(np.int64)

    def truths(self) -> Sequence[Truth]:
        """One interval; its kind says what the clock does."""
        if self.settings.restart_year:
            return [self.reach.truth("clock_jump")]
        return [self.reach.truth("clock_drift" if any(self.settings.drift_ppm) else "clock_skew")]


def _new_year_ms(year: int) -> int:
    return round(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000)
