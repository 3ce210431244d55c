"""Detector of rises that will reach a limit: when, with an interval whose coverage is counted.

Forecasters: a line, a parabola with shrunken curvature, an alpha-beta-gamma filter, and a Nash cascade fitted to the
rise; each weighs by its recent error. Street floods have logistic and linear models of past rises instead. Costs about
1 us a reading without a rise; 15 us (street) or 100 us a minute (cascade) during one. Sources: Wani et al., HESS 21,
4021, 2017 (past errors as intervals); Angelopoulos et al., 2023 (quantile tracking); Nash, 1957 (cascade).

Limits: it reads no rain; while the rain continues, the cascade assumes even rain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.kernels.buckets import BUCKETS
from detectors.kernels.emission import LIVE, NONE, TIMELINES
from detectors.kernels.forecast import VALUE_AT_S, VALUE_FROM, VALUE_TO, VALUES, update_forecasts
from detectors.kernels.rises import (
    BINS,
    COUNTERS,
    FACTS,
    FORECASTERS,
    ISSUE,
    LOW_S,
    NUMBERS,
    PENDING,
    REACH_S,
    UPPER_S,
    USUAL,
)
from detectors.outputs import Forecast, LimitForecast, Outputs
from detectors.recipes.forecasting import TimeToLimit
from detectors.recipes.kinds import STEPS
from detectors.recipes.limits import applies
from detectors.rule_detection import RuleDetection
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part, Table
from ingest import Sensor

from .rise_models import load_rise_models
from .sentences import cleared_words, clearing_words, raised_words

LAYOUT = 2
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

FAR = 2**63 - 1
_SECOND_NS = 1_000_000_000
_COLUMNS = {
    "number": (np.float64, NUMBERS, np.nan),
    "counter": (np.int64, COUNTERS, NONE),
    "at": (np.float32, BUCKETS, 0),
    "mean": (np.float64, BUCKETS, 0),
    "readings": (np.float32, BUCKETS, 0),
    "pending": (np.float64, PENDING, np.nan),
    "loss": (np.float64, FORECASTERS, np.nan),
    "episode": (np.float64, STEPS * BINS * ISSUE, np.nan),
    "active": (np.bool_, STEPS, False),
    "confirmed": (np.int64, STEPS, 0),
    "off": (np.float64, STEPS, np.nan),
    "first": (np.int64, 1, NONE),
}


class TimeToLimitDetector:
    """Detector of one rule of forecasts to a limit."""

    def __init__(self, rule: TimeToLimit, table: Table, outputs: Outputs) -> None:
        self.rule, self._table, self._outputs = rule, table, outputs
        self.timed, self.due_ns = False, FAR
        self.beside: tuple[str, ...] = ()
        self._sign = -1.0 if rule.falling else 1.0
        self._models = load_rise_models()
        self._table_of_models = self._models.table()
        self._pools = self._models.pools(street=rule.street)
        self._setting = np.array(
            [rule.street, rule.bucket_s, rule.ahead_s, rule.window_s, rule.rise_min, rule.gap_s, rule.within_s,
             rule.share, rule.clear_s, rule.count], np.float64,
        )  # fmt: skip
        self._least = np.full(STEPS, 2.0)
        self._least[: len(rule.belief_min)] = rule.belief_min
        self._series = Columns(_COLUMNS)
        self._facts = Columns({"limits": (np.float64, STEPS, np.inf), "reads": (np.bool_, 1, False)})
        self._seen_version = 0

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the rule's rows; without rows there are none."""
        if part is not None and len(view.doubtful):
            part = part.without(view.doubtful)  # no rate without the times of the measurements
        if part is None:
            return []
        self.sync(view.fleet)
        kept = (part.states % TIMELINES == LIVE) & ~part.older
        rows, slots = part.rows[kept], part.states[kept] // TIMELINES
        kept = self._facts["reads"][slots]
        rows, slots = rows[kept], slots[kept]
        if not len(rows):
            return []
        batch, size = view.batch, len(rows)
        found, facts = np.zeros((size, 6), np.int64), np.full((size, STEPS, FACTS), np.nan)
        ahead = np.full((size, VALUES), np.nan)
        count = update_forecasts(
            rows, slots, batch.time_ns, self._sign * batch.value[rows], self._facts["reads"], self._facts["limits"],
            self._least, self._table_of_models, self._setting, self._state(), self._pools, found, facts, ahead,
        )  # fmt: skip
        if self._outputs.forecasts is not None:
            self._write(rows, slots, view, facts, ahead)
        return [self._detection(line, facts, view) for line in found[:count].tolist()]

    def sync(self, fleet: Fleet) -> None:
        """Set the limits of new series, and of those with a changed sensor."""
        known, slots = self._facts.size, len(self._table)
        if known == slots and self._seen_version == fleet.version:
            return
        self._facts.grow(slots)
        self._grow()
        changed = self._table.slots_of(fleet.changed(self._seen_version), below=known)
        for slot in (*changed.tolist(), *range(known, slots)):
            sensor = fleet[self._table.codes[slot]]
            self._facts["reads"][slot] = applies(self.rule, sensor)
            limits = [self._sign * limit for limit in self._limits_of(sensor)]
            self._facts["limits"][slot] = limits + [np.inf] * (STEPS - len(limits))
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._models)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        self._grow()
        pooled, loss = self._pools
        own = {name: self._series[name][: len(self._table)].tobytes() for name in _COLUMNS}
        return {"series": own, "pooled": pooled.tolist(), "loss": loss.tolist()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        plain: dict[str, NDArray[Any]] = {
            name: np.frombuffer(state["series"][name], spec[0]) for name, spec in _COLUMNS.items()
        }
        self._series.grow(len(plain["first"]))
        for name, column in plain.items():
            self._series[name][:] = column.reshape(self._series[name].shape)
        for array, name in zip(self._pools, ("pooled", "loss"), strict=True):
            array[:] = state[name]

    def _grow(self) -> None:
        before, size = self._series.size, len(self._table)
        self._series.grow(size)
        if size > before:
            self._series["counter"][before:, 2] = 0
            self._series["counter"][before:, 4] = 0

    def _state(self) -> tuple[NDArray[Any], ...]:
        columns = [self._series[name] for name in _COLUMNS]
        columns[7] = columns[7].reshape(-1, STEPS, BINS, ISSUE)
        return tuple(columns)

    def _limits_of(self, sensor: Sensor) -> tuple[float, ...]:
        own = sensor.limits.get(self.rule.metric, ()) if self.rule.sensor_limits else ()
        return tuple(own[:STEPS]) or self.rule.limits

    def _detection(self, line: list[int], facts: NDArray[np.float64], view: BatchView) -> RuleDetection:
        row, slot, phase, step, first_ns, place = line
        limit = self._sign * float(self._facts["limits"][slot, step])
        time_ns, own = int(view.batch.time_ns[row]), facts[place, step]
        code, metric = self._table.codes[slot], self._table.metric_codes[0]
        unit, usual = view.fleet.metric_of(metric).unit, self._sign * float(own[USUAL])
        evidence = self._evidence(time_ns, step, limit, own) if phase != Phase.CLEAR else {}
        words = cleared_words(limit, unit)
        if phase != Phase.CLEAR:
            words = raised_words(limit, unit, evidence.get("forecast"), evidence.get("belief"))
        level = self.rule.levels[min(step, len(self.rule.levels) - 1)]
        return RuleDetection(
            row, code, metric, LIVE, Phase(phase), level, first_ns, time_ns,
            self.rule, "time_to_limit", value=float(view.batch.value[row]), limit=limit, window_s=self.rule.window_s,
            baseline=usual if np.isfinite(usual) else None, clear_s=self.rule.clear_s,
            text=words, clears=clearing_words(limit, unit, self.rule.clear_s),
            facts=evidence,
        )  # fmt: skip

    def _evidence(self, time_ns: int, step: int, limit: float, own: NDArray[np.float64]) -> dict[str, Any]:
        """Return the forecast, its belief, and the lead times of the rule as plain data."""
        evidence: dict[str, Any] = {}
        reach, low, high, belief, held, of = own[:USUAL].tolist()
        if np.isfinite(reach):
            evidence["forecast"] = {
                "limit": limit, "issued_ns": time_ns, "low_ns": time_ns + int(low * _SECOND_NS),
                "at_ns": time_ns + int(reach * _SECOND_NS), "high_ns": time_ns + int(high * _SECOND_NS),
                "share": self.rule.share, "held": int(held), "of": int(of),
            }  # fmt: skip
        if np.isfinite(belief):
            evidence["belief"] = round(belief, 3)
        if step < len(self.rule.lead_median_s):
            lead = self.rule.lead_median_s[step], self.rule.lead_p10_s[step], self.rule.lead_count[step]
            evidence["lead"] = dict(zip(("median_s", "p10_s", "n"), lead, strict=True))
        return evidence

    def _write(
        self, rows: NDArray[np.int64], slots: NDArray[np.int64], view: BatchView, facts: NDArray[np.float64],
        ahead: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Append the forecasts of these rows."""
        written = self._outputs.forecasts if self._outputs.forecasts is not None else []
        metric, times = self._table.metric_codes[0], view.batch.time_ns
        for i in np.flatnonzero(np.isfinite(ahead[:, VALUE_AT_S]) | np.isfinite(facts[:, :, REACH_S]).any(axis=1)):
            code, time_ns = self._table.codes[int(slots[i])], int(times[rows[i]])
            if np.isfinite(ahead[i, VALUE_AT_S]):
                ends = sorted(self._sign * float(ahead[i, end]) for end in (VALUE_FROM, VALUE_TO))
                at_ns = time_ns + int(ahead[i, VALUE_AT_S] * _SECOND_NS)
                written.append(Forecast(code, metric, at_ns, ends[0], ends[1], self.rule.share))
            for k in np.flatnonzero(np.isfinite(facts[i, :, REACH_S])).tolist():
                low_ns, high_ns, at_ns = (
                    time_ns + int(facts[i, k, end] * _SECOND_NS) for end in (LOW_S, UPPER_S, REACH_S)
                )
                limit = self._sign * float(self._facts["limits"][int(slots[i]), k])
                written.append(LimitForecast(code, metric, time_ns, limit, low_ns, high_ns, self.rule.share, at_ns))
