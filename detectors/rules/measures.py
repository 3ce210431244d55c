"""Measures of rules with rising levels: value, value above the lowest, rise, seconds without change."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.emission import NONE
from detectors.kernels.measures import BUCKETS, lift, lowest, rise, unchanged
from detectors.recipes.kinds import Rise, Rule, Stuck, Threshold
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Part

SECOND_NS = 1_000_000_000
LOW_SPAN_NS, LOW_SETTLE_NS = 43_200 * SECOND_NS, 600 * SECOND_NS
"""Span of the lowest value, and time after which it counts."""

UNSETTLED_FACTOR = 6.0
"""Share of low_max up to which a value counts before its lowest one is settled: beyond that, a sensor starts broken."""


class Measure(Protocol):
    """What a rule with levels compares with its limits.

    kind: type of the detections; sign: -1 if low values reach a limit; columns: state, one row a series and timeline;
    baseline: normal value at each row of the last call, None without one.
    """

    kind: str
    sign: float
    columns: Columns
    baseline: NDArray[np.float64] | None

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part, in order; it may be a column of the batch."""
        ...


class ValueMeasure:
    """Value as the measure; negated for a rule with falling limits."""

    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: Threshold) -> None:
        self.kind = "threshold"
        self.sign = -1.0 if rule.falling else 1.0
        self.columns = Columns({"nothing": (np.bool_, 1, False)})

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        values = view.of_rows(view.batch.value, part.rows)
        return values if self.sign > 0 else -values


class LiftedMeasure:
    """Value as the measure where it is far enough above the lowest of the last hours; else far below every limit."""

    sign = 1.0
    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: Threshold) -> None:
        self.kind = "threshold"
        self._above_low, self._low_max = rule.above_low, rule.low_max
        self.columns = Columns(
            {"begin": (np.int64, 1, NONE), "stamp": (np.int64, 1, NONE), "lows": (np.float64, 2, np.inf)}
        )

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        low, x = np.empty(len(part.rows)), np.empty(len(part.rows))
        batch, own = view.batch, self.columns
        times, values = view.of_rows(batch.time_ns, part.rows), view.of_rows(batch.value, part.rows)
        lowest(
            part.states, part.older, times, values, LOW_SPAN_NS, LOW_SETTLE_NS, own["begin"], own["stamp"], own["lows"],
            low,
        )  # fmt: skip
        self.baseline = low
        lift(values, low, self._above_low, self._low_max, UNSETTLED_FACTOR, x)
        return x


class RiseWindow:
    """Rise of values within a window, above the lowest of them; see `kernels.measures.rise`."""

    def __init__(self, window_s: float) -> None:
        self._width_ns = int(window_s * SECOND_NS / (BUCKETS - 1))
        self.columns = Columns(
            {
                "before": (np.float64, 2, np.nan),
                "stamp": (np.int64, BUCKETS, NONE // 2),
                "highs": (np.float64, BUCKETS, 0),
            }
        )

    def __call__(
        self, part: Part, view: BatchView, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the rise and the lowest value of the window at each row of the part; values: of these rows."""
        x, low = np.empty(len(part.rows)), np.empty(len(part.rows))
        times, own = view.of_rows(view.batch.time_ns, part.rows), self.columns
        rise(part.states, part.older, times, values, self._width_ns, own["before"], own["stamp"], own["highs"], low, x)
        return x, low


class RiseMeasure:
    """Rise of the value within the window as the measure."""

    sign = 1.0
    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: Rise) -> None:
        self.kind = "rise"
        self._falling = rule.falling
        self._window = RiseWindow(rule.window_s)
        self.columns = self._window.columns

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        values = view.of_rows(view.batch.value, part.rows)
        x, low = self._window(part, view, -values if self._falling else values)
        self.baseline = -low if self._falling else low
        return x


class StuckMeasure:
    """Seconds without a change of the value as the measure."""

    sign = 1.0
    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: Stuck) -> None:
        self.kind = "stuck"
        self._tolerance = rule.tolerance
        self.columns = Columns({"mark": (np.float64, 1, 0), "since": (np.int64, 1, NONE)})

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        x = np.empty(len(part.rows))
        batch, own = view.batch, self.columns
        times, values = view.of_rows(batch.time_ns, part.rows), view.of_rows(batch.value, part.rows)
        unchanged(part.states, part.older, times, values, self._tolerance, own["mark"], own["since"], x)
        return x


def measure_of(rule: Rule) -> Measure:
    """Return the measure of a rule by its type."""
    if isinstance(rule, Rise):
        return RiseMeasure(rule)
    if isinstance(rule, Stuck):
        return StuckMeasure(rule)
    if isinstance(rule, Threshold):
        return LiftedMeasure(rule) if rule.above_low else ValueMeasure(rule)
    raise TypeError(f"no measure for rules of type {type(rule).__name__}")
