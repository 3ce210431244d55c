"""Output tables of the kernels: one of integers and one of floats, both growing."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

NONE = np.iinfo(np.int64).min
"""Marks an absent time."""

TIMELINES = 3
"""Timelines of a series: 0 live, 1 late or out of order, 2 drill. State index = slot * TIMELINES + timeline."""

LIVE, LATE, DRILL = 0, 1, 2

ROW, STATE, PHASE, STEP, FIRST, LAST, WIDTH = 0, 1, 2, 3, 4, 5, 6
"""Columns of the integer table: deciding row, state index, Phase, step of the ladder, event times of the span."""


def empty() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return empty tables for a kernel, which returns larger ones when they are too small."""
    return np.empty((16, WIDTH), np.int64), np.empty(16, np.float64)


@njit(cache=True, nogil=True)
def emit(
    found: NDArray[np.int64],
    values: NDArray[np.float64],
    count: int,
    entry: tuple[int, int, int, int, int, int],
    value: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Write one entry at `count`; return the tables, doubled when full."""
    if count == len(values):
        wider = np.empty((2 * count, found.shape[1]), np.int64)
        longer = np.empty(2 * count, np.float64)
        wider[:count] = found
        longer[:count] = values
        found, values = wider, longer
    for column in range(6):
        found[count, column] = entry[column]
    values[count] = value
    return found, values
