"""What is left in a cell by the messages that its device sends: counted, their usual number a day, and the end."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import LIVE, NONE, TIMELINES, emit

DAY_NS = 86_400_000_000_000
SAME_NS = 1_000_000_000
"""Readings of one sensor whose times are closer than this came in one message: radios do not send so fast."""

DAYS = 9
"""Days whose messages are remembered: the week from which the usual number is taken, the day before it, and today."""

AHEAD_DAYS = 36_500.0
"""No end is told further ahead."""

FLAG, VOLTAGE, OTHER = 0, 1, 2
"""What a row is: the device's low flag, its voltage, anything else that it sent."""

SAID, NEWEST, BEGUN, LOW, BACK, ENDED, TOLD_FIRST, TOLD_LAST, TIMES = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""Times of a cell: of the last message counted, the newest, the first; since when it is low; since when it looks fresh
again; when it was last found replaced; the end that was told, earliest and latest."""

HEARD, USED, UNDER, DYING, STEP, HAS_FLAG, NUMBERS = 0, 1, 2, 3, 4, 5, 6
"""Numbers of a cell: messages heard, messages since it is low, readings in a row under the low and under the dead
voltage, step of the ladder, 1 once the device told a flag."""

USED_NOW, LEFT_LOW, LEFT_HIGH, A_DAY, FIRST_END, LAST_END, FACTS = 0, 1, 2, 3, 4, 5, 6
"""Columns of the facts beside each entry; the last three NaN while nothing can be said."""

_SOON = 4  # messages before a number a day is taken from less than a whole day
_DOUBT = 1.5  # by how much that may be off
_BURST = 1.25  # a day counts at most so many times the week's middle, or one more: one burst is no habit
_SOONER, _OTHER = 0.02, 0.1  # an end is told anew when it moved by so much of the time left, and by a day


@njit(cache=True, nogil=True)
def _a_day(slot, day, moment, number, days, counts, told):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Messages a day: usual, and at least and at most as far as is known; zeros while nothing is known.

    A day tells something when it was heard whole, that is, the days around it were heard too. A burst of one day is no
    habit, one of two days may be.
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
        usual = told[slot]
        if number[slot, HEARD] >= _SOON and span > 0:
            usual = max(usual, (number[slot, HEARD] - 1) / span)
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
def _count(slot, time, moment, number, days, counts, told, missed):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Take a row in; gives whether it is a message of its own. Days in which nothing was heard may have had some."""
    if moment[slot, SAID] != NONE and abs(time - moment[slot, SAID]) < SAME_NS:
        return False
    day = time // DAY_NS
    newest = moment[slot, NEWEST]
    if newest != NONE and moment[slot, LOW] != NONE and day > newest // DAY_NS + 1:
        usual, _, _ = _a_day(slot, newest // DAY_NS, moment, number, days, counts, told)
        missed[slot] += usual * (day - newest // DAY_NS - 1)
    moment[slot, SAID] = time
    if newest == NONE:
        moment[slot, BEGUN] = time
    moment[slot, NEWEST] = max(newest, time)
    number[slot, HEARD] += 1
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
def _hear(slot, what, value, time, volts, moment, number, missed, count_min, memory_ns):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Take a flag or a voltage in: whether the cell is low, dying, or another one."""
    low = fresh = False
    if what == FLAG:
        number[slot, HAS_FLAG] = 1
        low, fresh = value > 0, not value > 0
    else:
        number[slot, UNDER] = number[slot, UNDER] + 1 if value < volts[slot, 0] else 0
        number[slot, DYING] = number[slot, DYING] + 1 if value <= volts[slot, 2] else 0
        if number[slot, HAS_FLAG] == 0:  # where there is a flag, the device itself knows best
            low, fresh = number[slot, UNDER] >= count_min, value >= volts[slot, 1]
    if low and moment[slot, LOW] == NONE:
        moment[slot, LOW] = time
        ended = moment[slot, ENDED]
        if ended == NONE or time - ended > memory_ns:  # a cell that is low again so soon is the same one
            number[slot, USED] = 0
            missed[slot] = 0.0
    if low:
        moment[slot, BACK] = NONE
    elif fresh and moment[slot, LOW] != NONE and moment[slot, BACK] == NONE:
        moment[slot, BACK] = time


@njit(cache=True, nogil=True)
def _weigh(slot, now, moment, number, days, counts, told, missed, budget, count_min, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Fill `facts`: what is left, and from when to when the cell ends."""
    used = number[slot, USED]
    left_low = max(0.0, budget[slot, 0] - used - missed[slot])
    if number[slot, DYING] >= count_min:
        left_low = 0.0
    left_high = max(0.0, budget[slot, 1] - used)
    usual, slow, fast = _a_day(slot, now // DAY_NS, moment, number, days, counts, told)
    facts[USED_NOW], facts[LEFT_LOW], facts[LEFT_HIGH] = used, left_low, left_high
    facts[A_DAY] = facts[FIRST_END] = facts[LAST_END] = np.nan
    if usual > 0:
        facts[A_DAY] = usual
        facts[FIRST_END] = now + min(left_low / fast, AHEAD_DAYS) * DAY_NS
        facts[LAST_END] = now + min(left_high / slow, AHEAD_DAYS) * DAY_NS


@njit(cache=True, nogil=True)
def _moved(slot, now, moment, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Whether the end is another than was told: known at last, sooner, its latest moved, or its messages used up."""
    first, last = moment[slot, TOLD_FIRST], moment[slot, TOLD_LAST]
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
def _judge(slot, now, moment, number, clear_ns, within, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """The phase to tell of a low cell, -1 for nothing; moves its step."""
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
def _remember(slot, now, phase, moment, number, facts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """What was told stands until it moves; a cell that was replaced begins anew."""
    if phase == 2:  # noqa: PLR2004 - Phase.CLEAR
        for place in (LOW, BACK, TOLD_FIRST, TOLD_LAST):
            moment[slot, place] = NONE
        moment[slot, ENDED] = now
        number[slot, STEP] = 0
    elif not np.isnan(facts[FIRST_END]):
        moment[slot, TOLD_FIRST] = np.int64(facts[FIRST_END])
        moment[slot, TOLD_LAST] = np.int64(facts[LAST_END]) if facts[LEFT_HIGH] > 0 else 0


@njit(cache=True, nogil=True)
def update_batteries(  # noqa: PLR0917 - compiled: arrays one by one
    rows: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]],
    slots: NDArray[np.int32],
    states: NDArray[np.int64],
    what: NDArray[np.int8],
    spans: tuple[int, int, int],
    within: NDArray[np.float64],
    kinds: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    state: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
    beside: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], int]:
    """Go through a batch; rows: sensor, event time, value, whether the device sent it just then.

    slots: sensor -> series, -1 or beyond the end for sensors that never told a battery; states: of the rows that do, -1
    for others; what: FLAG or VOLTAGE for these. spans: readings in a row that make a voltage low, how long it must look
    fresh, for how long after that it is still taken for the same. within: days to the earliest end, a step each.
    kinds: (series, 3) low, fresh and dead voltage; (series, 2) messages at least and at most; messages a day as told.
    beside: facts of each entry; it grows with the entries.
    """
    sensors, times, readings, sent = rows
    moment, number, days, counts, missed = state
    facts = np.empty(FACTS)
    count = 0
    for row in range(len(sensors)):
        slot = int(slots[sensors[row]]) if sensors[row] < len(slots) else -1
        if slot < 0 or (moment[slot, SAID] == NONE and states[row] < 0):
            continue
        time = times[row]
        news = sent[row] and _count(slot, time, moment, number, days, counts, kinds[2], missed)
        if states[row] >= 0 and states[row] % TIMELINES == LIVE:
            _hear(slot, what[row], readings[row], time, kinds[0], moment, number, missed, spans[0], spans[2])
            news = True
        if moment[slot, LOW] == NONE or time < moment[slot, NEWEST] or not news:
            continue
        _weigh(slot, time, moment, number, days, counts, kinds[2], missed, kinds[1], spans[0], facts)
        standing, since = number[slot, STEP], moment[slot, LOW]
        phase = _judge(slot, time, moment, number, spans[1], within, facts)
        if phase < 0:
            continue
        step = int(number[slot, STEP])
        _remember(slot, time, phase, moment, number, facts)
        if phase == 2 and standing == 0:  # noqa: PLR2004 - Phase.CLEAR of what was never told
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
