"""Kernels of a threshold from a stated false-alarm rate: peaks with a generalised Pareto tail.

Source: Siffer et al., Anomaly detection in streams with extreme value theory (SPOT), KDD 2017; probability-weighted
moments instead of Grimshaw's search: Hosking and Wallis, Technometrics 29, 339, 1987. Cost: 0.05 us a reading, and
5 us for a peak, one reading in 20.
"""

from __future__ import annotations

import numpy as np
from numba import njit

PEAKS = 128
"""Peaks of a series that are kept, the newest."""
SHARE = 0.05
"""Share of the readings that are peaks."""
STEP_MIN = 0.005
PRIOR_PEAKS, PRIOR_SHAPE = 32, 0.2
"""Weight of the prior shape in peaks, and that shape: without it, few peaks give limits that are too low."""
SHAPE_MAX = 0.5
PLOT_A = 0.35
"""Plotting position of the moments."""


@njit(cache=True, nogil=True)
def quantile_step(score, quantile, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the tracked quantile of 1 - SHARE after a score; count: scores before."""
    step = max(STEP_MIN, 1.0 / (count + 10)) * quantile
    return quantile + step * ((1.0 - SHARE) if score > quantile else -SHARE)


@njit(cache=True, nogil=True)
def pareto(peaks):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return shape and scale of the tail of these excesses.

    The shape is drawn to a prior one by few peaks.
    """
    ordered = np.sort(peaks.astype(np.float64))
    size = len(ordered)
    mean, weighted = 0.0, 0.0
    for at in range(size):
        mean += ordered[at] / size
        weighted += ordered[at] * (1 - (at + 1 - PLOT_A) / size) / size
    if mean <= 0.0 or mean - 2 * weighted <= 0.0:
        return PRIOR_SHAPE, max(mean, 1e-9)
    shape = 2 - mean / (mean - 2 * weighted)
    shape = (size * shape + PRIOR_PEAKS * PRIOR_SHAPE) / (size + PRIOR_PEAKS)
    shape = min(SHAPE_MAX, max(-SHAPE_MAX, shape))
    return shape, mean * (1 - shape)


@njit(cache=True, nogil=True)
def tail_limit(quantile, shape, scale, rate):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the limit that a share `rate` of the scores exceeds."""
    far = max(1.0, SHARE / max(rate, 1e-12))
    if abs(shape) < 1e-6:  # noqa: PLR2004 - an exponential tail
        return quantile + scale * np.log(far)
    return quantile + scale / shape * (far**shape - 1)
