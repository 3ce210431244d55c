"""Kernel that numbers series by (sensor, metric), in the order of their first reading."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FREE = -1
"""Mark of an unused cell of the hashed table."""


@njit(cache=True, nogil=True)
def series_numbers(
    keys: NDArray[np.int64], table: NDArray[np.int32], listed: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int32], int]:
    """Return the number of each key and the count of numbers; new keys are listed behind the `count` present ones.

    table: open addressing, a power of two in length, at least twice the final count; listed: room for every new key.
    """
    numbers = np.empty(len(keys), np.int32)
    last = len(table) - 1
    for i in range(len(keys)):
        key = keys[i]
        cell = (key * 0x9E3779B1 >> 12) & last
        while table[cell] != FREE and listed[table[cell]] != key:
            cell = (cell + 1) & last
        if table[cell] == FREE:
            table[cell] = count
            listed[count] = key
            count += 1
        numbers[i] = table[cell]
    return numbers, count
