"""Weather over a school: outdoor temperature, rain and pond level, a pure function of site and time.

Plausible assumptions: a temperate monsoon year (mean 16 Cel, warmest at the end of July), rain on three days of ten, at
most 25 mm a day. Storms are scenarios.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.campus.calendar import DAY_MS, DAY_S
from simulators.campus.noise import Floats, Words, smooth, uniform

YEAR_MS = 365.2425 * DAY_MS
WARMEST_MS = 208 * DAY_MS
"""Time into the year; 1970 began at a new year, so time since 1970 has the same phase."""

WARMEST_SHARE = 7 / 24
"""Share of the UTC day: 15:00 in UTC+8."""

MEAN_CEL = 16.0
STEP_MS = 600_000
RAINY_SHARE = 0.3
RISE_M_PER_MM = 0.0025
"""Rise of a pond with an open outlet in ordinary rain."""

POND_TAU_S = 3600.0


def outdoor_temperature(key: Words, time_ms: NDArray[np.int64]) -> Floats:
    """Return the outdoor temperature (Cel) by ten minutes: season, time of day, fronts of days. key: shape (1,)."""
    if not len(time_ms):
        return np.zeros(0)
    step = time_ms // STEP_MS
    first, last = int(step.min()), int(step.max())
    if last - first > 2 * len(step) + 1000:
        return _outdoor(key, step * STEP_MS)
    return _outdoor(key, np.arange(first, last + 1, dtype=np.int64) * STEP_MS)[step - first]


def _outdoor(key: Words, time_ms: NDArray[np.int64]) -> Floats:
    season = 12 * np.cos((time_ms - WARMEST_MS) / YEAR_MS * 2 * np.pi)
    day = 4.0 * np.cos((time_ms / DAY_MS - WARMEST_SHARE) * 2 * np.pi)
    result: Floats = MEAN_CEL + season + day + 2.5 * smooth(key, time_ms, span_s=DAY_S, stream=41)
    return result


def rain_mm_h(keys: Words, time_ms: NDArray[np.int64]) -> Floats:
    """Return the rain intensity (mm/h)."""
    day = time_ms // DAY_MS
    begin_s, length_s, rate = _shower(keys, day)
    since_s = (time_ms - day * DAY_MS) / 1000 - begin_s
    result: Floats = np.where((since_s >= 0) & (since_s < length_s), rate, 0.0)
    return result


def pond_rise(keys: Words, time_ms: NDArray[np.int64]) -> Floats:
    """Return the rise above normal (m) after the showers of two days: filling during rain, then draining."""
    total = np.zeros(len(time_ms))
    for back in (0, 1):
        day = time_ms // DAY_MS - back
        begin_s, length_s, rate = _shower(keys, day)
        since_s = np.clip((time_ms - day * DAY_MS) / 1000 - begin_s, 0, None)
        fallen_mm = rate * np.minimum(since_s, length_s) / 3600
        total += RISE_M_PER_MM * fallen_mm * np.exp(-np.clip(since_s - length_s, 0, None) / POND_TAU_S)
    return total


def _shower(keys: Words, day: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Return begin (s into the UTC day), length (s) and rate (mm/h, 0 on a dry day) of a shower within one day."""
    wet = uniform(keys, day, stream=51) < RAINY_SHARE
    begin_s = 60_000 * uniform(keys, day, stream=52)
    length_s = 1800 + 12_600 * uniform(keys, day, stream=53)
    rate = 0.5 + 6.0 * uniform(keys, day, stream=54)
    return begin_s, length_s, np.where(wet, rate, 0.0)
