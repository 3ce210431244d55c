"""Estimators by name: DSPOT, own tail, Page-Hinkley, half-space trees, context model.

Each is a rule type that a recipe names. Mean and mean deviation follow a series; the estimator of the type scores the
deviation or the value. Sources, memory and costs: `kernels.tails`, `kernels.half_space`, `kernels.contexts`.

Limits: no alarm within the first readings of a series; a slow drift becomes normal. Half-space trees and contexts find
patterns of a few readings, not of hours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.kernels.contexts import WORDS
from detectors.kernels.emission import LIVE, empty
from detectors.kernels.estimators import (
    CONTEXT,
    DSPOT,
    FLOATS,
    HALF_SPACE,
    INTS,
    OWN_TAIL,
    PAGE_HINKLEY,
    update_estimators,
)
from detectors.kernels.excess import BAND_HIGH, BAND_LOW, BASELINE, FACTS, SCORE
from detectors.kernels.half_space import MASSES
from detectors.kernels.spot import PEAKS
from detectors.outputs import Outputs
from detectors.recipes.estimators import Context, Dspot, HalfSpaceTrees, OwnTail, PageHinkley, SeriesEstimator
from detectors.rule_detection import Entry, RuleDetection
from detectors.series.views import BatchView
from detectors.wording import NAMES, quantity, span
from ingest import Metric

from .keys import sensor_and_metric
from .live_series import Advanced, Given, LiveSeriesDetector

DAY_S, SECOND_NS = 86_400.0, 1_000_000_000
METHODS: dict[type[SeriesEstimator], tuple[int, int, str]] = {
    Dspot: (DSPOT, 2 * PEAKS, "dspot"),
    OwnTail: (OWN_TAIL, 1, "own_tail"),
    PageHinkley: (PAGE_HINKLEY, 1, "page_hinkley"),
    HalfSpaceTrees: (HALF_SPACE, MASSES // 2, "half_space_trees"),
    Context: (CONTEXT, WORDS, "context"),
}
"""Settings -> method of the kernel, 16-bit words of a series' table, kind of the detections."""


class EstimatorDetector(LiveSeriesDetector[SeriesEstimator]):
    """Detector of one estimator over live readings.

    >>> detector = EstimatorDetector(Context(name="context", hazard="anomaly"), Outputs())
    >>> detector.kind, detector.row_bytes < 16_000
    ('context', True)
    """

    layout = 1

    def __init__(self, rule: SeriesEstimator, outputs: Outputs) -> None:
        method, words, self.kind = METHODS[type(rule)]
        columns = {
            "ints": (np.int64, INTS, 0),
            "floats": (np.float64, FLOATS, 0.0),
            "table": (np.uint16, max(words, 2), 0),
        }
        super().__init__(rule, outputs, columns)
        weight = round(2e9 / (rule.memory_readings + 1))
        self._counts = rule.warm_readings, weight, int(rule.clear_s * SECOND_NS), method
        self._settings = _settings(rule)

    def _advance(self, given: Given, more: bool, first: int, scores: NDArray[np.float64]) -> Advanced:  # noqa: FBT001 - of the kernel
        series = self._series
        arrays = series.large("ints"), series.large("floats"), series.large("table")
        found: Advanced = update_estimators(
            given, series.light(), arrays, self._counts, self._settings, series.used, more, first,
            *empty(), np.empty((16, FACTS)), scores,
        )  # fmt: skip
        return found

    def _detection(self, entry: Entry, facts: list[float], view: BatchView) -> RuleDetection:
        sensor, code = sensor_and_metric(int(self._series.keys[entry.slot]))
        metric = view.fleet.metric_of(code)
        return RuleDetection(
            entry.row, sensor, code, LIVE, entry.phase, self.rule.levels[0],
            entry.first_ns, entry.last_ns, self.rule, self.kind,
            value=entry.value, baseline=facts[BASELINE], score=facts[SCORE], clear_s=self.rule.clear_s,
            facts={"band": [facts[BAND_LOW], facts[BAND_HIGH]]},
            text=_text(self.kind, metric, entry, facts), clears=_clears(self.rule.clear_s),
        )  # fmt: skip


def _settings(rule: SeriesEstimator) -> tuple[float, float, float]:
    """Return the settings of the method in the order of the kernel."""
    own: dict[type[SeriesEstimator], Any] = {
        Dspot: lambda one: (one.false_alarm_days * DAY_S, 0.0, 0.0),
        OwnTail: lambda one: (one.tail, one.over, 0.0),
        PageHinkley: lambda one: (one.slack, one.limit, 0.0),
        HalfSpaceTrees: lambda one: (one.score, 0.0, 0.0),
        Context: lambda one: (one.score, one.margin, float(one.rest_readings)),
    }
    found: tuple[float, float, float] = own[type(rule)](rule)
    return found


_REASONS = {
    "dspot": ("偏离移动平均的程度超出限值", "is farther from its moving mean than the limit"),
    "own_tail": (
        "偏离移动平均的程度超出以往绝大多数读数",
        "is farther from its moving mean than nearly all of its past readings",
    ),
    "page_hinkley": ("平均值已改变", "has a changed mean"),
    "half_space_trees": ("最近四个读数的组合少见", "has a rare combination of its last four readings"),
    "context": ("此前从未在这样的读数之后出现该值", "has never followed such readings before"),
}


def _text(kind: str, metric: Metric, entry: Entry, facts: list[float]) -> tuple[str, str]:
    """Return the sentence of a detection in Chinese and English."""
    zh, en = NAMES.get(metric.name, (f"指标 {metric.name} ", metric.name))
    value, usual = (quantity(each, metric.unit) for each in (entry.value, facts[BASELINE]))
    if entry.phase is Phase.CLEAR:
        return f"{zh}已恢复常见的变化（现为 {value}）", f"{en} is ordinary again (now {value})"
    why_zh, why_en = _REASONS[kind]
    return f"{zh}{why_zh}：现为 {value}，通常约 {usual}", f"{en} {why_en}: now {value}; usually about {usual}"


def _clears(clear_s: float) -> tuple[str, str]:
    zh, en = span(clear_s)
    return f"{zh}内没有新的异常后解除", f"Clears after {en} without a further sign"
