"""Kernel of lasting states: each duration of the ladder raises a level, on the clock of the data."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import DRILL, LATE, LIVE, NONE, TIMELINES, emit

KEEP, ON, OFF, ON_NOW, CANCEL = 0, 1, 2, 3, 4
"""Signals: none; on; off; on, past the first duration at once; cancel unless raised."""

DELAYED_NS = 5_000_000_000
"""Delay behind the clock that marks a buffered reading: its end may be the next row."""

FAR = np.iinfo(np.int64).max

START, TIMER, CONFIRMED, ENDED, NEWEST, TIMES = 0, 1, 2, 3, 4, 5
"""Time columns of a state: start, base of the durations, last confirmation, end, newest event."""


@njit(cache=True, nogil=True)
def _due(moment, step, after, clear_ns, hold_ns):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the next time at which the clock changes a state."""
    if moment[START] == NONE:
        return FAR
    if moment[ENDED] != NONE:
        return moment[ENDED] + clear_ns
    due = FAR
    if step < len(after):
        due = moment[TIMER] + after[step]
    if hold_ns > 0:
        due = min(due, moment[CONFIRMED] + hold_ns)
    return due


@njit(cache=True, nogil=True)
def _advance(row, state, now, moment, step, after, clear_ns, hold_ns, found, values, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Advance a state to `now`: raise levels, or clear."""
    while _due(moment[state], step[state], after, clear_ns, hold_ns) <= now:
        times = moment[state]
        start = times[START]
        ends = times[ENDED] != NONE or (hold_ns > 0 and times[CONFIRMED] + hold_ns <= now)
        at = step[state]
        if ends:
            times[START] = NONE
            step[state] = 0
            if at > 0:
                entry = (row, state, 2, at - 1, start, max(times[NEWEST], start))
                found, values = emit(found, values, count, entry, 0.0)
                count += 1
            continue
        reached = max(times[NEWEST], start + after[at])
        entry = (row, state, 1 if at > 0 else 0, at, start, reached)
        step[state] = at + 1
        found, values = emit(found, values, count, entry, 1.0)
        count += 1
    return found, values, count


@njit(cache=True, nogil=True)
def _apply(state, signal, time, clock, moment, step, after):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Apply a signal; the durations of a delayed one count from its arrival, as later rows may still be in transit."""
    times = moment[state]
    counted = clock if state % TIMELINES == LATE or clock - time > DELAYED_NS else time
    if signal in (ON, ON_NOW):
        if times[START] == NONE:
            times[START], times[TIMER], times[ENDED], times[NEWEST] = time, counted, NONE, time
            step[state] = 0
        times[CONFIRMED] = counted
        times[ENDED] = NONE
        if signal == ON_NOW and step[state] == 0:
            times[TIMER] = min(times[TIMER], counted - after[0])
    elif times[START] != NONE and step[state] == 0:
        times[START] = NONE
    elif times[START] != NONE and signal == OFF and times[ENDED] == NONE:
        times[ENDED] = counted
    if times[START] != NONE:
        times[NEWEST] = max(times[NEWEST], time)


@njit(cache=True, nogil=True)
def update_episodes(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    signals: NDArray[np.int8],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    clock: NDArray[np.int64],
    after: NDArray[np.int64],
    clear_ns: int,
    hold_ns: int,
    due: NDArray[np.int64],
    moment: NDArray[np.int64],
    step: NDArray[np.int64],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Update the states by all rows of a batch; states: -1 for a row without a signal.

    clock: non-decreasing clock of the data at each row; after: durations of the ladder; clear_ns: time off until it
    clears; hold_ns: time without a confirmation until it clears (0: never). due: one element, a lower bound of the next
    time at which the clock changes a state. A live off also ends the late and the drill timeline.
    """
    count = 0
    for row in range(len(states)):
        if clock[row] >= due[0]:
            due[0] = FAR
            for state in range(len(step)):
                found, values, count = _advance(
                    row, state, clock[row], moment, step, after, clear_ns, hold_ns, found, values, count
                )
                due[0] = min(due[0], _due(moment[state], step[state], after, clear_ns, hold_ns))
        home, signal = states[row], signals[row]
        if home < 0 or signal == KEEP or (older[row] and signal not in (ON, ON_NOW)):
            continue
        timelines = TIMELINES if home % TIMELINES == LIVE and signal == OFF else 1
        for state in range(home, home + timelines):
            if signal not in (ON, ON_NOW) and moment[state, START] == NONE:
                continue
            now = clock[row] if state % TIMELINES == LATE else times[row]
            found, values, count = _advance(
                row, state, now, moment, step, after, clear_ns, hold_ns, found, values, count
            )
            _apply(state, signal, times[row], clock[row], moment, step, after)
            found, values, count = _advance(
                row, state, now, moment, step, after, clear_ns, hold_ns, found, values, count
            )
            due[0] = min(due[0], _due(moment[state], step[state], after, clear_ns, hold_ns))
    return found, values, count


@njit(cache=True, nogil=True)
def gate_signals(  # noqa: C901, PLR0917 - compiled: arrays one by one, one loop
    rows: NDArray[np.int64],
    states: NDArray[np.int64],
    metric: NDArray[np.int16],
    on: NDArray[np.bool_],
    times: NDArray[np.int64],
    codes: tuple[int, int, int],
    grant_ns: int,
    wait_ns: int,
    granted: NDArray[np.int64],
    grants: NDArray[np.bool_],
    opened: NDArray[np.int64],
    ajar: NDArray[np.bool_],
    closed: NDArray[np.bool_],
    signals: NDArray[np.int8],
) -> None:
    """Fill the signals of gates: reported as forced, or opened without a grant.

    An opening needs a grant at a gate that has ever sent one, and at every gate while the school is closed.

    codes: metrics open, access_granted, forced. granted, opened: (states,), time of the last grant, and of an opening
    without one (NONE). grants: (series,), True after the first grant. ajar: (states,), last reported position; a
    repeated report is no opening. closed: (rows,), the school is closed. A grant up to wait_ns after the opening
    cancels it: one message may contain both, in either order.
    """
    for i in range(len(rows)):
        state, row = states[i], rows[i]
        time, slot = times[row], state // TIMELINES
        if metric[row] == codes[1]:
            if on[row]:
                if state % TIMELINES != DRILL:
                    grants[slot] = True
                granted[state] = max(granted[state], time)
                if opened[state] != NONE and abs(time - opened[state]) <= wait_ns:
                    opened[state] = NONE
                    signals[row] = CANCEL
        elif metric[row] == codes[0]:
            if not on[row]:
                opened[state] = NONE
                signals[row] = OFF
            elif (
                not ajar[state]
                and (grants[slot] or closed[i])
                and (granted[state] == NONE or time - granted[state] > grant_ns)
            ):
                opened[state] = time
                signals[row] = ON
            ajar[state] = on[row]
        elif on[row]:
            signals[row] = ON_NOW
        elif opened[state] == NONE:
            signals[row] = OFF
