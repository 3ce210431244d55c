"""Kernel of battery life: messages against the budget of the type, daily rate, predicted end."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import LIVE, NONE, TIMELINES, emit

DAY_NS = 86_400_000_000_000
SAME_NS = 1_000_000_000
"""Minimum interval of two messages; closer readings of a sensor belong to one message."""

DAYS = 9
"""Days of message counts: the week of the daily rate, the day before it, and today."""

AHEAD_DAYS = 36_500.0
"""Furthest predicted end, days."""

FLAG, VOLTAGE, OTHER = 0, 1, 2
"""Signal of a row: low flag, voltage, any other reading."""

COUNTED, NEWEST, BEGUN, LOW, BACK, ENDED, REPORTED_FIRST, REPORTED_LAST, TIMES = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""Times of a battery: last counted message, newest, first; start of low; start of recovery; last replacement; earliest
and latest end as reported."""

RECEIVED, USED, UNDER, DYING, STEP, HAS_FLAG, NUMBERS = 0, 1, 2, 3, 4, 5, 6
"""Numbers of a battery: messages received, messages since low, consecutive readings below the low and the dead voltage,
step of the ladder, 1 after the first low flag message."""

USED_NOW, LEFT_LOW, LEFT_HIGH, A_DAY, FIRST_END, LAST_END, FACTS = 0, 1, 2, 3, 4, 5, 6
"""Columns of the facts of each entry; the last three are NaN without a prediction."""

_SOON = 4  # messages for a rate from less than a whole day
_DOUBT = 1.5  # factor of uncertainty of that rate
_BURST = 1.25  # limit of a day: this times the median of the week, or one more; a burst does not set the rate
_SOONER, _OTHER = 0.02, 0.1  # a change of the end by this share of the time left, and by a day, is reported


