"""Detectors with rising levels: threshold, rise within a window, stuck value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.emission import TIMELINES, empty
from detectors.kernels.levels import rising, update_levels
from detectors.recipes.kinds import STEPS, LevelRule, Rise, Stuck, Threshold
from detectors.recipes.limits import applies
from detectors.rule_detection import Entry, RuleDetection, entries
from detectors.series.active_states import ActiveStates
from detectors.series.columns import Columns
from detectors.series.one import One
from detectors.series.superseding import Superseding
from detectors.series.views import BatchView, Fleet, Part, Table

from .measures import SECOND_NS, Measure, ValueMeasure, measure_of
from .peaks import Peak, Peaks

LAYOUT = 2
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

FAR = 2**63 - 1
"""Event time of a rule that needs no clock."""


class _Ladders:
    """Distinct limits of the series of a rule, as rows of two arrays of shape (ladders, STEPS)."""

    def __init__(self, sign: float, hysteresis: float) -> None:
        self._sign, self._hysteresis = sign, hysteresis
        self._known: dict[tuple[float, ...], int] = {}
        self.floors: list[float] = []  # lowest limit of each row
        self._columns = Columns({"limit": (np.float64, STEPS, np.inf), "low": (np.float64, STEPS, np.inf)})

    @property
    def limit(self) -> NDArray[np.float64]:
        """Limits that raise a level."""
        return self._columns["limit"]

    @property
    def low(self) -> NDArray[np.float64]:
        """Limits that clear a level."""
        return self._columns["low"]

    def number(self, limits: tuple[float, ...]) -> int:
        """Return the row of these limits; the first call adds it."""
        number = self._known.get(limits)
        if number is None:
            number = self._known[limits] = len(self._known)
            self._columns.grow(number + 1)
            self.limit[number] = _padded([self._sign * limit for limit in limits], np.inf)
            self.low[number] = _padded([self._sign * limit - self._hysteresis for limit in limits], np.inf)
            self.floors.append(self.limit.item(number, 0))
        return number


class LevelDetector:
    """Detector of one rule with rising levels. Limits depend on the kind, the profile and the limits of the sensor."""

    def __init__(self, rule: LevelRule | Stuck, table: Table, measure: Measure | None = None) -> None:
        """measure: of the rule's type, unless given."""
        self.rule, self._table = rule, table
        self.timed, self.due_ns = False, FAR
        self._rises = isinstance(rule, Rise)
        self.beside: tuple[str, ...] = rule.unless if isinstance(rule, LevelRule) else ()
        self._measure = measure or measure_of(rule)
        self._limits, self._durations_s, self._counts, self._hysteresis, self._clear_s = _ladder(rule)
        self._after = _padded([int(s * SECOND_NS) for s in self._durations_s], 0)
        self._counted = _padded(list(self._counts), 1)
        self._states, self._peaks = ActiveStates(), Peaks()
        self._ladders = _Ladders(self._measure.sign, self._hysteresis)
        self._series = Columns({"ladder": (np.int32, 1, 0)})
        self._defaults: dict[tuple[str, str], int] = {}
        self._seen_version = 0
        self._superseding = Superseding(rule.unless) if isinstance(rule, LevelRule) and rule.unless else None
        self._by_value = isinstance(self._measure, ValueMeasure) and self._superseding is None

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the rule's rows; without rows there are none."""
        if part is not None and self._rises and len(view.doubtful):
            part = part.without(view.doubtful)  # no rate without the times of the measurements
        superseded = self._superseding.update(view, part) if self._superseding else None
        if part is None:
            return []
        slots = len(self._table.codes)
        if self._series.size != slots or self._seen_version != view.version:
            self.sync(view.fleet)
        if self._by_value and view.one is not None and self._idle(view.one, part):
            return []
        x = self._measure(part, view)
        if superseded is not None:
            x = np.where(superseded, -np.inf, x)  # below every limit: an open detection clears
        ladder, ladders = self._series["ladder"], self._ladders
        alone = view.one is not None
        more = int(x.item() >= self._floor(part)) if alone else rising(part.states, x, ladder, ladders.limit)
        if not more and self._states.none:
            return []
        self._states.reserve(slots * TIMELINES, more)
        found, values, count = update_levels(  # type: ignore[call-arg] # the dispatcher is typed as one without a star
            part.rows, part.states, part.older, view.batch.time_ns, x, ladder, ladders.limit, ladders.low, self._after,
            self._counted, int(self._clear_s * SECOND_NS), *self._states.arrays(), *empty(),
        )  # fmt: skip
        raised = entries(found, values, count)
        peaks = self._peaks.update(view, part, x, raised) if isinstance(self.rule, Threshold) else [None] * count
        return [self._detection(entry, peak, view, part) for entry, peak in zip(raised, peaks, strict=True)]

    def _idle(self, one: One, part: Part) -> bool:
        """Return whether the value of a reading alone is below every limit, and no level is pending or active."""
        return self._states.none and not self._measure.sign * one.value >= self._floor(part)

    def _floor(self, part: Part) -> float:
        """Return the lowest limit for a reading alone."""
        number: int = self._series["ladder"].item(part.states.item() // TIMELINES)
        return self._ladders.floors[number]

    def sync(self, fleet: Fleet) -> None:
        """Set the limits of new series, and of those with a changed sensor."""
        known, slots = self._series.size, len(self._table)
        if known == slots and self._seen_version == fleet.version:
            return
        self._series.grow(slots)
        self._measure.columns.grow(slots * TIMELINES)
        changed = self._table.slots_of(fleet.changed(self._seen_version), below=known)
        for slot in (*changed.tolist(), *range(known, slots)):
            self._series["ladder"][slot] = self._ladder_of(fleet, self._table.codes[slot])
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        size = len(self._table) * TIMELINES
        self._measure.columns.grow(size)
        superseding = {"superseding": self._superseding.dump()} if self._superseding else {}
        own = {"states": self._states.dump(size), "measure": self._measure.columns.dump(size)}
        return {**own, "peaks": self._peaks.dump(), **superseding}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._states.load(state["states"])
        self._measure.columns.load(state["measure"])
        self._peaks.load(state["peaks"])
        if self._superseding:
            self._superseding.load(state["superseding"])

    def _ladder_of(self, fleet: Fleet, code: int) -> int:
        """Return the ladder of a sensor; sensors without own limits share one per kind and profile."""
        sensor = fleet[code]
        if sensor.limits:
            return self._ladders.number(self._limits_of(fleet, code))
        default = sensor.kind, sensor.profile
        if default not in self._defaults:
            self._defaults[default] = self._ladders.number(self._limits_of(fleet, code))
        return self._defaults[default]

    def _limits_of(self, fleet: Fleet, code: int) -> tuple[float, ...]:
        if not applies(self.rule, fleet[code]):
            return ()
        if isinstance(self.rule, Threshold) and self.rule.sensor_limits:
            own = fleet[code].limits.get(self.rule.metric, ())
            return tuple(own[: len(self.rule.levels)]) or self._limits
        return self._limits

    def _baseline(self, entry: Entry, part: Part) -> float | None:
        """Return the normal value of the measure at a row."""
        if self._measure.baseline is None:
            return None
        found = float(self._measure.baseline[np.searchsorted(part.rows, entry.row)])
        return found if np.isfinite(found) else None

    def _detection(self, entry: Entry, peak: Peak | None, view: BatchView, part: Part) -> RuleDetection:
        sign = self._measure.sign
        step = entry.step
        value = sign * entry.value
        if isinstance(self.rule, Threshold) and np.isfinite(value):
            value = float(view.batch.value[entry.row])
        ladder = int(self._series["ladder"][entry.slot])
        limit = sign * float(self._ladders.limit[ladder, step])
        window_s = self.rule.window_s if isinstance(self.rule, Rise | Stuck) else self._durations_s[step]
        return RuleDetection(
            entry.row, self._table.codes[entry.slot], self._table.metric_codes[0], entry.timeline, entry.phase,
            self.rule.levels[step], entry.first_ns, entry.last_ns, self.rule, self._measure.kind,
            value=value if np.isfinite(value) else None, limit=limit, window_s=window_s,
            clear_limit=sign * float(self._ladders.low[ladder, 0]), clear_s=self._clear_s,
            baseline=self._baseline(entry, part), highest=peak and peak[1:],
        )  # fmt: skip


def _ladder(rule: LevelRule | Stuck) -> tuple[tuple[float, ...], tuple[float, ...], tuple[int, ...], float, float]:
    """Return limits, durations and counts per level, then hysteresis and clearing time."""
    size = len(rule.levels)
    if isinstance(rule, Stuck):
        return (rule.window_s,) * size, (0.0,) * size, (rule.min_count,) * size, rule.window_s, 0.0
    return rule.limits, rule.durations_s or (0.0,) * size, rule.counts or (1,) * size, rule.hysteresis, rule.clear_s


def _padded(items: list[Any], fill: Any) -> NDArray[Any]:
    return np.array(items + [fill] * (STEPS - len(items)))
