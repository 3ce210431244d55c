"""General recipe: unusual patterns of any continuous series, by an adaptive-resonance model.

Each block of readings becomes a level; the last eight levels are compared with the learned categories of their series.
An unlike pattern is an alarm, and a new category from then on. Source: see `kernels.art`. Cost: 3 to 6 us a reading.

Limits: slow drift becomes normal; a pattern that was in the first readings is normal; a change within the noise of
six levels of 80 is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.kernels.art import FEATURES, WINDOW
from detectors.kernels.emission import LIVE, empty
from detectors.kernels.sequence import FLOATS, HIGHEST, INTS, LAST, LEAST, LOWEST, MEAN, TOP
from detectors.kernels.unusual import BAND_HIGH, BAND_LOW, BASELINE, FACTS, SCORE, update_unusual
from detectors.outputs import Outputs
from detectors.recipes.general import Unusual
from detectors.rule_detection import Entry, RuleDetection
from detectors.series.views import BatchView
from detectors.wording import NAMES, quantity
from ingest import Metric

from .keys import sensor_and_metric
from .live_series import Advanced, Given, LiveSeriesDetector

SECOND_NS = 1_000_000_000
_FRESH = np.zeros(FLOATS)
"""Floats of a series before its first reading."""
_FRESH[[HIGHEST, LOWEST, MEAN, LEAST, LAST]] = -np.inf, np.inf, np.nan, 2.0, 1.0


class UnusualDetector(LiveSeriesDetector[Unusual]):
    """Detector of unusual patterns."""

    layout = 2

    def __init__(self, rule: Unusual, outputs: Outputs) -> None:
        super().__init__(
            rule,
            outputs,
            {
                "ints": (np.int64, INTS, 0),
                "floats": (np.float64, FLOATS, _FRESH),
                "boxes": (np.uint8, rule.categories * FEATURES, 0),
                "won": (np.uint16, rule.categories, 0),
                "hist": (np.uint16, TOP + 1, 0),
                "window": (np.uint8, WINDOW, 0),
            },
        )
        most = min(rule.readings_max, rule.categories * FEATURES // 4)  # float32 in the room of the categories
        self._limits = (min(rule.readings_min, most), most, int(rule.warmup_s * SECOND_NS), int(rule.margin * 1000))

    def _advance(self, given: Given, more: bool, first: int, scores: NDArray[np.float64]) -> Advanced:  # noqa: FBT001 - of the kernel
        found: Advanced = update_unusual(
            given, self._series.light(), self._arrays(), self._limits, self.rule.scores, self.rule.hold_blocks,
            self._series.used, more, first, *empty(), np.empty((16, FACTS)), scores,
        )  # fmt: skip
        return found

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the large rows for the kernel; the fourth array is the room of the categories as float32."""
        large = self._series.large
        boxes = large("boxes")
        shaped = boxes.reshape(len(boxes), self.rule.categories, FEATURES)
        rest = (large("won"), large("hist"), large("window"))
        return (large("ints"), large("floats"), shaped, boxes.view(np.float32), *rest)

    def _detection(self, entry: Entry, facts: list[float], view: BatchView) -> RuleDetection:
        sensor, code = sensor_and_metric(int(self._series.keys[entry.slot]))
        metric = view.fleet.metric_of(code)
        return RuleDetection(
            entry.row, sensor, code, LIVE, entry.phase, self.rule.levels[entry.step],
            entry.first_ns, entry.last_ns, self.rule, "unusual",
            value=entry.value, baseline=facts[BASELINE], score=facts[SCORE],
            facts={"band": [facts[BAND_LOW], facts[BAND_HIGH]]},
            text=_text(metric, entry, facts), clears=_clears(self.rule.hold_blocks),
        )  # fmt: skip


def _text(metric: Metric, entry: Entry, facts: list[float]) -> tuple[str, str]:
    """Return the sentence of a detection in Chinese and English."""
    zh, en = NAMES.get(metric.name, (f"指标 {metric.name} ", metric.name))
    value, usual, low, high = (quantity(each, metric.unit) for each in (entry.value, *facts[:SCORE]))
    if entry.phase is Phase.CLEAR:
        return f"{zh}的异常变化已结束（现为 {value}）", f"Unusual pattern of {en} has ended (now {value})"
    return (
        f"{zh}变化异常：现为 {value}，通常约 {usual}（常见范围 {low} 至 {high}）",
        f"Unusual pattern of {en}: now {value}; usually about {usual} (normal band {low} to {high})",
    )


def _clears(blocks: int) -> tuple[str, str]:
    return (
        f"{blocks} 段读数之后解除；其间的异常变化归入本条",
        f"Clears after {blocks} blocks of readings; further unusual patterns until then are part of it",
    )
