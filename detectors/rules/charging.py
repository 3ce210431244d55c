"""Measure of a charging load: seconds of a value in a band that it entered from below.

A charger of an e-bike draws 1 to 3 A without a pause for hours; heaters and pumps draw more, or in cycles. Cost: about
50 ns a reading.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.calendar import Calendar
from detectors.detection import Phase
from detectors.kernels.emission import NONE
from detectors.kernels.measures import within_band
from detectors.recipes.cameras import Charging
from detectors.rule_detection import Entry, RuleDetection
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Part, Table
from detectors.wording import span

from .levels import LevelDetector
from .peaks import Peak


class ChargingMeasure:
    """Seconds within the band as the measure; 0 while the school is open, if the rule is for closed hours."""

    kind = "charging"
    sign = 1.0
    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: Charging, calendar: Calendar) -> None:
        self._rule, self._calendar = rule, calendar
        self.columns = Columns({"below": (np.bool_, 1, False), "since": (np.int64, 1, NONE)})

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        x = np.empty(len(part.rows))
        batch, own = view.batch, self.columns
        times, values = batch.time_ns[part.rows], batch.value[part.rows]
        within_band(
            part.states, part.older, times, values, self._rule.low, self._rule.high, own["below"], own["since"], x
        )
        if self._rule.closed and x.any():
            lasting = np.flatnonzero(x)
            x[lasting[~self._calendar.closed(times[lasting])]] = 0.0
        return x


class ChargingDetector(LevelDetector):
    """Detector of a rule of type charging: rising levels over the seconds of a load."""

    rule: Charging

    def __init__(self, rule: Charging, table: Table, calendar: Calendar) -> None:
        super().__init__(rule, table, ChargingMeasure(rule, calendar))
        self._calendar = calendar
        self._band = f"{rule.low:g} ~ {rule.high:g} A", f"{rule.low:g} to {rule.high:g} A"

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (*super().inputs(), self._calendar.inputs() if self.rule.closed else ())

    def _detection(self, entry: Entry, peak: Peak | None, view: BatchView, part: Part) -> RuleDetection:
        found = super()._detection(entry, peak, view, part)
        zh, en = span(found.value or 0.0)
        (band_zh, band_en), (clear_zh, clear_en) = self._band, span(self.rule.clear_s)
        raised = (
            f"夜间插座电流保持 {band_zh} 已 {zh}，疑似电动车在楼内充电，重大隐患候选",
            f"Current of {band_en} for {en} at night, as of an e-bike; candidate for a major hidden danger",
        )
        over = "该负载已断开", "The load is off"
        clears = (
            f"电流离开 {band_zh} 或学校开放并保持 {clear_zh}后解除",
            f"Clears when the current has left {band_en}, or the school has been open, for {clear_en}",
        )
        return replace(found, text=over if found.phase is Phase.CLEAR else raised, clears=clears)
