"""Live readings of learned series: rows of a batch, series keys, and scores for callers that ask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.outputs import Outputs, Score
from detectors.recipes.kinds import Rule
from detectors.recipes.limits import applies
from detectors.series.views import BatchView
from ingest import FIRST_LEARNED_METRIC, METRIC_BY_NAME, METRICS, SERVICE_METRICS, Quality

from .keys import sensor_and_metric

_CONTINUOUS = frozenset(each.code for each in METRICS if each.unit != "bool" and each.name not in SERVICE_METRICS)
"""Described metrics with scores, if scores are asked for."""
_NO_ROWS = np.empty(0, np.int64)


class LiveReadings:
    """Selection of the readings that a rule over undescribed metrics, and over those of `metrics`, learns."""

    def __init__(self, rule: Rule, metrics: Sequence[str], outputs: Outputs) -> None:
        self._rule, self._outputs = rule, outputs
        self._described = frozenset(METRIC_BY_NAME[name].code for name in metrics if name in METRIC_BY_NAME)

    def raises(self, metric: int) -> bool:
        """Return whether the rule raises on the metric; of others it has scores, if asked for."""
        return metric >= FIRST_LEARNED_METRIC or metric in self._described

    def takes(self, metric: int) -> bool:
        """Return whether readings of this metric are learned, or have requested scores."""
        return self.raises(metric) or (self._outputs.scores is not None and metric in _CONTINUOUS)

    def rows(self, view: BatchView) -> NDArray[np.int64]:
        """Return the live, good, finite readings of the rule's metrics and sensors, in order."""
        metrics = [metric for metric in view.metrics if self.takes(metric)]
        if not metrics:
            return _NO_ROWS
        batch, rows = view.batch, view.rows_of(metrics)
        live: NDArray[np.bool_] = (batch.quality[rows] == Quality.GOOD) & np.isfinite(batch.value[rows])
        live &= batch.arrival_ns[rows] - batch.time_ns[rows] <= view.late_ns
        if self._rule.kinds or self._rule.profiles or self._rule.not_profiles:
            sensors = batch.sensor[rows]
            chosen = [sensor for sensor in np.unique(sensors).tolist() if applies(self._rule, view.fleet[sensor])]
            live &= np.isin(sensors, chosen)
        return rows[live]

    def add_scores(self, keys: NDArray[np.int64], times: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        """Append the scores that are no NaN to the outputs, if asked for."""
        if self._outputs.scores is None:
            return
        for at in np.flatnonzero(~np.isnan(scores)).tolist():
            sensor, metric = sensor_and_metric(int(keys[at]))
            self._outputs.scores.append(Score(sensor, metric, int(times[at]), float(scores[at])))
