"""Means of recent readings in buckets of time, and lines and parabolas through them."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: FBT001, PLR0917 - compiled: arrays one by one, types are inferred
from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

BUCKETS = 48
"""Buckets of a series."""

Buckets = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Mean time (s from the origin), mean value and number of readings of each bucket, shape (BUCKETS,)."""


@njit(cache=True, nogil=True)
def push(at: float, value: float, size: int, fresh: bool, keep: bool, own: Buckets) -> int:
    """Add a reading to the last bucket, or to a new one; return the number of buckets.

    fresh: start a new bucket. keep: a full row merges neighbours, else it drops the oldest bucket.
    """
    times, means, counts = own
    if not fresh and size:
        last = size - 1
        counts[last] += 1
        times[last] += (at - times[last]) / counts[last]
        means[last] += (value - means[last]) / counts[last]
        return size
    if size == BUCKETS and keep:
        for i in range(BUCKETS // 2):
            one, two = counts[2 * i], counts[2 * i + 1]
            times[i] = (times[2 * i] * one + times[2 * i + 1] * two) / (one + two)
            means[i] = (means[2 * i] * one + means[2 * i + 1] * two) / (one + two)
            counts[i] = one + two
        size = BUCKETS // 2
    elif size == BUCKETS:
        for i in range(BUCKETS - 1):
            times[i], means[i], counts[i] = times[i + 1], means[i + 1], counts[i + 1]
        size -= 1
    times[size], means[size], counts[size] = at, value, 1.0
    return size + 1


@njit(cache=True, nogil=True)
def line(now: float, span_s: float, fewest: int, size: int, own: Buckets) -> tuple[float, float, int]:
    """Return level now, slope per second and number of buckets of a line through the last span_s."""
    times, means, _ = own
    n, sx, sy, sxx, sxy = 0, 0.0, 0.0, 0.0, 0.0
    for back in range(size):
        i = size - 1 - back
        x = times[i] - now
        if x <= -span_s and n >= fewest:
            break
        n += 1
        sx += x
        sy += means[i]
        sxx += x * x
        sxy += x * means[i]
    spread = n * sxx - sx * sx
    if n < 2 or spread <= 1e-9:  # noqa: PLR2004 - two points make a line
        return (means[size - 1] if size else np.nan), 0.0, n
    slope = (n * sxy - sx * sy) / spread
    return (sy - slope * sx) / n, slope, n


@njit(cache=True, nogil=True)
def parabola(now: float, span_s: float, fewest: int, size: int, own: Buckets) -> tuple[float, float, float]:
    """Return level now, slope, and half the curvature of a parabola through the last span_s.

    The curvature shrinks by its t-value: c (1 - 4 / t^2), zero below t = 2; the line is refitted with it.
    """
    times, means, _ = own
    level, slope, n = line(now, span_s, fewest, size, own)
    if n < 5:  # noqa: PLR2004 - two degrees of freedom are left
        return level, slope, 0.0
    unit, origin = max(now - times[size - n], 1.0), means[size - 1]
    s1, s2, s3, s4, y0, y1, y2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(size - n, size):
        x, y = (times[i] - now) / unit, means[i] - origin
        square = x * x
        s1, s2, s3, s4 = s1 + x, s2 + square, s3 + square * x, s4 + square * square
        y0, y1, y2 = y0 + y, y1 + x * y, y2 + square * y
    # the curvature by Gram-Schmidt: x^2 without its line through the same x
    spread = max(n * s2 - s1 * s1, 1e-9)
    tilt = (n * s3 - s1 * s2) / spread
    shift = (s2 - tilt * s1) / n
    bent = max(s4 - tilt * s3 - shift * s2, 1e-9)
    fit = (y2 - tilt * y1 - shift * y0) / bent
    straight = (n * y1 - s1 * y0) / spread
    rest = 0.0
    for i in range(size - n, size):
        x = (times[i] - now) / unit
        error = means[i] - origin - (y0 - straight * s1) / n - straight * x - fit * (x * x - tilt * x - shift)
        rest += error * error
    deviation = np.sqrt(max(rest / (n - 3) / bent, 1e-18))
    t = fit / deviation
    curve = fit * max(0.0, 1 - 4 / max(t * t, 1e-9))
    slope = straight - curve * tilt
    return origin + (y0 - straight * s1) / n - curve * shift, slope / unit, curve / unit**2


@njit(cache=True, nogil=True)
def reach_s(need: float, slope: float, curve: float) -> float:
    """Return the seconds until slope t + curve t^2 reaches `need`; inf for never.

    >>> round(reach_s(1.0, 0.0, 0.01)), round(reach_s(1.0, 0.1, 0.0)), reach_s(1.0, 0.1, -0.01)
    (10, 10, inf)
    """
    if need <= 0:
        return 0.0
    if abs(curve) < 1e-15:  # noqa: PLR2004 - a line
        return need / slope if slope > 0 else np.inf
    inside = slope * slope + 4 * curve * need
    if inside < 0:
        return np.inf
    root = (-slope + np.sqrt(inside)) / (2 * curve)
    return root if root > 0 else np.inf
