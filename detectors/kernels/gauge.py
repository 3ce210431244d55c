"""Kernel of faults of a river gauge: spike, drop to zero, step, noise, stuck value."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - compiled: arrays one by one, types are inferred
from __future__ import annotations

import numpy as np
from numba import njit

from .emission import LIVE, TIMELINES

RECENT, CELLS = 9, 40
"""Last values, and cells of a histogram of sizes, half a power of two each."""

SPIKE, DROP, STEP, NOISE, STUCK = 1, 2, 3, 4, 5
"""Kinds of faults; 0 for none."""

COUNT, RUN, ZEROS, KIND, FLAGGED, WAS_ZERO, NUMBERS = 0, 1, 2, 3, 4, 5, 6
"""Numbers of a series: readings, length of the present run of equal values, zeros, open fault, its last reading, and
whether the last value was zero."""

SINCE, RUN_SINCE, TIMES = 0, 1, 2
"""Times of a series: begin of the open fault, begin of the run."""

LEARN, SPIKES, STEPS_UP, STEPS_DOWN, NOISY, LONGEST, LONGEST_S, CLEAR, LEAST, LASTING, SETTINGS = range(11)
"""Settings: readings before the first finding, factors over the own tail, least run and its seconds, readings to clear,
least size of a fault, factor over the usual run."""


@njit(cache=True, nogil=True)
def cell_of(size: float) -> int:
    """Return the cell of a size; the first is for all below 0.1 mm."""
    return 0 if size < 1e-4 else min(int(2 * np.log2(size / 1e-4)) + 1, CELLS - 1)  # noqa: PLR2004 - resolution


@njit(cache=True, nogil=True)
def tail(histogram, share: float) -> float:
    """Return the upper edge of the cell that holds this quantile; 0 without entries."""
    goal, total = share * histogram.sum(), 0.0
    for cell in range(CELLS):
        total += histogram[cell]
        if total >= goal and total > 0:
            return 1e-4 * 2 ** (cell / 2)
    return 0.0


@njit(cache=True, nogil=True)
def _add(histogram, size, weight):
    """Add a size; the oldest entries fade once there are 4,000."""
    histogram[cell_of(size)] += weight
    if histogram[0] + histogram.sum() > 4_000:  # noqa: PLR2004 - half a year of hourly readings
        histogram *= 0.5


@njit(cache=True, nogil=True)
def _spiked(recent, least):
    """Return whether the last values went out by `least` or more and came back within three readings."""
    for width in range(1, 4):
        out, back = recent[width] - recent[width + 1], recent[0] - recent[1]
        rest, inside = abs(recent[0] - recent[width + 1]), 0.0
        for k in range(1, width):
            inside = max(inside, abs(recent[k] - recent[k + 1]))
        if abs(out) > least and out * back < 0 and rest < 0.35 * abs(out) and inside < 0.6 * abs(out):
            return True
    return False


@njit(cache=True, nogil=True)
def _stepped(recent, up, down):
    """Return whether the value stepped up or down by these sizes, flat before and after."""
    jump = recent[2] - recent[3]
    if abs(jump) <= (up if jump > 0 else down):
        return False
    after = max(abs(recent[0] - recent[1]), abs(recent[1] - recent[2]))
    before = max(abs(recent[3] - recent[4]), abs(recent[4] - recent[5]))
    return max(after, before) < 0.25 * abs(jump)


@njit(cache=True, nogil=True)
def _noisy(recent, least):
    """Return whether the last values zigzag by `least` in the median."""
    sizes, path = np.empty(RECENT - 2), 0.0
    for k in range(RECENT - 2):
        sizes[k] = abs(recent[k + 1] - (recent[k] + recent[k + 2]) / 2)
        path += abs(recent[k] - recent[k + 1])
    near = recent[: RECENT - 1]
    return np.median(sizes) > least and path > 2.2 * (near.max() - near.min())


@njit(cache=True, nogil=True)
def _fault(recent, dropped, bends, jumps, number, setting):
    """Return the kind of fault that the last values show, 0 for none. recent: newest first."""
    least, bend, jump = setting[LEAST], tail(bends, 0.99), tail(jumps, 0.99)
    size = abs(recent[0] - recent[1])
    if dropped and number[ZEROS] < 0.01 * number[COUNT] and size > max(setting[SPIKES] * jump, least):
        return DROP
    if _spiked(recent, max(setting[SPIKES] * max(bend, jump / 2), least)):
        return SPIKE
    if _stepped(recent, max(setting[STEPS_UP] * jump, least), max(setting[STEPS_DOWN] * jump, least)):
        return STEP
    if _noisy(recent, max(setting[NOISY] * tail(bends, 0.5), bend, 1.5 * tail(bends, 0.9), least / 2)):
        return NOISE
    return 0


@njit(cache=True, nogil=True)
def _lasting(time, zero, number, runs, moment, setting):
    """Return whether the present run of equal values is longer than usual."""
    longest = max(setting[LONGEST], setting[LASTING] * tail(runs, 0.995) / 1e-4)
    usual_zero = zero and number[ZEROS] >= 0.01 * number[COUNT]
    return number[RUN] >= longest and time - moment[RUN_SINCE] >= setting[LONGEST_S] * 1e9 and not usual_zero


@njit(cache=True, nogil=True)
def _learn(recent, bends, jumps, runs, changed, run):
    """Add sizes to the histograms, five readings late: those of a fault are not learned. Add an ended run."""
    _add(jumps, abs(recent[5] - recent[6]), 1.0)
    _add(bends, abs(recent[5] - (recent[4] + recent[6]) / 2), 1.0)
    if changed:
        _add(runs, run * 1e-4, 1.0)


@njit(cache=True, nogil=True)
def _kind(time, value, zero, recent, bends, jumps, runs, number, moment, setting):
    """Take a reading; return the kind of fault that it shows, 0 for none."""
    same, run, was_zero = number[COUNT] > 0 and value == recent[0], number[RUN], number[WAS_ZERO] == 1
    if not same:
        moment[RUN_SINCE] = time
    number[RUN], number[WAS_ZERO] = run + 1 if same else 1, zero
    for k in range(RECENT - 1, 0, -1):
        recent[k] = recent[k - 1]
    recent[0] = value
    number[COUNT] += 1
    kind = 0
    if number[COUNT] > setting[LEARN]:
        kind = _fault(recent, zero and not was_zero, bends, jumps, number, setting)
        if kind == 0 and _lasting(time, zero, number, runs, moment, setting):
            kind = STUCK
    if number[COUNT] > RECENT and kind == 0 and number[COUNT] - number[FLAGGED] > RECENT - 2:
        _learn(recent, bends, jumps, runs, not same, run)
        number[ZEROS] += zero
    return kind


@njit(cache=True, nogil=True)
def update_gauges(states, older, times, values, zero, reads, setting, columns, found, usual):
    """Update the series by the readings of a batch; return the number of entries in found.

    columns: recent values, histograms of bends, jumps and runs, numbers, times. found: (2 x rows, 5): place in the
    batch, slot, phase, kind, begin.
    usual: median of the last values at each entry. A fault clears after CLEAR readings without a sign of it.
    """
    recent, bends, jumps, runs, numbers, moments = columns
    count = 0
    for i in range(len(states)):
        s, time = states[i] // TIMELINES, times[i]
        if states[i] % TIMELINES != LIVE or older[i] or not reads[s]:
            continue
        number, moment = numbers[s], moments[s]
        kind = _kind(time, values[i], zero[i], recent[s], bends[s], jumps[s], runs[s], number, moment, setting)
        phase = -1
        if kind:
            number[FLAGGED] = number[COUNT]
            if number[KIND] == 0:
                number[KIND], moment[SINCE], phase = kind, time, 0
        elif number[KIND] and number[COUNT] - number[FLAGGED] >= setting[CLEAR]:
            phase = 2
        if phase >= 0:
            found[count, 0], found[count, 1], found[count, 2], found[count, 3] = i, s, phase, int(number[KIND])
            found[count, 4], usual[count] = moment[SINCE], np.median(recent[s])
            count += 1
        if phase == 2:  # noqa: PLR2004 - cleared
            number[KIND] = 0
    return count
