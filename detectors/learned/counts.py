"""Unusual counts of passages, vehicles or objects: a two-state chain over the usual rates.

Each series of counts has sums of half hours over five weeks. The usual rate of a slot is a low quantile of the same
slot in those weeks, shrunk towards the same time of the last days, with the dispersion of the whole series. A chain
with the states ordinary and event filters the likelihood ratio of the slots; its log odds raise the levels.

A series is one of people_in, people_out, their totals or object_count, or of an undescribed metric whose values are
non-negative integers and follow the time of day for half a week or more. Days off the weekly course of the calendar
(holidays, made-up days) are neither scored nor learned. Week and day are those of UTC; only their length matters.

Limits: no detection in the first two days of a series, few in its first week; only excess is detected, no lack; an
event that recurs in three of five weeks becomes ordinary. Cost: 0.1 us a reading, 10 us for each half hour of a series;
state: 3.6 kB a series.

Source: Ihler, Hutchins, Smyth: Adaptive event detection with time-varying Poisson processes (KDD 2006), as an online
forward filter with robust rates.

>>> from detectors.kernels.counts import HISTORY, WEEK_SLOTS
>>> HISTORY // WEEK_SLOTS
5
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.calendar import SATURDAY, Calendar
from detectors.detection import Phase
from detectors.kernels.counts import (
    COUNTS,
    HISTORY,
    LEVELS,
    NEWEST_VALUE,
    NUMBERS,
    ODDS,
    PROVEN,
    REGULAR,
    SPREAD,
    STEP,
    TIMES,
    TOTALS,
    update_counts,
)
from detectors.kernels.emission import LIVE, NONE, empty
from detectors.recipes.limits import applies
from detectors.recipes.traffic import UnusualCount
from detectors.rule_detection import Entry, RuleDetection, entries
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part
from ingest import METRIC_BY_NAME, Quality
from ingest.vocabulary import FIRST_LEARNED_METRIC

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

NAMED = {"people_in": COUNTS, "people_out": COUNTS, "people_in_total": TOTALS, "people_out_total": TOTALS,
         "object_count": LEVELS}  # fmt: skip
FORMS = {METRIC_BY_NAME[name].code: form for name, form in NAMED.items()}
CANDIDATES_MAX = 65_536
"""Undescribed series that are examined at the same time."""

SERIES_MAX = 100_000
"""Series that are learned, 360 MB; further ones are not."""

TRIED, DISTINCT = 50, 5
"""Whole numbers, and different ones among them, after which an undescribed series is learned."""

FAR = 2**63 - 1
UNSEEN, REFUSED = -1, -2
DAY_NS = 86_400_000_000_000


class CountDetector:
    """Detector of unusual counts in live readings; late readings and drills change nothing."""

    def __init__(self, rule: UnusualCount, calendar: Calendar) -> None:
        self.rule, self._calendar = rule, calendar
        self.beside: tuple[str, ...] = ()
        self.timed, self.due_ns = False, FAR
        self._keys: list[tuple[int, int]] = []  # metric and sensor of each series
        self._slots: dict[int, NDArray[np.int32]] = {}  # metric -> sensor code -> series
        self._tried: dict[tuple[int, int], list[float]] = {}
        self._history = Columns({"history": (np.int16, HISTORY, 0)})
        self._numbers = Columns({"numbers": (np.float64, NUMBERS, 0.0)})
        self._times = Columns({"times": (np.int64, TIMES, NONE)})
        self._raises = np.array(rule.odds, np.float64)
        self._parameters = np.array(
            (rule.prior, rule.stay, rule.least, rule.most, rule.width, rule.relative, rule.shrink, rule.quantile,
             rule.young, rule.forget, rule.days), np.float64,
        )  # fmt: skip

    def takes(self, metric: int) -> bool:
        """Return whether readings of this metric may be counts: an undescribed one may be."""
        return metric in FORMS or metric >= FIRST_LEARNED_METRIC

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the half hours that end in the batch."""
        del part
        metrics = [code for code in view.metrics if self.takes(code)]
        if not metrics:
            return []
        batch = view.batch
        rows = view.rows_of(metrics)
        live = batch.quality[rows] == Quality.GOOD
        live &= batch.arrival_ns[rows] - batch.time_ns[rows] <= view.late_ns
        rows = rows[live]
        series = self._series_of(view, rows)
        rows, series = rows[series >= 0], series[series >= 0]
        if not len(rows):
            return []
        forms = np.array([FORMS.get(code, COUNTS) for code in batch.metric[rows].tolist()], np.int8)
        found, seen, count = update_counts(
            rows, series, forms, self._special(batch.time_ns[rows]), batch.time_ns, batch.value, self._raises,
            self._parameters, self._history["history"], self._numbers["numbers"], self._times["times"], *empty(),
        )  # fmt: skip
        lines = entries(found, seen, count)
        return [self._detection(*lines[at : at + 3]) for at in range(0, count, 3)]

    def sync(self, fleet: Fleet) -> None:
        """Need no facts before the first reading."""

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._calendar.inputs())

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        size = len(self._keys)
        refused = [[code, np.flatnonzero(slots == REFUSED).tolist()] for code, slots in sorted(self._slots.items())]
        return {
            "keys": [list(key) for key in self._keys],
            "refused": [one for one in refused if one[1]],
            "tried": [[*key, *values] for key, values in sorted(self._tried.items())],
            "history": self._history.dump(size),
            "numbers": self._numbers.dump(size),
            "times": self._times.dump(size),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._keys = [(metric, sensor) for metric, sensor in state["keys"]]
        for slot, (metric, sensor) in enumerate(self._keys):
            self._room(metric, sensor + 1)[sensor] = slot
        for metric, sensors in state["refused"]:
            self._room(metric, max(sensors) + 1)[sensors] = REFUSED
        self._tried = {(metric, sensor): values for metric, sensor, *values in state["tried"]}
        self._history.load(state["history"])
        self._numbers.load(state["numbers"])
        self._times.load(state["times"])

    def _room(self, metric: int, size: int) -> NDArray[np.int32]:
        known = self._slots.get(metric, np.empty(0, np.int32))
        if size > len(known):
            more = np.full(max(size, 2 * len(known)) - len(known), UNSEEN, np.int32)
            known = self._slots[metric] = np.concatenate([known, more])
        return known

    def _series_of(self, view: BatchView, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the series of each row, below 0 for none; add series in row order."""
        batch = view.batch
        sensors, metrics = batch.sensor[rows], batch.metric[rows]
        series = np.full(len(rows), UNSEEN, np.int64)
        for metric in np.unique(metrics).tolist():
            of_metric = metrics == metric
            series[of_metric] = self._room(metric, len(view.fleet))[sensors[of_metric]]
        for at in np.flatnonzero(series == UNSEEN).tolist():
            key = int(metrics[at]), int(sensors[at])
            slots = self._slots[key[0]]
            if slots[key[1]] == UNSEEN:
                self._examine(view, key, float(batch.value[rows[at]]))
            series[at] = slots[key[1]]
        return series

    def _examine(self, view: BatchView, key: tuple[int, int], value: float) -> None:
        """Add the series of a reading, refuse it, or leave it for more readings."""
        metric, sensor = key
        slots = self._slots[metric]
        if len(self._keys) >= SERIES_MAX or not applies(self.rule, view.fleet[sensor]):
            slots[sensor] = REFUSED
            return
        if metric not in FORMS:
            if value < 0 or value != int(value):
                slots[sensor] = REFUSED
                self._tried.pop(key, None)
                return
            if key not in self._tried and len(self._tried) >= CANDIDATES_MAX:
                return
            tried = self._tried.setdefault(key, [0.0])
            tried[0] += 1
            if value not in tried[1:] and len(tried) <= DISTINCT:
                tried.append(value)
            if tried[0] < TRIED or len(tried) <= DISTINCT:
                return
            del self._tried[key]
        slots[sensor] = len(self._keys)
        self._keys.append(key)
        for columns in (self._history, self._numbers, self._times):
            columns.grow(len(self._keys))
        numbers = self._numbers["numbers"][-1]
        numbers[ODDS], numbers[SPREAD] = np.log(self.rule.prior), 3.0
        numbers[NEWEST_VALUE], numbers[REGULAR] = np.nan, 1.0
        numbers[PROVEN] = float(metric in FORMS)
        self._times["times"][-1][STEP] = 0

    def _special(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return True for times on days off the weekly course of the calendar."""
        if not (self._calendar.terms or self._calendar.holidays or self._calendar.workdays or self._calendar.days):
            return np.zeros(len(times), np.bool_)
        days = times // DAY_NS
        special = np.zeros(len(times), np.bool_)
        for day in np.unique(days).tolist():
            special[days == day] = _off_course(self._calendar, day)
        return special

    def _detection(self, entry: Entry, center: Entry, width: Entry) -> RuleDetection:
        metric, sensor = self._keys[entry.slot]
        usual, sd = max(center.value, 0.0), width.value
        x, high = max(entry.value, 0.0), usual + 2 * sd
        return RuleDetection(
            entry.row, sensor, metric, LIVE, entry.phase, self.rule.levels[entry.step], entry.first_ns, entry.last_ns,
            self.rule, "unusual_count", value=x, limit=high, window_s=1800.0, baseline=usual,
            text=_text(x, usual, over=entry.phase is Phase.CLEAR),
            clears=("计数恢复到平时水平后解除", "Clears when the counts are back at their usual level"),
            facts={"band": [max(0.0, usual - 2 * sd), high]},
        )  # fmt: skip


def _text(x: float, usual: float, *, over: bool) -> tuple[str, str]:
    """Return the sentence of a detection, or of its end.

    >>> _text(320, 111.6, over=False)[1]
    'Unusual count: 320 within 30 min (usually about 112)'
    """
    if over:
        return f"计数已恢复到平时水平（30 分钟 {x:.0f}）", f"Count is back at its usual level ({x:.0f} within 30 min)"
    return (
        f"计数异常：30 分钟内 {x:.0f}（平时约 {usual:.0f}）",
        f"Unusual count: {x:.0f} within 30 min (usually about {usual:.0f})",
    )


@lru_cache(maxsize=4096)
def _off_course(calendar: Calendar, day: int) -> bool:
    """Return whether a UTC day overlaps a local day with other hours than its weekday."""
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    for local in (first.date(), (first + timedelta(days=1)).date()):
        usual = calendar.weekend if local.weekday() >= SATURDAY else (calendar.opens, calendar.closes)
        if calendar.hours(local) != usual:
            return True
    return False
