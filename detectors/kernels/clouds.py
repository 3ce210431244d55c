"""Kernel parts of smoke alone: durations above its limits, and the shape of an aerosol cloud.

A spray, steam or an e-cigarette: smoke that comes within seconds and grows no further, or comes with humidity, while
CO and temperature stay flat. Source of the shapes: scenarios S3 and S4 of the bank; bounds D.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .emission import NONE, TIMELINES
from .fire_channels import (
    BASE,
    CO,
    CREST,
    DAMP,
    LAST,
    NET,
    NOISE,
    PEAK,
    SEEN,
    SWING_S,
    WARM,
    WARMTH,
    WIDTH,
    excess,
)

SINCE, HELD, MISSED, LATEST, LOW, CLOUD, STEP, BUSY, LEVEL, REASON, LEADING, FIRST, FELL, INTEGERS = (
    8, 11, 14, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28,
)  # fmt: skip
"""Integer columns: begin, count and misses of the three smoke limits; time of the evidence; last clean air; begin of a
cloud; whether it came at once; last reason to stay open; level; reason; leading channel; begin of the detection;
last fall of the smoke. Column 26 is UNSURE of the channels."""

BY_SMOKE, BY_SUM, BY_HEAT, BY_CLOUD = 0, 1, 2, 3
"""Reasons of a level: smoke alone, sum of evidence, heat alone, a cloud that is held back."""

EARLY, ALARM, LEAK_S, LIMIT, AFTER_S, COUNTS, OFFSET, STEP_S, HOLD_S, DAMP_S, DAMP_MAX, HEAT_EARLY, HEAT_ALARM, RATE, \
    RISE_ALARM, RISE_SEVERE, WARMEST, CLEAR_S, BRISK, BRISK_RATE, SETTINGS = (
        0, 1, 2, 3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    )  # fmt: skip
"""Settings of the rule by index; LIMIT, AFTER_S and COUNTS have three each."""

ORDINARY, KITCHEN, NO_HEAT, UNSCORED = 0, 1, 2, 3
"""Surroundings of a sensor: kitchen: neither smoke nor heat alone; no_heat: no heat alone."""

DUSTLESS = 0.02
"""Clean-air value (dB/m) of a head without dust, which is not taken off."""

CLEAN = 0.03
"""Smoke (dB/m) below which the air is clean again."""

TOP_NS, GROWN, FADED, FADE_S = 12_000_000_000, 1.3, 0.7, 300.0
"""Time in which a cloud reaches its top; growth beyond it; share of it that is fading, and how long that holds."""

FALLEN, CREST_S, FELL_S, PUFFS_S = 0.7, 60.0, 60.0, 300.0
"""Share of the recent crest below which smoke has fallen; memory of the crest; time for which a fall holds; longest
time for which clouds that come and go are held. The smoke of a fire grows until it is extinguished."""

FRESH_NS = 120_000_000_000
MATES = 0.3
"""Share of the evidence of another sensor of the place."""

CO_FLAT, WARM_FLAT, DAMP_RISEN, DAMP_NOISE, DAMP_CLEAR, STEAM_K = 2.5, 0.7, 3.0, 1.5, 3.5, 2.0
KITCHEN_FACTOR = 1.5
CAP = 4.9

WARMING = 0.03
"""Rate (K/s) from which a temperature rises before a cloud begins; below it, its excess is that of a late baseline."""


@njit(cache=True, nogil=True)
def best_of(values, times, rows, mates, slot, line, channel, time):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Return excess, noise, time and row of a channel: the sensor's own, else the highest of its place; NONE, -1."""
    best, noise, seen, source = np.nan, 1.0, NONE, -1
    own = rows[slot * TIMELINES + line]
    if abs(time - times[own, SEEN + channel]) <= FRESH_NS and times[own, SEEN + channel] != NONE:
        return excess(values, own, channel), values[own, channel * WIDTH + NOISE], times[own, SEEN + channel], own
    for mate in mates[slot]:
        if mate < 0:
            break
        row = rows[mate * TIMELINES + line]
        if row < 0 or times[row, SEEN + channel] == NONE or abs(time - times[row, SEEN + channel]) > FRESH_NS:
            continue
        above = excess(values, row, channel)
        if not above <= best:
            best, noise = above, values[row, channel * WIDTH + NOISE]
            seen, source = times[row, SEEN + channel], row
    return best, noise, seen, source


