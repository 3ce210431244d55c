"""Rooms on a quiet day: smoke heads with temperature and CO, and indoor climate.

Noise figures are plausible assumptions: smoke heads 0.001 dB/m, CO 0.3 ppm, temperature 0.05 K; dust adds up to
0.001 dB/m to a clean head in a year.
"""

from __future__ import annotations

import numpy as np

from simulators.campus.fleet import Rows, Samples
from simulators.campus.noise import Floats
from simulators.campus.weather import MEAN_CEL, outdoor_temperature
from simulators.models.health import age_days

BEHIND_WALLS = 0.25
"""Share of the outdoor change that reaches a room."""

DUST_DB_M_PER_DAY = 0.001 / 365


def smoke(rows: Rows) -> Samples:
    """Return smoke density (dB/m), CO (ppm) and temperature (Cel) of every smoke head."""
    haze, gas, warm = rows.normals(3, stream=1)
    density = clean_db_m(rows.own()) + DUST_DB_M_PER_DAY * age_days(rows) * rows.own(stream=5)
    density += 0.0008 * rows.smooth(1800) + 0.001 * haze
    co = 1.2 + 0.6 * rows.smooth(3600, stream=2) + 0.3 * gas
    warmth = indoor_temperature(rows) + 0.05 * warm
    return rows.frames(
        {
            "smoke_density": np.clip(density, 0, None).round(4),
            "co": np.clip(co, 0, None).round(1),
            "temperature": warmth.round(2),
        }
    )


def clean_db_m(own: Floats) -> Floats:
    """Return the value of a new head in clean air. own: its random number in (0, 1)."""
    return 0.003 + 0.009 * own


def room(rows: Rows) -> Samples:
    """Return temperature (Cel), humidity (%) and CO2 (ppm); CO2 depends on occupancy."""
    warm, wet, air = rows.normals(3, stream=1)
    calendar = rows.fleet.calendar
    people = calendar.in_session(rows.time_ms) * np.clip(1.4 - np.abs(calendar.hour(rows.time_ms) - 13.5) / 5, 0, 1)
    warmth = indoor_temperature(rows) + 1.2 * people + 0.05 * warm
    damp = 55 + 6 * rows.smooth(14_400, stream=2) + 0.4 * wet
    co2 = 440 + 620 * people * (1 + 0.15 * rows.smooth(2400, stream=4)) + 8 * air
    return rows.frames(
        {
            "temperature": warmth.round(2),
            "humidity": np.clip(damp, 5, 99).round(1),
            "co2": np.clip(co2, 380, None).round(0),
        }
    )


def indoor_temperature(rows: Rows) -> Floats:
    """Return the room temperature (Cel): its own level, damped weather, sun and people by day."""
    own = 20.5 + 3 * rows.own(stream=9)
    outside = BEHIND_WALLS * (outdoor_temperature(rows.fleet.sky, rows.time_ms) - MEAN_CEL)
    result: Floats = own + outside + 0.3 * rows.smooth(10_800, stream=9)
    return result
