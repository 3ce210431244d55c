"""Device faults: readings of quality fault in a row."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors.detection import Phase
from detectors.kernels.emission import LIVE, NONE
from detectors.recipes.kinds import Invalid
from detectors.recipes.limits import applies
from detectors.rule_detection import RuleDetection
from detectors.series.columns import Columns
from detectors.series.views import UNUSABLE, BatchView, Fleet, Part
from ingest import Quality

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

SERIES_MAX = 100_000
"""Series with a fault; further ones are not scored until others end."""

FAR = 2**63 - 1
COUNT, FIRST, LAST, RAISED = 0, 1, 2, 3


class InvalidDetector:
    """Detector of faulty readings, over all metrics. The next good reading of the metric clears.

    Late readings neither raise nor clear. Only series with a fault have a state.
    """

    def __init__(self, rule: Invalid) -> None:
        self.rule = rule
        self.beside: tuple[str, ...] = ()
        self.timed = True
        self._series: dict[tuple[int, int], list[int]] = {}
        self._faulty = Columns({"faulty": (np.bool_, 1, False)})

    @property
    def due_ns(self) -> int:
        """Any time while a series has a fault: each reading may end it."""
        return int(NONE) if self._series else FAR

    def takes(self, metric: int) -> bool:
        """Return whether a batch with this code may have a fault."""
        return metric == UNUSABLE

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the batch's faults and of the good readings after them."""
        del part
        if not self._series and not view.faulty:
            return []
        batch = view.batch
        wrong = batch.quality == Quality.FAULT
        self._faulty.grow(len(view.fleet))
        faulty = self._faulty["faulty"]
        faulty[batch.sensor[wrong]] = True
        concerned = (wrong | (batch.quality == Quality.GOOD)) & faulty[batch.sensor]
        concerned &= batch.arrival_ns - batch.time_ns <= view.late_ns
        found, before = [], len(self._series)
        for row in np.flatnonzero(concerned).tolist():
            key = int(batch.sensor[row]), int(batch.metric[row])
            step = self._fail if wrong[row] else self._recover
            detection = step(view, row, key)
            found += [detection] if detection else []
        if view.faulty or len(self._series) != before:
            faulty[:] = False
            faulty[[sensor for sensor, _ in self._series]] = True
        return found

    def sync(self, fleet: Fleet) -> None:
        """Need no facts before the first fault."""

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {"series": [[*key, *state] for key, state in sorted(self._series.items())]}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._series = {(sensor, metric): facts for sensor, metric, *facts in state["series"]}
        self._faulty.grow(max((sensor for sensor, _ in self._series), default=-1) + 1)
        self._faulty["faulty"][[sensor for sensor, _ in self._series]] = True

    def _fail(self, view: BatchView, row: int, key: tuple[int, int]) -> RuleDetection | None:
        time_ns = int(view.batch.time_ns[row])
        state = self._series.get(key)
        if state is None:
            if len(self._series) >= SERIES_MAX or not applies(self.rule, view.fleet[key[0]]):
                return None
            state = self._series[key] = [0, time_ns, time_ns, 0]
        state[COUNT], state[LAST] = state[COUNT] + 1, max(state[LAST], time_ns)
        if state[RAISED] or state[COUNT] < self.rule.min_count:
            return None
        state[RAISED] = 1
        return self._detection(view, row, key, state, Phase.RAISE)

    def _recover(self, view: BatchView, row: int, key: tuple[int, int]) -> RuleDetection | None:
        state = self._series.get(key)
        if state is None or int(view.batch.time_ns[row]) < state[LAST]:
            return None
        del self._series[key]
        state[LAST] = int(view.batch.time_ns[row])
        return self._detection(view, row, key, state, Phase.CLEAR) if state[RAISED] else None

    def _detection(
        self, view: BatchView, row: int, key: tuple[int, int], state: list[int], phase: Phase
    ) -> RuleDetection:
        return RuleDetection(
            row, *key, LIVE, phase, self.rule.levels[0], state[FIRST], state[LAST], self.rule, "invalid",
            value=float(view.batch.value[row]),
        )  # fmt: skip
