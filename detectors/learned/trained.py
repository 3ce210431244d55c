"""Deviations by a trained model: all channels of a step scored together.

The readings of a step are averaged by channel, as in the history. A step with all channels is scored when the next one
begins; a step without one of them is left out. See `models` for the scores, sources and cost.

Limits: a model knows the season it was fitted on; `twinward train` fits it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.errors import RecipeError
from detectors.kernels.emission import LIVE, NONE
from detectors.outputs import Outputs, Score
from detectors.recipes.limits import applies
from detectors.recipes.trained import Trained
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet, Part
from ingest import Quality

from .models import Scorer

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""
_NO_ROWS = np.empty(0, np.int64)


class TrainedDetector:
    """Detector of one rule over the live readings of its model's channels."""

    def __init__(self, rule: Trained, outputs: Outputs) -> None:
        """Raises RecipeError if the rule has no loaded model."""
        if rule.loaded is None:
            raise RecipeError([f"rule {rule.name}.model = {rule.model!r}: the file is not loaded"])
        self.rule, self._outputs, self._model = rule, outputs, rule.loaded
        self.timed, self.due_ns = True, int(NONE)
        self.beside: tuple[str, ...] = ()
        self._scorer = Scorer(self._model)
        self._step_ns = int(float(self._model.content["step_s"]) * 1e9)
        self._names = {name: place for place, name in enumerate(self._model.channels)}
        self._site = str(self._model.content["site"])
        self._places: dict[int, dict[str, int]] = {}
        self._seen_version = 0
        self._step = self._above = self._below = self._begin = 0
        self._raised: list[int] = []
        self._sums, self._counts = np.zeros(len(self._names)), np.zeros(len(self._names), np.int64)

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:  # noqa: ARG002 - no table of its own
        """Return the detections of the batch."""
        self.sync(view.fleet)
        found: list[RuleDetection] = []
        batch = view.batch
        for row in self._rows(view).tolist():
            names = self._places[int(batch.sensor[row])]
            place = names.get(view.fleet.metric_of(int(batch.metric[row])).name)
            step = int(batch.time_ns[row]) // self._step_ns
            if place is None or step < self._step:
                continue
            if step > self._step:
                found += self._close(row, view)
                self._step = step
                self._sums[:], self._counts[:] = 0.0, 0
            self._sums[place] += batch.value[row]
            self._counts[place] += 1
        return found

    def sync(self, fleet: Fleet) -> None:
        """Find the sensors of the model."""
        if self._seen_version == fleet.version:
            return
        for code in fleet.changed(self._seen_version).tolist():
            sensor = fleet[code]
            own = {metric: place for (name, metric), place in self._names.items() if name == sensor.id}
            if own and sensor.site in {self._site, ""} and applies(self.rule, sensor):
                self._places[code] = own
            else:
                self._places.pop(code, None)
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings; the text of the rule has the digest of its model."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {
            "numbers": [self._step, self._above, self._below, self._begin],
            "raised": self._raised,
            "sums": self._sums.tolist(),
            "counts": self._counts.tolist(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._step, self._above, self._below, self._begin = (int(number) for number in state["numbers"])
        self._raised = [int(code) for code in state["raised"]]
        self._sums, self._counts = np.array(state["sums"], float), np.array(state["counts"], np.int64)
        if not len(self._sums) == len(self._counts) == len(self._names):
            raise ValueError(f"{len(self._sums)} channels; allowed are {len(self._names)}")

    def _rows(self, view: BatchView) -> NDArray[np.int64]:
        """Return the live, good, finite readings of the model's sensors, in order."""
        if not self._places:
            return _NO_ROWS
        batch = view.batch
        chosen = np.isin(batch.sensor, list(self._places)) & (batch.quality == Quality.GOOD)
        chosen &= np.isfinite(batch.value) & (batch.arrival_ns - batch.time_ns <= view.late_ns)
        return np.flatnonzero(chosen)

    def _close(self, row: int, view: BatchView) -> list[RuleDetection]:
        """Score the step before a row; return the raise or clear that it gives."""
        if not self._counts.all():
            return []
        values = self._sums / self._counts
        score = self._scorer.score(values)
        above = score > self._scorer.limit
        end_ns = (self._step + 1) * self._step_ns
        if above and not self._above:
            self._begin = self._step * self._step_ns if not self._raised else self._begin
        self._above, self._below = (self._above + 1, 0) if above else (0, self._below + 1)
        if self._outputs.scores is not None:
            sensor, metric = int(view.batch.sensor[row]), int(view.batch.metric[row])
            self._outputs.scores.append(Score(sensor, metric, end_ns, score / (score + self._scorer.limit)))
        if not self._raised and self._above >= self.rule.raise_steps:
            self._raised = self._codes_of(self._farthest(values), view.fleet)
            return [self._detection(row, Phase.RAISE, end_ns, (score, values), view.fleet)]
        if self._raised and self._below >= self.rule.clear_steps:
            found = self._detection(row, Phase.CLEAR, end_ns, (score, values), view.fleet)
            self._raised = []
            return [found]
        return []

    def _farthest(self, values: NDArray[np.float64]) -> int:
        """Return the channel with the largest part of the score."""
        return int(np.argmax(np.abs(self._scorer.distances(values))))

    def _codes_of(self, channel: int, fleet: Fleet) -> list[int]:
        """Return the codes of the sensor and the metric of a channel."""
        _, metric = self._model.channels[channel]
        sensor = next(code for code, places in self._places.items() if places.get(metric) == channel)
        return [sensor, fleet.metric_code(metric)]

    def _place_of(self, fleet: Fleet) -> int | None:
        """Return the channel that the open detection carries; None after its sensor has left the model."""
        sensor, metric = self._raised
        return self._places.get(sensor, {}).get(fleet.metric_of(metric).name)

    def _detection(
        self, row: int, phase: Phase, end_ns: int, scored: tuple[float, NDArray[np.float64]], fleet: Fleet
    ) -> RuleDetection:
        score, values = scored
        worst, own = self._farthest(values), self._place_of(fleet)
        name, metric = self._model.channels[worst]
        limit, among = self._scorer.limit, len(values)
        shown = f"{name} {metric} = {values[worst]:.4g}"
        text = (
            f"各通道关系与训练模型不符（得分 {score:.3g}，限值 {limit:.3g}）；偏离最大：{shown}",
            f"The channels do not fit the trained model (score {score:.3g}, limit {limit:.3g}); farthest: {shown}",
        )
        if phase is Phase.CLEAR:
            text = f"{among} 个通道已恢复常见关系", f"The {among} channels fit the trained model again"
        clears = (
            f"连续 {self.rule.clear_steps} 步低于限值后解除",
            f"Clears after {self.rule.clear_steps} steps below the limit",
        )
        return RuleDetection(
            row, self._raised[0], self._raised[1], LIVE, phase, self.rule.levels[0], self._begin, end_ns, self.rule,
            "trained", value=None if own is None else float(values[own]),
            baseline=None if own is None else float(self._scorer.center[own]),
            score=score / (score + self._scorer.limit), text=text, clears=clears,
            facts={"sensors": sorted({sensor for sensor, _ in self._model.channels})},
        )  # fmt: skip
