"""Presence in a room from its carbon dioxide, by the mass balance of its air.

A person exhales about 20 L of carbon dioxide an hour. A room of volume V with n air changes an hour obeys
dc/dt = s/V - n (c - c0). The measure is s/V = dc/dt + n (c - c0) in ppm an hour: 280 for one person in 70 m3. It rises
within minutes of an entry and falls below zero once the room is empty, while the value itself decays for hours.

Limits: with an open window, n is far above the setting and presence is missed. A sealed room, with n far below the
setting, counts as occupied for hours. Readings more than `gap_s` apart give the value's part only.

Source: ASTM D6245, mass balance of indoor carbon dioxide. Cost: 0.05 us a reading, 40 bytes a series.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.balance import source
from detectors.kernels.emission import NONE
from detectors.recipes.rooms import Occupancy
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Part


class SourceMeasure:
    """Source of carbon dioxide in ppm an hour as the measure; the clean air is the baseline.

    >>> measure = SourceMeasure(Occupancy(name="room", hazard="occupied", metric="co2", limits=(55.0,)))
    >>> measure.kind, measure.columns.size
    ('occupancy', 0)
    """

    kind = "occupancy"
    sign = 1.0
    baseline: NDArray[np.float64] | None = None

    def __init__(self, rule: Occupancy) -> None:
        self._settings = (
            rule.air_changes_per_h, rule.smooth_s, rule.slope_s, rule.gap_s, rule.outdoor_max, rule.drift_per_day
        )  # fmt: skip
        self.columns = Columns(
            {
                "begin": (np.int64, 1, NONE),
                "last": (np.int64, 1, NONE),
                "smooth": (np.float64, 1, 0),
                "slope": (np.float64, 1, 0),
                "clean": (np.float64, 1, 0),
            }
        )

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        x, base = np.empty(len(part.rows)), np.empty(len(part.rows))
        own, batch = self.columns, view.batch
        source(
            part.states, part.older, view.of_rows(batch.time_ns, part.rows), view.of_rows(batch.value, part.rows),
            self._settings, own["begin"], own["last"], own["smooth"], own["slope"], own["clean"], x, base,
        )  # fmt: skip
        self.baseline = base
        return x
