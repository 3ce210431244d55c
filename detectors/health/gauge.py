"""Detector of faulty river gauges: spike, drop to zero, step, noise, stuck value.

Sizes are compared with quantiles of the gauge's own past changes, kept in histograms of half powers of two that fade
(after Siffer et al., "Anomaly detection in streams with extreme value theory", KDD 2017: thresholds from the own tail).
A river rises fast and falls slowly; a step is flat before and after it. Limits: no finding before learn_count readings;
slow drift is not detected. Cost: 1 us a reading, 1.1 kB a series.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.detection import Phase
from detectors.kernels.emission import LIVE, NONE
from detectors.kernels.gauge import CELLS, DROP, NOISE, NUMBERS, RECENT, SPIKE, STEP, STUCK, TIMES, update_gauges
from detectors.recipes.gauges import GaugeFault
from detectors.recipes.limits import applies
from detectors.rule_detection import RuleDetection
from detectors.series.columns import Columns
from detectors.series.superseding import Superseding
from detectors.series.views import BatchView, Fleet, Part, Table

LAYOUT = 2
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

FAR = 2**63 - 1
_TINY = 1e-3
"""Flow below which a pipe or brook is at rest: a constant zero is no stuck value."""
_COLUMNS = {
    "recent": (np.float64, RECENT, 0),
    "bends": (np.float64, CELLS, 0),
    "jumps": (np.float64, CELLS, 0),
    "runs": (np.float64, CELLS, 0),
    "number": (np.float64, NUMBERS, 0),
    "moment": (np.int64, TIMES, NONE),
}
_WORDS = {
    SPIKE: ("读数出现尖峰", "a spike"),
    DROP: ("读数突降为零", "a drop to zero"),
    STEP: ("读数发生突跳且不回落", "a step without a rise of the water"),
    NOISE: ("读数噪声异常增大", "far more noise than usual"),
    STUCK: ("读数长时间不变", "the same value for longer than ever"),
}


class GaugeDetector:
    """Detector of one rule of gauge faults."""

    def __init__(self, rule: GaugeFault, table: Table) -> None:
        self.rule, self._table = rule, table
        self.timed, self.due_ns = False, FAR
        self.beside: tuple[str, ...] = rule.unless
        self._superseding = Superseding(rule.unless)
        self._setting = np.array(
            [rule.learn_count, rule.spikes, rule.steps_up, rule.steps_down, rule.noisy, rule.stuck_count, rule.stuck_s,
             rule.clear_count, rule.least, rule.stuck_factor], np.float64,
        )  # fmt: skip
        self._series = Columns(_COLUMNS)
        self._reads = np.zeros(0, np.bool_)
        self._seen_version = 0

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the rule's rows; without rows there are none."""
        superseded = self._superseding.update(view, part) if self.rule.unless else None
        if part is not None and superseded is not None and superseded.any():
            part = part.without(part.rows[superseded])
        if part is not None and len(view.doubtful):
            part = part.without(view.doubtful)
        if part is None:
            return []
        self.sync(view.fleet)
        values = view.batch.value[part.rows]
        zero = values <= _TINY if self.rule.logs else values == 0
        if self.rule.logs:
            values = np.log(np.maximum(values, _TINY))
        found, usual = np.zeros((2 * len(values), 5), np.int64), np.zeros(2 * len(values))
        count = update_gauges(
            part.states, part.older, view.batch.time_ns[part.rows], values, zero, self._reads, self._setting,
            tuple(self._series[name] for name in _COLUMNS), found, usual,
        )  # fmt: skip
        usual = np.exp(usual) if self.rule.logs else usual
        lines = zip(found[:count].tolist(), usual[:count].tolist(), strict=True)
        return [self._detection(line, level, part, view) for line, level in lines]

    def sync(self, fleet: Fleet) -> None:
        """Read the kinds of new sensors, and of changed ones."""
        known, slots = len(self._reads), len(self._table)
        if known == slots and self._seen_version == fleet.version:
            return
        self._series.grow(slots)
        self._reads = np.concatenate([self._reads, np.zeros(slots - known, np.bool_)])
        changed = self._table.slots_of(fleet.changed(self._seen_version), below=known)
        for slot in (*changed.tolist(), *range(known, slots)):
            self._reads[slot] = applies(self.rule, fleet[self._table.codes[slot]])
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        self._series.grow(len(self._table))
        series = {name: self._series[name][: len(self._table)].tobytes() for name in _COLUMNS}
        return {**series, "superseding": self._superseding.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        for name, (dtype, width, _) in _COLUMNS.items():
            plain = np.frombuffer(state[name], dtype).reshape(-1, width)
            self._series.grow(len(plain))
            self._series[name][:] = plain
        self._superseding.load(state["superseding"])

    def _detection(self, line: list[int], usual: float, part: Part, view: BatchView) -> RuleDetection:
        place, slot, phase, kind, begin = line
        row = int(part.rows[place])
        time_ns, value = int(view.batch.time_ns[row]), float(view.batch.value[row])
        zh, en = _WORDS[kind]
        ended, count = phase == Phase.CLEAR, self.rule.clear_count
        words = f"传感器{zh}，疑似故障", f"The sensor shows {en}; it may be faulty"
        return RuleDetection(
            row, self._table.codes[slot], self._table.metric_codes[0], LIVE, Phase(phase), self.rule.levels[0], begin,
            time_ns, self.rule, "gauge_fault", value=value, baseline=usual,
            text=("传感器读数已恢复正常", "The sensor is plausible again") if ended else words,
            clears=(f"连续 {count} 个读数正常后解除", f"Clears after {count} plausible readings"),
            own_hazard="sensor_stuck" if kind == STUCK else "",
        )  # fmt: skip
