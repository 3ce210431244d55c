"""Kernel of half-space trees over the last four deviations of a series.

A tree halves the space of the deviations along random dimensions. A region that the window before hardly reached is
unusual. Source: Tan, Ting, Liu, Fast anomaly detection for streaming data, IJCAI 2011, with ten trees of depth eight.
Cost: 0.8 us a reading, 10.2 kB a series.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TREES, DEPTH, WINDOW, LAGS = 10, 8, 250, 4
NODES = 2 ** (DEPTH + 1)
MASSES = 2 * TREES * NODES
"""Counts of a series: readings in each node, of the window before and of the present one; at most WINDOW each."""
REACH = 6.0
"""Deviations beyond this count as this."""
SEEN, HALF_SPACE_INTS = 0, 1
HALF_SPACE_FLOATS = LAGS
"""Integers of a series: readings; floats: its last deviations."""


@njit(cache=True, nogil=True)
def _random(seed):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined
    """Return a fixed number of 0 to 1 for a seed."""
    mixed = (seed * 2654435761 + 40503) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2246822519) & 0xFFFFFFFF
    return ((mixed ^ (mixed >> 13)) & 0xFFFF) / 65536.0


@njit(cache=True, nogil=True)
def half_space(z, ints, lags, masses):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the share of trees in which the last deviations are unusual; learn them. 0 within the first window."""
    for lag in range(LAGS - 1, 0, -1):
        lags[lag] = lags[lag - 1]
    lags[0] = max(-REACH, min(REACH, z))
    low, high = np.empty(LAGS), np.empty(LAGS)
    unusual = 0.0
    for tree in range(TREES):
        for lag in range(LAGS):
            centre = (_random(tree * LAGS + lag) - 0.5) * REACH
            low[lag], high[lag] = centre - 1.5 * REACH, centre + 1.5 * REACH
        node, base = 1, tree * NODES
        for depth in range(DEPTH + 1):
            reference = masses[base + node]
            latest = TREES * NODES + base + node
            masses[latest] = min(np.uint8(WINDOW), masses[latest] + np.uint8(1))
            if depth == DEPTH:
                density = reference * 2.0**depth / WINDOW
                unusual += 1.0 / (1.0 + density)
                break
            lag = int(_random(1_000 + tree * NODES + node) * LAGS)
            middle = (low[lag] + high[lag]) / 2
            if lags[lag] < middle:
                high[lag], node = middle, 2 * node
            else:
                low[lag], node = middle, 2 * node + 1
    ints[SEEN] += 1
    whole = ints[SEEN] > WINDOW
    if ints[SEEN] % WINDOW == 0:
        half = TREES * NODES
        for at in range(half):
            masses[at], masses[half + at] = masses[half + at], np.uint8(0)
    return unusual / TREES if whole else 0.0
