"""Channels of a fire head: baseline, noise and recent means of smoke, CO, temperature and humidity.

A baseline follows clean air. It is nearly frozen while its channel is far above it, so that a smoulder of an hour does
not become normal. Source of the scheme: robust baseline of 10 min and more, frozen while rising; time constants D.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .emission import NONE

SMOKE, CO, WARM, DAMP, CHANNELS = 0, 1, 2, 3, 4
"""Channels in the order of the rule's metrics."""

BASE, NOISE, LAST, MEAN, WIDTH = 0, 1, 2, 3, 4
"""Float columns of a channel: baseline, noise, last value, mean of the last minute."""

SWING, NET, SUM, PEAK, RISE, BEFORE, CREST, WARMTH, FLOATS = 16, 17, 18, 19, 20, 21, 22, 23, 24
"""Further float columns: leaky path and net change of the temperature, evidence, top of a cloud, rise in a minute,
temperature before the last one, recent crest of the smoke, excess of the temperature at the begin of a cloud."""

SEEN, COUNT, UNSURE = 0, 4, 26
"""Integer columns of each channel: time of the last reading, number of readings; of smoke: begin of a dusty start."""

UNCLEAR, TRUSTED_NS = 0.10, 720_000_000_000
"""Smoke (dB/m) of a first reading that is dust or smoke; time for which it counts as dust while it grows no further."""

_BASE_S = np.array((21_600.0, 10_800.0, 120.0, 1_800.0))
_FALL_S = np.array((600.0, 10_800.0, 120.0, 1_800.0))
_NOISE_S = np.array((3_600.0, 10_800.0, 60.0, 1_800.0))
_FLOOR = np.array((0.001, 0.3, 0.15, 0.5))
_QUIET = np.array((0.01, 3.0, 0.5, 3.0))
_FROZEN = np.array((0.005, 0.005, 1.0, 0.1))
"""By channel: time constants of baseline, its fall and the noise; least noise; deviation that always counts as normal;
share of the time constant's step while the channel is above that."""

YOUNG = 20
"""Readings in which a baseline is the mean of all so far."""

MEAN_S, SWING_S, DRIFT_S = 60.0, 10.0, 60.0
"""Time constants of the mean and of the path of the temperature; time in which a room warms by a normal deviation: the
baseline follows a slow change over a gap in the readings."""

JUMP_K = 500.0
"""Change from one reading to the next that only a broken sensor shows."""


@njit(cache=True, nogil=True)
def share(seconds, constant_s):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the weight of the newest value in a leaky mean after that time."""
    return 1.0 - np.exp(-seconds / constant_s)


@njit(cache=True, nogil=True)
def start(values, times, row, channel, value, smoky):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Set a channel from its first reading; smoke from `smoky` on is no clean-air value."""
    at = channel * WIDTH
    values[row, at + BASE] = 0.0 if channel == SMOKE and value >= smoky else value
    if channel == SMOKE:
        times[row, UNSURE] = times[row, SEEN] if smoky > value >= UNCLEAR else NONE
    values[row, at + NOISE] = _FLOOR[channel]
    values[row, at + LAST] = values[row, at + MEAN] = value
    times[row, COUNT + channel] = 1
    if channel == WARM:
        values[row, BEFORE] = value
        values[row, SWING] = values[row, NET] = 0.0


@njit(cache=True, nogil=True)
def _settle(values, times, row, value, time):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """End the trust in a first smoke value that may have been smoke: clean air came, or it lasted too long."""
    if value < UNCLEAR:
        times[row, UNSURE] = NONE
    elif time - times[row, UNSURE] > TRUSTED_NS:
        times[row, UNSURE] = NONE
        values[row, BASE] = 0.0


@njit(cache=True, nogil=True)
def update(values, times, row, channel, value, time, smoky):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Update a channel by a reading at or after its last one."""
    at = channel * WIDTH
    seen = times[row, SEEN + channel]
    times[row, SEEN + channel] = time
    if seen == NONE or (channel == WARM and abs(value - values[row, at + LAST]) >= JUMP_K):
        start(values, times, row, channel, value, smoky)
        return
    if channel == SMOKE and times[row, UNSURE] != NONE:
        _settle(values, times, row, value, time)
    seconds = (time - seen) / 1e9
    count = times[row, COUNT + channel]
    least = 1.0 / (count + 1.0) if count < YOUNG else 0.0
    times[row, COUNT + channel] = min(count + 1, YOUNG)
    if channel == WARM:
        kept = 1.0 - share(seconds, SWING_S)
        change = (value - values[row, at + LAST]) * min(1.0, SWING_S / max(seconds, 1e-3))  # the part of SWING_S
        values[row, SWING] = kept * values[row, SWING] + abs(change)
        values[row, NET] = kept * values[row, NET] + change
        values[row, BEFORE] = values[row, at + LAST]
    off = value - values[row, at + BASE]
    normal = max(3.0 * values[row, at + NOISE], _QUIET[channel])
    step = max(least, share(seconds, _FALL_S[channel] if off < 0 else _BASE_S[channel]))
    if off > normal:
        step *= _FROZEN[channel]
    else:
        weight = max(least, share(seconds, _NOISE_S[channel]))
        spread = (1.0 - weight) * values[row, at + NOISE] ** 2 + weight * off * off
        values[row, at + NOISE] = max(_FLOOR[channel], np.sqrt(spread))
    if channel == WARM:
        normal *= max(1.0, seconds / DRIFT_S)
    values[row, at + BASE] += step * min(off, normal)
    values[row, at + LAST] = value
    values[row, at + MEAN] += share(seconds, MEAN_S) * (value - values[row, at + MEAN])


@njit(cache=True, nogil=True)
def excess(values, row, channel):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the last value above the baseline; of the temperature, the lower one of the last two."""
    at = channel * WIDTH
    value = values[row, at + LAST]
    if channel == WARM:
        value = min(value, values[row, BEFORE])
    return value - values[row, at + BASE]


@njit(cache=True, nogil=True)
def steady(values, row):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the net change of the temperature over its path: 1 for a steady rise, near 0 for noise."""
    return values[row, NET] / max(values[row, SWING], 1e-9)
