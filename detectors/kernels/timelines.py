"""Which lane each reading belongs to, and whether it came out of order there."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import DRILL, LANES, LATE, LIVE

TEST = 2  # Quality.TEST, a constant of the compiled loop


@njit(cache=True, nogil=True)
def assign(  # noqa: PLR0917 - compiled: arrays one by one
    rows: NDArray[np.int64],
    slots: NDArray[np.int32],
    times: NDArray[np.int64],
    arrivals: NDArray[np.int64],
    quality: NDArray[np.uint8],
    last: NDArray[np.int64],
    late_ns: int,
    cells: NDArray[np.int64],
    older: NDArray[np.bool_],
) -> None:
    """Fill `cells` and `older` for `rows`; `last` is the newest event time of each cell.

    A reading that is late, or older than what its series already told, goes to the late lane: there it may raise, and
    it can never take back what the live lane says.
    """
    for i in range(len(rows)):
        row = rows[i]
        time = times[row]
        cell = slots[i] * LANES
        if quality[row] == TEST:
            cell += DRILL
        elif arrivals[row] - time > late_ns or time < last[cell + LIVE]:
            cell += LATE
        cells[i] = cell
        older[i] = time < last[cell]
        last[cell] = max(last[cell], time)
