"""Detectors over live readings of single series: rows, numbers, kernel, scores, detections of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.outputs import Outputs
from detectors.recipes.estimators import SeriesEstimator
from detectors.recipes.general import Excess, Unusual
from detectors.rule_detection import Entry, RuleDetection, entries
from detectors.series.routes import FAR
from detectors.series.views import BatchView, Fleet, Part

from .devices import SingleSeries
from .keys import series_keys
from .live import LiveReadings
from .series import SeriesArrays

Given = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]
"""Rows, numbers of their series, event times, values."""
Advanced = tuple[int, int, int, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
"""Row reached, learned series, and entries: count, integers, values, facts."""


RuleT = TypeVar("RuleT", Excess, Unusual, SeriesEstimator)


class LiveSeriesDetector(ABC, Generic[RuleT]):
    """Detector of one rule over single series; late, past and test readings are not scored."""

    layout: ClassVar[int]
    """Version of the state in snapshots; a change of its columns or of their meaning raises it."""

    def __init__(self, rule: RuleT, outputs: Outputs, large: Mapping[str, tuple[Any, int, Any]]) -> None:
        """large: columns of a learned series."""
        self.rule: RuleT = rule
        self.timed, self.due_ns = False, FAR
        self.beside: tuple[str, ...] = ()
        self._live = LiveReadings(rule, rule.metrics, outputs)
        self._single = SingleSeries(rule.group_min)
        self._series = SeriesArrays(large)

    @property
    def row_bytes(self) -> int:
        """Bytes of a learned series."""
        return self._series.row_bytes

    def takes(self, metric: int) -> bool:
        """Return whether readings of this metric are learned, or have requested scores."""
        return self._live.takes(metric)

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:  # noqa: ARG002 - no table of its own
        """Return the detections of the batch."""
        rows = self._live.rows(view)
        if not len(rows):
            return []
        batch, series = view.batch, self._series
        keys = series_keys(batch.sensor[rows], batch.metric[rows])
        before = series.count
        given = rows, series.numbers(keys), batch.time_ns[rows], batch.value[rows]
        scores = np.full(len(rows), np.nan)
        found: list[RuleDetection] = []
        at = 0
        while at < len(rows):
            more = series.reserve(self.rule.series_max)
            at, series.used, count, table, values, facts = self._advance(given, more, at, scores)
            pairs = zip(entries(table, values, count), facts[:count].tolist(), strict=True)
            found += [self._detection(entry, beside, view) for entry, beside in pairs]
        self._live.add_scores(keys, given[2], scores)
        found = [one for one in found if self._live.raises(one.metric)]
        return self._single.kept(found, series.keys, (rows, given[1], before), view.fleet)

    def sync(self, fleet: Fleet) -> None:
        """Do nothing: the rule keeps no facts of sensors."""
        del fleet

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (self.layout, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {**self._series.dump(), "hidden": self._single.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._series.load(state)
        self._single.load(state["hidden"])

    @abstractmethod
    def _advance(self, given: Given, more: bool, first: int, scores: NDArray[np.float64]) -> Advanced:  # noqa: FBT001 - of the kernel
        """Run the kernel from row `first` on; more: whether there may be more learned series."""

    @abstractmethod
    def _detection(self, entry: Entry, facts: list[float], view: BatchView) -> RuleDetection:
        """Return the detection of an entry."""
