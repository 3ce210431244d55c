"""Values beyond the forecast of their own series, at a stated rate of false alarms.

An autoregression forecasts each reading. The residual, in its own scales, is an alarm beyond the limit that quiet data
exceed once in `false_alarm_days` sensor-days. Source: see `kernels.spot` and `kernels.autoregression`. Cost: 0.4 us a
reading.

Limits: no alarm within about the first 750 readings; a slow drift is forecast and is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.kernels.autoregression import fresh
from detectors.kernels.emission import LIVE, empty
from detectors.kernels.excess import (
    BAND_HIGH,
    BAND_LOW,
    BASELINE,
    FACTS,
    FLOATS,
    INTS,
    LIMIT,
    QUANTILE,
    QUANTILE_START,
    SCORE,
    update_excess,
)
from detectors.kernels.spot import PEAKS
from detectors.outputs import Outputs
from detectors.recipes.general import Excess
from detectors.rule_detection import Entry, RuleDetection
from detectors.series.views import BatchView
from detectors.wording import NAMES, quantity, span
from ingest import Metric

from .keys import sensor_and_metric
from .live_series import Advanced, Given, LiveSeriesDetector

DAY_S, SECOND_NS = 86_400.0, 1_000_000_000
_FRESH = np.concatenate([fresh(), np.zeros(FLOATS - len(fresh()))])
_FRESH[[QUANTILE, LIMIT]] = QUANTILE_START, np.inf


class ExcessDetector(LiveSeriesDetector[Excess]):
    """Detector of values beyond the forecast of their series."""

    layout = 2

    def __init__(self, rule: Excess, outputs: Outputs) -> None:
        super().__init__(
            rule,
            outputs,
            {
                "ints": (np.int64, INTS, 0),
                "floats": (np.float64, FLOATS, _FRESH),
                "peaks": (np.float32, PEAKS, 0.0),
            },
        )
        self._spans = rule.false_alarm_days * DAY_S, int(rule.clear_s * SECOND_NS)

    def _advance(self, given: Given, more: bool, first: int, scores: NDArray[np.float64]) -> Advanced:  # noqa: FBT001 - of the kernel
        series = self._series
        arrays = series.large("ints"), series.large("floats"), series.large("peaks")
        found: Advanced = update_excess(
            given, series.light(), arrays, *self._spans, series.used, more, first,
            *empty(), np.empty((16, FACTS)), scores,
        )  # fmt: skip
        return found

    def _detection(self, entry: Entry, facts: list[float], view: BatchView) -> RuleDetection:
        sensor, code = sensor_and_metric(int(self._series.keys[entry.slot]))
        metric = view.fleet.metric_of(code)
        high = entry.value > facts[BASELINE]
        return RuleDetection(
            entry.row, sensor, code, LIVE, entry.phase, self.rule.levels[0],
            entry.first_ns, entry.last_ns, self.rule, "excess",
            value=entry.value, limit=facts[BAND_HIGH] if high else facts[BAND_LOW], baseline=facts[BASELINE],
            score=facts[SCORE], facts={"band": [facts[BAND_LOW], facts[BAND_HIGH]]}, clear_s=self.rule.clear_s,
            text=_text(metric, entry, facts), clears=_clears(self.rule.clear_s),
        )  # fmt: skip


def _text(metric: Metric, entry: Entry, facts: list[float]) -> tuple[str, str]:
    """Return the sentence of a detection in Chinese and English."""
    zh, en = NAMES.get(metric.name, (f"指标 {metric.name} ", metric.name))
    value, expected, low, high = (quantity(each, metric.unit) for each in (entry.value, *facts[:SCORE]))
    if entry.phase is Phase.CLEAR:
        return f"{zh}已回到预测范围（现为 {value}）", f"{en} is within its forecast again (now {value})"
    return (
        f"{zh}超出预测范围：现为 {value}，预测 {expected}（范围 {low} 至 {high}）",
        f"{en} beyond its forecast: now {value}; forecast {expected} (band {low} to {high})",
    )


def _clears(clear_s: float) -> tuple[str, str]:
    zh, en = span(clear_s)
    return f"{zh}内不再超出预测范围后解除", f"Clears after {en} within the forecast"