@njit(cache=True, nogil=True)
def smoke_of(values, times, row, settings):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the last smoke density without the clean-air value of a dusty head; 0 without one."""
    if times[row, SEEN] == NONE:
        return 0.0
    return values[row, LAST] - min(max(values[row, BASE] - DUSTLESS, 0.0), settings[OFFSET])


@njit(cache=True, nogil=True)
def update_smoke(values, times, row, time, settings):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Update the durations above the smoke limits and the cloud; a single lower value interrupts none of them."""
    value = smoke_of(values, times, row, settings)
    for step in range(3):
        if value >= settings[LIMIT + step]:
            if times[row, SINCE + step] == NONE:
                times[row, SINCE + step], times[row, HELD + step] = time, 0
            times[row, HELD + step] += 1
            times[row, MISSED + step] = 0
        elif times[row, SINCE + step] != NONE:
            times[row, MISSED + step] += 1
            if times[row, MISSED + step] > 1:
                times[row, SINCE + step] = NONE
    seen = times[row, LATEST]
    seconds = (time - seen) / 1e9 if seen != NONE else 0.0
    values[row, CREST] = max(value, values[row, CREST] * np.exp(-max(0.0, seconds) / CREST_S))
    if value < FALLEN * values[row, CREST] and values[row, CREST] >= settings[LIMIT]:
        times[row, FELL] = time
    if value <= CLEAN:
        times[row, LOW], times[row, CLOUD] = time, NONE
    elif value >= settings[LIMIT + 1] and times[row, CLOUD] == NONE:
        low = times[row, LOW]
        times[row, CLOUD] = time
        values[row, WARMTH] = np.nan
        times[row, STEP] = 1 if low != NONE and (time - low) / 1e9 < settings[STEP_S] else 0
        values[row, PEAK] = value
    if times[row, CLOUD] != NONE and time - times[row, CLOUD] <= TOP_NS:
        values[row, PEAK] = max(values[row, PEAK], value)


@njit(cache=True, nogil=True)
def warmed(values, row, warm, source):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the excess of the temperature since the begin of a cloud; a rise that had begun before counts wholly.

    The first call of a cloud sets its begin. The baseline is late after a hot hour without readings.
    """
    if np.isnan(values[row, WARMTH]):
        rising = values[source, NET] / SWING_S >= WARMING
        values[row, WARMTH] = 0.0 if rising else max(0.0, warm)
    return warm - values[row, WARMTH]


@njit(cache=True, nogil=True)
def held_back(values, times, rows, mates, slot, line, time, smoke, settings):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Return whether the smoke is an aerosol: channels of a fire are present and flat, and its shape or damp fits."""
    row = rows[slot * TIMELINES + line]
    begin = times[row, CLOUD]
    if begin == NONE:
        return False
    age_s = (time - begin) / 1e9
    gas, noise, seen, _ = best_of(values, times, rows, mates, slot, line, CO, time)
    gas_known = seen != NONE and seen >= begin
    if gas_known and gas > max(CO_FLAT, 3.0 * noise):
        return False
    warm, noise, seen, source = best_of(values, times, rows, mates, slot, line, WARM, time)
    warm_known = seen != NONE and seen >= begin
    warm = warmed(values, row, warm, source) if warm_known else warm
    if warm_known and warm > max(STEAM_K, 3.0 * noise):
        return False
    warm_flat = not warm_known or warm <= max(WARM_FLAT, 3.0 * noise)
    grown = smoke > GROWN * values[row, PEAK] and time - begin > TOP_NS
    brief = age_s < settings[HOLD_S] or (smoke < FADED * values[row, PEAK] and age_s < FADE_S)
    if times[row, STEP] == 1 and (gas_known or warm_known) and warm_flat and not grown and brief:
        return True
    fell = times[row, FELL]
    falling = fell != NONE and (time - fell) / 1e9 <= FELL_S and age_s < PUFFS_S
    if falling and gas_known and warm_known and warm_flat:
        return True
    damp, noise, seen, _ = best_of(values, times, rows, mates, slot, line, DAMP, time)
    risen = seen != NONE and damp >= min(max(DAMP_RISEN, DAMP_NOISE * noise), DAMP_CLEAR)
    return risen and gas_known and smoke < settings[DAMP_MAX] and age_s < settings[DAMP_S]