@njit(cache=True, nogil=True)
def _a_day(slot, day, moment, number, days, counts, stated):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Return messages per day: usual, slowest and fastest; zeros without data.

    A day counts if it is complete: the days before and after it have messages too. A burst on one day does not set the
    rate, on two days it may.
    """
    whole = np.empty(DAYS - 2)
    size = 0
    for behind in range(1, DAYS - 1):
        place = (day - behind) % DAYS
        around = days[slot, (day - behind - 1) % DAYS] == day - behind - 1
        around = around and days[slot, (day - behind + 1) % DAYS] == day - behind + 1
        if around and days[slot, place] == day - behind:
            whole[size] = counts[slot, place]
            size += 1
    if size == 0:
        span = (moment[slot, NEWEST] - moment[slot, BEGUN]) / DAY_NS
        usual = stated[slot]
        if number[slot, RECEIVED] >= _SOON and span > 0:
            usual = max(usual, (number[slot, RECEIVED] - 1) / span)
        return usual, usual / _DOUBT, usual * _DOUBT
    middle = np.median(whole[:size])
    usual = 0.0
    for place in range(size):
        usual += min(whole[place], max(_BURST * middle, middle + 1.0)) / size
    recent = np.zeros(3)
    for behind in range(3):
        place = (day - behind) % DAYS
        if days[slot, place] == day - behind:
            recent[behind] = counts[slot, place]
    fast = max(usual, np.median(recent)) + 1.0 / size
    return usual, max(usual - 1.0 / size, usual / 2), fast


@njit(cache=True, nogil=True)
def _count(slot, time, moment, number, days, counts, stated, missed):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Count a row; return whether it starts a message. Days without any may have had lost ones."""
    if moment[slot, COUNTED] != NONE and abs(time - moment[slot, COUNTED]) < SAME_NS:
        return False
    day = time // DAY_NS
    newest = moment[slot, NEWEST]
    if newest != NONE and moment[slot, LOW] != NONE and day > newest // DAY_NS + 1:
        usual, _, _ = _a_day(slot, newest // DAY_NS, moment, number, days, counts, stated)
        missed[slot] += usual * (day - newest // DAY_NS - 1)
    moment[slot, COUNTED] = time
    if newest == NONE:
        moment[slot, BEGUN] = time
    moment[slot, NEWEST] = max(newest, time)
    number[slot, RECEIVED] += 1
    place = day % DAYS
    if day > days[slot, place]:
        days[slot, place] = day
        counts[slot, place] = 0
    if day == days[slot, place]:
        counts[slot, place] += 1
    if moment[slot, LOW] != NONE and time > moment[slot, LOW]:
        number[slot, USED] += 1
    return True


@njit(cache=True, nogil=True)
def _apply(slot, signal, value, time, volts, moment, number, missed, count_min, memory_ns):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Apply a flag or a voltage: the battery is low, near its end, or replaced."""
    low = fresh = False
    if signal == FLAG:
        number[slot, HAS_FLAG] = 1
        low, fresh = value > 0, not value > 0
    else:
        number[slot, UNDER] = number[slot, UNDER] + 1 if value < volts[slot, 0] else 0
        number[slot, DYING] = number[slot, DYING] + 1 if value <= volts[slot, 2] else 0
        if number[slot, HAS_FLAG] == 0:  # the flag of the device takes precedence
            low, fresh = number[slot, UNDER] >= count_min, value >= volts[slot, 1]
    if low and moment[slot, LOW] == NONE:
        moment[slot, LOW] = time
        ended = moment[slot, ENDED]
        if ended == NONE or time - ended > memory_ns:  # low again so soon: the same battery
            number[slot, USED] = 0
            missed[slot] = 0.0
    if low:
        moment[slot, BACK] = NONE
    elif fresh and moment[slot, LOW] != NONE and moment[slot, BACK] == NONE:
        moment[slot, BACK] = time


@njit(cache=True, nogil=True)
def _predict(slot, now, moment, number, days, counts, stated, missed, budget, count_min, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Fill `facts`: messages left, and earliest and latest end."""
    used = number[slot, USED]
    left_low = max(0.0, budget[slot, 0] - used - missed[slot])
    if number[slot, DYING] >= count_min:
        left_low = 0.0
    left_high = max(0.0, budget[slot, 1] - used)
    usual, slow, fast = _a_day(slot, now // DAY_NS, moment, number, days, counts, stated)
    facts[USED_NOW], facts[LEFT_LOW], facts[LEFT_HIGH] = used, left_low, left_high
    facts[A_DAY] = facts[FIRST_END] = facts[LAST_END] = np.nan
    if usual > 0:
        facts[A_DAY] = usual
        facts[FIRST_END] = now + min(left_low / fast, AHEAD_DAYS) * DAY_NS
        facts[LAST_END] = now + min(left_high / slow, AHEAD_DAYS) * DAY_NS


@njit(cache=True, nogil=True)
def _moved(slot, now, moment, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return whether the end differs from the reported one: first, sooner, latest moved, or budget used up."""
    first, last = moment[slot, REPORTED_FIRST], moment[slot, REPORTED_LAST]
    if np.isnan(facts[FIRST_END]):
        return False
    if first == NONE:
        return True
    if facts[LEFT_HIGH] == 0:
        return last != 0
    if first - facts[FIRST_END] > max(float(DAY_NS), _SOONER * (first - now)):
        return True
    return abs(facts[LAST_END] - last) > max(float(DAY_NS), _OTHER * (last - now))


@njit(cache=True, nogil=True)
def _step(slot, now, moment, number, clear_ns, within, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Return the phase of a low battery, -1 for none; update its step."""
    before = number[slot, STEP]
    if moment[slot, BACK] != NONE and now - moment[slot, BACK] >= clear_ns:
        return 2
    step = max(before, 1)
    for rung in range(len(within)):
        if facts[FIRST_END] - now <= within[rung] * DAY_NS:
            step = max(step, rung + 1)
    number[slot, STEP] = step
    if before == 0:
        return 0
    return 1 if step > before or _moved(slot, now, moment, facts) else -1


@njit(cache=True, nogil=True)
def _store(slot, now, phase, moment, number, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Store the reported end; reset a replaced battery."""
    if phase == 2:  # noqa: PLR2004 - Phase.CLEAR
        for place in (LOW, BACK, REPORTED_FIRST, REPORTED_LAST):
            moment[slot, place] = NONE
        moment[slot, ENDED] = now
        number[slot, STEP] = 0
    elif not np.isnan(facts[FIRST_END]):
        moment[slot, REPORTED_FIRST] = np.int64(facts[FIRST_END])
        moment[slot, REPORTED_LAST] = np.int64(facts[LAST_END]) if facts[LEFT_HIGH] > 0 else 0


@njit(cache=True, nogil=True)
def update_batteries(  # noqa: PLR0917 - compiled: arrays one by one
    rows: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]],
    slots: NDArray[np.int32],
    states: NDArray[np.int64],
    signal: NDArray[np.int8],
    spans: tuple[int, int, int],
    within: NDArray[np.float64],
    kinds: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    state: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
    beside: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], int]:
    """Update the batteries by a batch.

    rows: sensor, event time, value, whether the device sent it live. slots: sensor -> series, -1 or beyond the end
    without one. states: index of rows with a flag or voltage, else -1; signal: FLAG or VOLTAGE for these. spans:
    consecutive readings that make a voltage low, time of recovery until a replacement, time after it in which a low
    battery is the same one. within: days to the earliest end, one per step. kinds: (series, 3) low, fresh and dead
    voltage; (series, 2) minimum and maximum of messages; stated messages per day. beside: facts of each entry; grows.
    """
    sensors, times, readings, sent = rows
    moment, number, days, counts, missed = state
    facts = np.empty(FACTS)
    count = 0
    for row in range(len(sensors)):
        slot = int(slots[sensors[row]]) if sensors[row] < len(slots) else -1
        if slot < 0 or (moment[slot, COUNTED] == NONE and states[row] < 0):
            continue
        time = times[row]
        changed = sent[row] and _count(slot, time, moment, number, days, counts, kinds[2], missed)
        if states[row] >= 0 and states[row] % TIMELINES == LIVE:
            _apply(slot, signal[row], readings[row], time, kinds[0], moment, number, missed, spans[0], spans[2])
            changed = True
        if moment[slot, LOW] == NONE or time < moment[slot, NEWEST] or not changed:
            continue
        _predict(slot, time, moment, number, days, counts, kinds[2], missed, kinds[1], spans[0], facts)
        standing, since = number[slot, STEP], moment[slot, LOW]
        phase = _step(slot, time, moment, number, spans[1], within, facts)
        if phase < 0:
            continue
        step = int(number[slot, STEP])
        _store(slot, time, phase, moment, number, facts)
        if phase == 2 and standing == 0:  # noqa: PLR2004 - Phase.CLEAR of a battery that was not reported
            continue
        entry = (row, slot * TIMELINES + LIVE, phase, step - 1, since, time)
        found, values = emit(found, values, count, entry, 1.0)
        if count == len(beside):
            longer = np.empty((2 * count, FACTS))
            longer[:count] = beside
            beside = longer
        beside[count] = facts
        count += 1
    return found, values, beside, count
