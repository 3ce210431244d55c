"""Water on a quiet day: a pond's level, a rain gauge, the pressure of a main, a leak contact.

Level error: standard deviation 5 mm, as an ultrasonic sensor over calm water has it.
"""

from __future__ import annotations

import numpy as np

from simulators.campus.fleet import Rows, Samples
from simulators.campus.weather import pond_rise, rain_mm_h

POND_M = 0.90
"""Normal level above the site's datum."""

LEVEL_SD_M = 0.005
NIGHT_USE = 0.1


def pond(rows: Rows) -> Samples:
    """Return the level (m): nearly constant, with wind, slow loss and ordinary rain."""
    (ripple,) = rows.normals(1, stream=1)
    level = POND_M + 0.012 * rows.smooth(21_600) + LEVEL_SD_M * ripple + pond_rise(rows.fleet.sky, rows.time_ms)
    return rows.frames({"level": level.round(3)})


def rain(rows: Rows) -> Samples:
    """Return the rain (mm since the last message)."""
    fallen = rain_mm_h(rows.fleet.sky, rows.time_ms) * rows.period_s / 3600
    return rows.frames({"rain": fallen.round(2)})


def pipe(rows: Rows) -> Samples:
    """Return pressure (MPa) and flow (m3/s) of the main: use by day lowers the pressure."""
    (ripple,) = rows.normals(1, stream=1)
    use = NIGHT_USE + rows.fleet.calendar.movement(rows.time_ms)
    pressure = 0.38 - 0.03 * use + 0.004 * rows.smooth(900) + 0.001 * ripple
    flow = 0.004 * use + 0.0003 * rows.smooth(600, stream=2)
    return rows.frames({"pressure": pressure.round(4), "flow": np.clip(flow, 0, None).round(5)})


def leak(rows: Rows) -> Samples:
    """Return the state of the leak contact: dry."""
    return rows.frames({"leak": np.zeros(len(rows))})
