"""Rising levels over the drift of a sensor against its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from detectors.detection import Phase
from detectors.recipes.ageing import NeighbourDrift
from detectors.rule_detection import Entry, RuleDetection
from detectors.series.views import BatchView, Fleet, Part, Table
from detectors.wording import NAMES, quantity, span

from .levels import LevelDetector
from .measures import Measure
from .peaks import Peak


class CohortMeasure(Measure, Protocol):
    """Measure of a sensor against its cohort."""

    def join(self, fleet: Fleet, codes: Sequence[int], changed: Iterable[int]) -> None:
        """Set the neighbours of new and changed series; codes: sensor of each."""
        ...

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the cohorts besides the sensors."""
        ...


class NeighbourDetector(LevelDetector):
    """Detector of a rule of type neighbour_drift: rising levels over the offset from the neighbours."""

    rule: NeighbourDrift

    def __init__(self, rule: NeighbourDrift, table: Table, measure: CohortMeasure) -> None:
        super().__init__(rule, table, measure)
        self._cohorts = measure

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (*super().inputs(), self._cohorts.inputs())

    def sync(self, fleet: Fleet) -> None:
        """Set the limits of new and changed sensors, and the neighbours of their cohorts."""
        known, seen = self._series.size, self._seen_version
        if known == len(self._table) and seen == fleet.version:
            return
        super().sync(fleet)
        self._cohorts.join(fleet, self._table.codes, self._table.slots_of(fleet.changed(seen), below=known).tolist())

    def _detection(self, entry: Entry, peak: Peak | None, view: BatchView, part: Part) -> RuleDetection:
        found = super()._detection(entry, peak, view, part)
        metric = view.fleet.metric_of(found.metric)
        zh, en = NAMES.get(metric.name, (f"指标 {metric.name} ", metric.name))
        low = quantity(found.clear_limit, metric.unit)
        (clear_zh, clear_en), shown = span(self.rule.clear_s), quantity(found.value, metric.unit)
        text = (
            f"{zh}相对同区域同类传感器缓慢偏移 {shown}，疑似漂移",
            f"{en} has moved by {shown} against its neighbours; the sensor may drift",
        )
        if found.phase is Phase.CLEAR:
            text = f"{zh}与同区域传感器重新一致", f"{en} agrees with its neighbours again"
        clears = (
            f"偏移低于 {low} 并保持 {clear_zh}后解除",
            f"Clears when the offset stays below {low} for {clear_en}",
        )
        return replace(found, text=text, clears=clears)
