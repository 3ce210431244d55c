"""Measures of water mains: share of the pressure lost within a window, and change of the night value.

A burst empties a main within seconds. A slow leak shows at night, when nobody draws water: the pressure is lower and
the minimum flow higher each night (minimum night flow, IWA Water Loss Task Force). Limits: a closed valve looks like
a burst; seven days of a growing use at night look like a leak. Cost: 0.1 us a reading, 330 bytes a series.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.emission import NONE
from detectors.kernels.mains import HOURS, NIGHTS, night_change
from detectors.recipes.mains import Burst, SlowLeak
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Part

from .measures import RiseWindow

_LEAST = 1e-3


class BurstMeasure:
    """Share of the pressure lost within the window as the measure.

    >>> BurstMeasure(Burst(name="burst", hazard="pipe_burst", metric="pressure", limits=(0.15,))).kind
    'burst'
    """

    kind = "burst"
    sign = 1.0
    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: Burst) -> None:
        self._window = RiseWindow(rule.window_s)
        self.columns = self._window.columns

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        fallen = -np.log(np.maximum(view.batch.value[part.rows], _LEAST))  # a fall by a share: difference of logarithms
        x, low = self._window(part, view, fallen)
        self.baseline = np.exp(-low)
        return 1 - np.exp(-x)


class NightMeasure:
    """Change of the night value as the measure.

    >>> NightMeasure(SlowLeak(name="leak", hazard="pipe_leak", metric="flow", limits=(0.15,), rising=True)).kind
    'slow_leak'
    """

    kind = "slow_leak"
    sign = 1.0
    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: SlowLeak) -> None:
        self._sign = -1.0 if rule.rising else 1.0
        self.columns = Columns(
            {
                "stamp": (np.int64, 1, NONE),
                "now": (np.float64, 2, 0),
                "hours": (np.float64, HOURS, np.nan),
                "nights": (np.float64, NIGHTS, np.nan),
            }
        )

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        x, base = np.empty(len(part.rows)), np.empty(len(part.rows))
        own, batch = self.columns, view.batch
        times, values = batch.time_ns[part.rows], batch.value[part.rows]
        night_change(
            part.states, part.older, times, values, self._sign, own["stamp"], own["now"], own["hours"], own["nights"],
            x, base,
        )  # fmt: skip
        self.baseline = base
        return x
