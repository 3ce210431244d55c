"""Value faults: stuck values and missing measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Interval, doc

from simulators.campus.calendar import DAY_MS
from simulators.campus.fleet import Samples
from simulators.campus.noise import Floats
from simulators.faults.fault import FaultSettings, Planned
from simulators.truth.truth import Truth


@dataclass(frozen=True, slots=True)
class StuckSettings(FaultSettings):
    """A metric keeps its last value."""

    metric: Annotated[str, doc("name of the metric; empty: every number")] = ""


@dataclass(frozen=True, slots=True)
class NullSettings(FaultSettings):
    """Messages without a measurement."""

    metric: Annotated[str, doc("name of the metric; empty: every number")] = ""
    share: Annotated[float, Interval(gt=0, le=1), doc("share of messages")] = 1.0


@dataclass(frozen=True)
class Stuck(Planned):
    """A planned stuck value."""

    settings: StuckSettings

    @cached_property
    def _last(self) -> dict[tuple[int, str], float]:
        """(device, metric) -> the last value before the fault, at most one day old."""
        found: dict[tuple[int, str], float] = {}
        begin, wanted = self.span_ms[0], set(self.reach.members.tolist())
        longest_s = max(self.reach.fleet.devices[index].period_s for index in wanted)
        for part in self.reach.look((begin - min(DAY_MS, round(2000 * longest_s)), begin)):
            for device, values in zip(part.device.tolist(), part.values.tolist(), strict=True):
                if device in wanted:
                    found |= {(device, metric): value for metric, value in zip(part.metrics, values, strict=True)}
        return found

    def carry(self, part: Samples) -> Samples:
        """Return the messages with the stuck value."""
        rows = self.reach.rows(part)
        for metric in part.metrics if rows.any() else ():
            if self.settings.metric in ("", metric):
                old = part.values[:, part.metrics.index(metric)]
                part = part.with_column(metric, np.where(rows, self._kept(part, metric, old), old))
        return part

    def _kept(self, part: Samples, metric: str, old: Floats) -> Floats:
        pairs = zip(part.device.tolist(), old.tolist(), strict=True)
        return np.array([self._last.get((device, metric), value) for device, value in pairs], np.float64)

    def truths(self) -> Sequence[Truth]:
        """Return one interval."""
        return [self.reach.truth("sensor_stuck")]


@dataclass(frozen=True, slots=True)
class Null(Planned):
    """Planned missing measurements."""

    settings: NullSettings

    def carry(self, part: Samples) -> Samples:
        """Return the messages without a value."""
        rows = self.reach.rows(part)
        if not rows.any():
            return part
        rows &= self.reach.luck(part, stream=7) < self.settings.share
        for metric in part.metrics:
            if self.settings.metric in ("", metric):
                part = part.with_column(metric, np.where(rows, np.nan, part.values[:, part.metrics.index(metric)]))
        return part

    def truths(self) -> Sequence[Truth]:
        """Return one interval."""
        return [self.reach.truth("no_measurement")]
