"""Timeline of each reading, and whether it is out of order there."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import DRILL, LATE, LIVE, TIMELINES

TEST, HISTORICAL = 2, 3  # of Quality, constants of the compiled loop


@njit(cache=True, nogil=True)
def assign(  # noqa: PLR0917 - compiled: arrays one by one
    rows: NDArray[np.int64],
    slots: NDArray[np.int32],
    times: NDArray[np.int64],
    arrivals: NDArray[np.int64],
    quality: NDArray[np.uint8],
    last: NDArray[np.int64],
    late_ns: int,
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
) -> None:
    """Fill `states` and `older` for `rows`; last: newest event time of each state, updated.

    A test reading belongs to the drill timeline. A reading that its source marks as history, that arrives more than
    late_ns after its event, or that is older than the newest live one of its series, belongs to the late timeline: it
    may raise there, but never clears a live detection.
    """
    for i in range(len(rows)):
        row = rows[i]
        time = times[row]
        state = slots[i] * TIMELINES
        if quality[row] == TEST:
            state += DRILL
        elif quality[row] == HISTORICAL or arrivals[row] - time > late_ns or time < last[state + LIVE]:
            state += LATE
        states[i] = state
        older[i] = time < last[state]
        last[state] = max(last[state], time)
