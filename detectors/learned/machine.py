"""Deviations and change points in a group of channels: several continuous metrics of one device.

Each channel has a level that walks, with noise and drift learned from the differences of its block means, as in a
Kalman filter of a local level. A reading whose average lies outside a gate starts a deviation. The level then stays,
while its variance grows by the learned drift: a channel that wanders by nature, such as a temperature, soon has a new
level, and one that does not wander deviates until it returns. The group deviates while one of its channels does. A
change point is a fast average that leaves a slow one, in the same units.

Limits: a deviation within the first `warm_readings` is learned as normal. A slow drift is normal. After
`relearn_readings` the deviation is the new level.

Sources: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989), local level model; gating as
in tracking filters. Cost: 0.4 us a reading, 240 bytes a channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.kernels.changes import update_changes
from detectors.kernels.channels import BLOCK
from detectors.kernels.emission import LIVE
from detectors.kernels.groups import (
    ALL,
    BASELINE,
    BEGIN,
    CHANNEL,
    DEVIATIONS,
    ENTRY,
    FACTS,
    OTHERS,
    PHASE,
    ROW,
    SPREAD,
    update_groups,
)  # fmt: skip
from detectors.outputs import Outputs, Score
from detectors.recipes.limits import applies
from detectors.recipes.machines import ChangePoint, Group
from detectors.rule_detection import RuleDetection
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part
from ingest import DEVICE_METRICS, FIRST_LEARNED_METRIC, METRICS, SERVICE_METRICS, Quality

from .channels import Channels
from .wording import change_words, group_words

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""
FAR = 2**63 - 1
_NO_ROWS = np.empty(0, np.int64)
_PHYSICAL = frozenset(
    one.code
    for one in METRICS
    if one.unit not in {"bool", "count"} and one.name not in DEVICE_METRICS | SERVICE_METRICS
)
"""Described metrics that can be a channel; each undescribed one can."""


class ChannelDetector:
    """Detector of one rule over the live readings of its devices; late, past and test readings are not scored."""

    def __init__(self, rule: Group | ChangePoint, outputs: Outputs) -> None:
        self.rule, self._outputs = rule, outputs
        self.timed, self.due_ns = False, FAR
        self.beside: tuple[str, ...] = ()
        self._channels = Channels()
        self._sensors = Columns({"applies": (np.bool_, 1, False)})
        self._seen_version = 0
        own = (rule.limit, rule.low, float(rule.smooth_readings), float(rule.slow_readings), rule.drift_readings)
        warm = (rule.channels_min, rule.warm_readings // BLOCK, rule.memory_blocks)
        self._kernel: Any = update_groups if isinstance(rule, Group) else update_changes
        self._settings: tuple[float, ...]
        if isinstance(rule, Group):
            self._settings = (*own, rule.drift_growth, rule.recovered, float(rule.relearn_readings))
            self._counts = (*warm, rule.regime_readings)
        else:
            self._settings, self._counts = own, (*warm, rule.hold_readings)
        self.kind = "group" if isinstance(rule, Group) else "change_point"

    def takes(self, metric: int) -> bool:
        """Return whether readings of this metric may be a channel."""
        return metric >= FIRST_LEARNED_METRIC or metric in _PHYSICAL

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:  # noqa: ARG002 - no table of its own
        """Return the detections of the batch."""
        rows = self._rows(view)
        if not len(rows):
            return []
        batch = view.batch
        numbers = self._channels.numbers(batch.sensor[rows], batch.metric[rows], view.fleet)
        given = rows, numbers, batch.time_ns[rows], batch.value[rows]
        found, facts = np.empty((2 * len(rows), ENTRY), np.int64), np.empty((2 * len(rows), FACTS))
        scores = np.empty(len(rows))
        count = self._kernel(given, self._settings, self._counts, *self._channels.arrays(), found, facts, scores)
        self._write_scores(numbers, given[2], scores)
        lines = zip(found[:count].tolist(), facts[:count].tolist(), strict=True)
        return [self._detection(entry, values, view) for entry, values in lines]

    def sync(self, fleet: Fleet) -> None:
        """Mark the sensors of the rule."""
        if self._seen_version == fleet.version:
            return
        self._sensors.grow(len(fleet))
        for code in fleet.changed(self._seen_version).tolist():
            self._sensors["applies"][code] = applies(self.rule, fleet[code])
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return self._channels.dump()

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._channels.load(state)

    def _rows(self, view: BatchView) -> NDArray[np.int64]:
        """Return the live, good, finite readings that can be of a channel, in order."""
        if self._seen_version != view.version:
            self.sync(view.fleet)
        if view.one is not None and not self._sensors["applies"].item(view.one.sensor):
            return _NO_ROWS  # a reading alone, of another kind: most of the urgent lane
        metrics = [code for code in view.metrics if self.takes(code)]
        if not metrics:
            return _NO_ROWS
        batch, rows = view.batch, view.rows_of(metrics)
        live: NDArray[np.bool_] = self._sensors["applies"][batch.sensor[rows]] & np.isfinite(batch.value[rows])
        live &= batch.quality[rows] == Quality.GOOD
        live &= batch.arrival_ns[rows] - batch.time_ns[rows] <= view.late_ns
        return rows[live]

    def _write_scores(
        self, numbers: NDArray[np.int32], times: NDArray[np.int64], distances: NDArray[np.float64]
    ) -> None:
        """Append the scores: 0.5 at the limit."""
        if self._outputs.scores is None or self.kind != "group":
            return
        for at in np.flatnonzero(~np.isnan(distances)).tolist():
            names, distance = self._channels.names(int(numbers[at])), float(distances[at])
            self._outputs.scores.append(Score(*names, int(times[at]), distance / (distance + self.rule.limit)))

    def _detection(self, entry: list[int], facts: list[float], view: BatchView) -> RuleDetection:
        sensor, metric = self._channels.names(entry[CHANNEL])
        row, phase = entry[ROW], Phase(entry[PHASE])
        ended = phase is Phase.CLEAR
        value = None if ended else float(view.batch.value[row])
        reach = self.rule.limit * facts[SPREAD]
        band = [facts[BASELINE] - reach, facts[BASELINE] + reach]
        about = view.fleet.metric_of(metric), value, band
        is_group, numbers = isinstance(self.rule, Group), (entry[OTHERS], entry[ALL])
        text, clears = group_words(*about, numbers) if is_group else change_words(*about)
        return RuleDetection(
            row, sensor, metric, LIVE, phase, self.rule.levels[0], entry[BEGIN], int(view.batch.time_ns[row]),
            self.rule, self.kind, value=value, baseline=facts[BASELINE],
            score=facts[DEVIATIONS] / (facts[DEVIATIONS] + self.rule.limit), facts={} if ended else {"band": band},
            text=text, clears=clears,
        )  # fmt: skip
