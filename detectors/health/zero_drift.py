"""Slow rise of a sensor's clean value, as by dust in a smoke head.

A head with dust alarms without smoke. Its clean value rises over weeks; smoke, steam and insects last for seconds to
hours and move the bounded mean of two days by little. Limits: a head that is dusty from its first reading on has no
lower value; a faster deposit than 0.005 dB/m a day is followed late. Source: compensation of drift, EN 54-7 annex; the
form of the mean D. Cost: 0.05 us a reading, 40 bytes a state.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.ageing import zero_rise
from detectors.kernels.emission import NONE
from detectors.recipes.ageing import ZeroDrift
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Part


class ZeroMeasure:
    """Rise of the clean value above the lowest one as the measure; that is the baseline.

    >>> measure = ZeroMeasure(ZeroDrift(name="dust", hazard="sensor_drift", metric="smoke_density", limits=(0.008,)))
    >>> measure.kind, measure.baseline
    ('zero_drift', None)
    """

    kind = "zero_drift"
    sign = 1.0

    def __init__(self, rule: ZeroDrift) -> None:
        self._settings = (rule.smooth_s, rule.settle_s, rule.forget_s, rule.step_max)
        self.baseline: NDArray[np.float64] | None = None
        self.columns = Columns(
            {
                "begin": (np.int64, 1, NONE),
                "last": (np.int64, 1, NONE),
                "count": (np.int64, 1, 0),
                "clean": (np.float64, 1, 0),
                "lowest": (np.float64, 1, 0),
            }
        )

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        x, low = np.empty(len(part.rows)), np.empty(len(part.rows))
        own, batch = self.columns, view.batch
        zero_rise(
            part.states, part.older, view.of_rows(batch.time_ns, part.rows), view.of_rows(batch.value, part.rows),
            self._settings, own["begin"], own["last"], own["count"], own["clean"], own["lowest"], x, low,
        )  # fmt: skip
        self.baseline = low
        return x
