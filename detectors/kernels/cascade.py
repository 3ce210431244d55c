"""Nash cascade of three reservoirs fitted to a rise: level and time to a limit while the rain lasts."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, PLR0917 - compiled: arrays one by one, types are inferred
from __future__ import annotations

import numpy as np
from numba import njit

from .buckets import Buckets

RESERVOIRS_S = np.geomspace(600.0, 9000.0, 9)
"""Times of one reservoir that are tried: ponds and brooks answer within 0.2 to 2.5 h."""

STARTS = 14
"""Starts of the rain that are tried."""

FULL, LONGEST = 40.0, 600.0
"""Reservoir times after which a rise is complete, and the longest exponent: beyond it exp(x) overflows."""

_TABLE_STEP = 1 / 128
_GRID = np.arange(0.0, 16.0 + _TABLE_STEP, _TABLE_STEP)
_FILLED = 1 - np.exp(-_GRID) * (1 + _GRID + _GRID * _GRID / 2)
"""`filled` at multiples of _TABLE_STEP."""


@njit(cache=True, nogil=True)
def filled(x: float) -> float:
    """Return the share of the final rise after x reservoir times of even rain (gamma distribution, n = 3).

    >>> round(filled(3.0), 3)
    0.577
    """
    return 1 - np.exp(-x) * (1 + x + x * x / 2) if x > 0 else 0.0


@njit(cache=True, nogil=True)
def _inverse(share: float) -> float:
    """Return x at which `filled` is this share; inf from 1 on."""
    if share >= 0.999:  # noqa: PLR2004 - the limit is beyond the final level
        return np.inf
    place = int(np.searchsorted(_FILLED, share))
    if place == 0:
        return 0.0
    low, high = _FILLED[place - 1], _FILLED[place]
    return float((place - 1 + (share - low) / (high - low)) * _TABLE_STEP)


@njit(cache=True, nogil=True)
def _decays(reservoir_s: float, size: int, own: Buckets, decays) -> None:
    """Fill decays with exp(-t / reservoir_s) of each bucket, t from the first one; zero beyond LONGEST."""
    times, _, _ = own
    for i in range(size):
        x = (times[i] - times[0]) / reservoir_s
        decays[i] = np.exp(-x) if x < LONGEST else 0.0


@njit(cache=True, nogil=True)
def _moments(size: int, own: Buckets) -> tuple[float, float, float]:
    """Return the weighted sums of one, of the values above the first one, and of their squares."""
    _, means, counts = own
    n, sy, syy = 0.0, 0.0, 0.0
    for i in range(size):
        y, w = means[i] - means[0], float(counts[i])
        n, sy, syy = n + w, sy + w * y, syy + w * y * y
    return n, sy, syy


@njit(cache=True, nogil=True)
def _fit(start: float, reservoir_s: float, size: int, own: Buckets, decays, moments) -> tuple[float, float, float]:
    """Return base, final rise and sum of squares of the least squares fit; buckets before the start add nothing."""
    times, means, counts = own
    n, sy, syy = moments
    sx, sxx, sxy, rate, origin = 0.0, 0.0, 0.0, 1 / reservoir_s, means[0]
    grown = np.exp(min((start - times[0]) * rate, LONGEST))
    for i in range(size - 1, -1, -1):
        x = (times[i] - start) * rate
        if x <= 0:
            break
        share = 1 - decays[i] * grown * (1 + x + x * x / 2) if x < FULL else 1.0
        weighted = counts[i] * share
        sx += weighted
        sxx += weighted * share
        sxy += weighted * (means[i] - origin)
    spread = n * sxx - sx * sx
    if spread <= 1e-12:  # noqa: PLR2004 - no rise within the buckets
        return 0.0, 0.0, np.inf
    final = (n * sxy - sx * sy) / spread
    base = (sy - final * sx) / n
    return base + origin, final, max(syy - base * sy - final * sxy, 0.0)


@njit(cache=True, nogil=True)
def _start(cell: int, size: int, own: Buckets) -> float:
    """Return the start of the rain of a cell."""
    times, _, _ = own
    return float(times[0] - 1800 + (cell % STARTS) / STARTS * (times[size - 1] - times[0] + 1800))


@njit(cache=True, nogil=True)
def _fits(size: int, own: Buckets, base, final, squares) -> float:
    """Fill the fit of each cell, with infinite squares where the water falls; return the number of readings."""
    moments, decays = _moments(size, own), np.empty(size)
    for cell in range(len(base)):
        reservoir_s = RESERVOIRS_S[cell // STARTS]
        if cell % STARTS == 0:
            _decays(reservoir_s, size, own, decays)
        start = _start(cell, size, own)
        base[cell], final[cell], squares[cell] = _fit(start, reservoir_s, size, own, decays, moments)
        if final[cell] <= 0:
            squares[cell] = np.inf
    return moments[0]


@njit(cache=True, nogil=True)
def cascade(now: float, ahead_s: float, noise: float, limits, size: int, own: Buckets, reach) -> float:
    """Return the level after ahead_s, and fill `reach` with the seconds to each limit (inf for never).

    Fits of all starts and reservoirs count with their likelihood; times are averaged as logarithms.
    """
    cells = len(RESERVOIRS_S) * STARTS
    base, final, squares = np.empty(cells), np.empty(cells), np.empty(cells)
    readings = _fits(size, own, base, final, squares)
    best = squares.min()
    reach[:] = np.inf
    if not np.isfinite(best):
        return float(own[1][size - 1])
    variance = max(best / max(readings - 4, 1.0), noise * noise, 1e-8)
    total, ahead = 0.0, 0.0
    logs, shares = np.zeros(len(limits)), np.zeros(len(limits))
    for cell in range(cells):
        weight = np.exp(-min((squares[cell] - best) / (2 * variance), 700.0))
        if weight < 1e-3:  # noqa: PLR2004 - no effect on the mean
            continue
        start, reservoir_s = _start(cell, size, own), RESERVOIRS_S[cell // STARTS]
        total += weight
        ahead += weight * (base[cell] + final[cell] * filled((now + ahead_s - start) / reservoir_s))
        for k in range(len(limits)):
            at = start + reservoir_s * _inverse((limits[k] - base[cell]) / final[cell])
            if np.isfinite(at):
                shares[k] += weight
                logs[k] += weight * np.log(max(at - now, 30.0))
    for k in range(len(limits)):
        if shares[k] >= total / 2:
            reach[k] = np.exp(logs[k] / shares[k])
    return float(ahead / total)
