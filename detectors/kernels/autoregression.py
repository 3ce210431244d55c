"""Kernel of a recursive least-squares autoregression over the last three readings of one series.

Readings are taken relative to their slow mean and deviation. Source: Haykin, Adaptive Filter Theory, chapter on RLS;
forgetting 0.9995, ridge 1e-3. Cost: 0.1 us a reading.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LAGS = 3
TERMS = LAGS + 1
FORGET, GAIN_MAX = 0.9995, 1e3
SLOW, FIRST, DEVIATION_SLOW = 0.002, 50, 0.001
FLOOR, BOUND, CLIP = 0.05, 1e6, 4.0
"""Least residual scale in deviations; bound of relative values; residuals beyond 4 scales count as 4."""

MEAN, DEVIATION, RESIDUAL, VALUES = range(4)
"""Floats: slow mean, slow mean deviation, mean square of residuals; then lags, weights and the gain matrix."""
FLOATS = VALUES + LAGS + TERMS + TERMS * TERMS


def fresh() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the floats of a new series.

    >>> len(fresh())
    26
    """
    floats = np.zeros(FLOATS)
    floats[RESIDUAL] = 1.0
    floats[VALUES + LAGS + TERMS :] = np.eye(TERMS).ravel() * GAIN_MAX
    return floats


@njit(cache=True, nogil=True)
def predict(f, terms):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Fill `terms` with 1 and the lags; return the predicted relative value."""
    terms[0] = 1.0
    expected = f[VALUES + LAGS]
    for lag in range(LAGS):
        terms[lag + 1] = f[VALUES + lag]
        expected += f[VALUES + LAGS + 1 + lag] * terms[lag + 1]
    return max(-BOUND, min(BOUND, expected))


@njit(cache=True, nogil=True)
def _learn(error, f, terms):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Learn the weights by a residual."""
    gain = f[VALUES + LAGS + TERMS : FLOATS].reshape(TERMS, TERMS)
    turned = np.zeros(TERMS)
    for row in range(TERMS):
        for column in range(TERMS):
            turned[row] += gain[row, column] * terms[column]
    whole = FORGET
    for at in range(TERMS):
        whole += terms[at] * turned[at]
    trace = 0.0
    for row in range(TERMS):
        f[VALUES + LAGS + row] += turned[row] / whole * error
        for column in range(TERMS):
            gain[row, column] -= turned[row] * turned[column] / whole
        trace += gain[row, row]
    if trace < GAIN_MAX:  # a constant series would let the gain grow without end
        for at in range(TERMS * TERMS):
            f[VALUES + LAGS + TERMS + at] /= FORGET


@njit(cache=True, nogil=True)
def residual(value, count, f):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Learn a reading; return its residual in residual scales, its expected value, and that scale.

    count: readings before.
    """
    if count == 0:
        f[MEAN] = value
    unit = max(f[DEVIATION], 1e-9 * (1 + abs(f[MEAN])))
    terms = np.empty(TERMS)
    expected = predict(f, terms)
    y = max(-BOUND, min(BOUND, (value - f[MEAN]) / unit))
    scale = max(FLOOR, np.sqrt(f[RESIDUAL]))
    error = y - expected
    clipped = max(-CLIP * scale, min(CLIP * scale, error))
    centre, width = f[MEAN] + unit * expected, unit * scale
    if count >= FIRST:
        _learn(clipped, f, terms)
        f[RESIDUAL] += 0.01 * (clipped * clipped - f[RESIDUAL])
    for lag in range(LAGS - 1, 0, -1):
        f[VALUES + lag] = f[VALUES + lag - 1]
    f[VALUES] = expected + clipped if count >= FIRST else y
    weight = max(SLOW, 1.0 / (count + 1))
    near = f[MEAN] + unit * f[VALUES] if count >= FIRST else value
    f[MEAN] += weight * (near - f[MEAN])
    f[DEVIATION] += max(DEVIATION_SLOW, 1.0 / (count + 1)) * (abs(near - f[MEAN]) - f[DEVIATION])
    return abs(error) / scale, centre, width
