"""Kernels of an adaptive-resonance sequence model: categories of the last eight levels of one series.

The features of a window are the Haar transform of its shape and its levels, with their complements. A category is the
smallest value of each feature over its members. Levels and features are bytes, 255 is 1.

Source: the published idea of adaptive resonance (Carpenter, Grossberg, Rosen: Fuzzy ART, Neural Networks 4, 759, 1991)
over a complement-coded Haar feature. Cost: 32 additions a category and block, about 1 us for 96 categories.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

WINDOW = 8
FEATURES = 32
ONE = 255
NEWEST, ITS_COMPLEMENT = 15, 31
HALF_ROOT = 0.5**0.5


@njit(cache=True, nogil=True)
def _stretch(values: NDArray[np.float64]) -> None:
    """Scale the values to 0..1 by their own range; all 0 if they are equal."""
    low, high = values.min(), values.max()
    for i in range(len(values)):
        values[i] = (values[i] - low) / (high - low) if high > low else 0.0


@njit(cache=True, nogil=True)
def _haar(shape: NDArray[np.float64], turned: NDArray[np.float64]) -> None:
    """Fill `turned` with the Haar transform of eight values, the coarsest first."""
    size = WINDOW
    while size > 1:
        size //= 2
        for i in range(size):
            first, second = shape[2 * i], shape[2 * i + 1]
            turned[size + i] = (first - second) * HALF_ROOT
            shape[i] = (first + second) * HALF_ROOT
    turned[0] = shape[0]


@njit(cache=True, nogil=True)
def features(levels: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Fill `out` with the 32 features of a window of eight levels."""
    shape = levels.astype(np.float64)
    turned = np.empty(WINDOW, np.float64)
    _stretch(shape)
    _haar(shape, turned)
    _stretch(turned)
    for i in range(WINDOW):
        out[i] = np.uint8(turned[i] * ONE + 0.5)
        out[WINDOW + i] = levels[i]
        out[2 * WINDOW + i] = ONE - out[i]
        out[3 * WINDOW + i] = ONE - levels[i]


@njit(cache=True, nogil=True)
def energy(x: NDArray[np.uint8], box: NDArray[np.uint8]) -> float:
    """Return the agreement of the newest level with a category, 0 to 1."""
    common = np.int64(min(x[NEWEST], box[NEWEST])) + np.int64(min(x[ITS_COMPLEMENT], box[ITS_COMPLEMENT]))
    whole = np.int64(box[NEWEST]) + np.int64(box[ITS_COMPLEMENT])
    return float(common / whole) if whole > 0 else 0.0


@njit(cache=True, nogil=True)
def match(x: NDArray[np.uint8], box: NDArray[np.uint8]) -> float:
    """Return the agreement of features with a category, 0 to 1."""
    common, whole = np.int32(0), np.int32(0)
    for i in range(FEATURES):
        common += min(x[i], box[i])
        whole += box[i]
    share = common / whole if whole > 0 else 0.0
    newest = energy(x, box)
    return share * share * share * newest * newest


@njit(cache=True, nogil=True)
def resonate(x, boxes, won, used, clock, high):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Learn features in every category that matches by at least `high`.

    Returns the best match, the energy of that category, and whether a category learned.
    """
    best, best_energy, learned = -1.0, 0.0, False
    for number in range(used):
        box = boxes[number]
        found = match(x, box)
        if found > best:
            best, best_energy = found, energy(x, box)
        if found >= high:
            learned = True
            won[number] = clock
            for i in range(FEATURES):
                box[i] = min(box[i], x[i])
    return best, best_energy, learned


@njit(cache=True, nogil=True)
def add_category(x, boxes, won, used, clock):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Add a category, in place of the one that was unused for longest if there is no room; return their number.

    clock, won: block numbers modulo 65,536.
    """
    place = used
    if used == len(boxes):
        place, oldest = 0, np.int64(-1)
        for number in range(used):
            age = (np.int64(clock) - np.int64(won[number])) & 0xFFFF
            if age > oldest:
                place, oldest = number, age
    boxes[place, :] = x
    won[place] = clock
    return max(used, place + 1)


@njit(cache=True, nogil=True)
def by_likeness(windows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the windows in order of their summed cosine similarity, the most typical first."""
    plain = windows.astype(np.float64)
    for i in range(len(plain)):
        plain[i] /= max(1e-12, np.sqrt((plain[i] * plain[i]).sum()))
    middle = plain.sum(axis=0)
    alike = np.empty(len(plain), np.float64)
    for i in range(len(plain)):
        alike[i] = -(plain[i] * middle).sum()
    return np.argsort(alike, kind="mergesort")


@njit(cache=True, nogil=True)
def first_vigilance(windows, boxes, won, trial, highest):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the mean best match of the less typical half of the windows in a net of vigilance `trial`."""
    order = by_likeness(windows)
    total, count, used = 0.0, 0, 0
    for turn in range(len(order)):
        x = windows[order[turn]]
        best, _, learned = resonate(x, boxes, won, used, 0, trial)
        if not learned:
            used = add_category(x, boxes, won, used, turn)
        if turn >= len(order) // 2:
            total += best
            count += 1
    return min(highest, total / max(1, count))
