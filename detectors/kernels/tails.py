"""Deviations against their own past tail: a tracked quantile, and DSPOT's limit for a rate.

Sources: Siffer et al., Anomaly detection in streams with extreme value theory, KDD 2017 (DSPOT: SPOT on the deviation
from a moving mean); a score scaled by the series' own tail as in the reference baseline of the Numenta benchmark.
Cost: 0.1 us a reading; 5 us for a peak of DSPOT.
"""

from __future__ import annotations

from numba import njit

from .spot import PEAKS, pareto, quantile_step, tail_limit

QUANTILE, LIMIT, TAIL_FLOATS = 0, 1, 2
"""Floats of a series: tracked quantile, limit."""
FOUND, TAIL_INTS = 0, 1
"""Integers of a series: peaks."""
PEAKS_MIN, CLIPPED, STEP_MIN = 32, 3.0, 0.05
QUANTILE_START = 2.0


@njit(cache=True, nogil=True)
def dspot(z, count, rate, own, ints, peaks):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Return the deviation over the limit that a share `rate` exceeds, 0 before a limit; learn the deviation.

    count: scores before.
    """
    size, before = abs(z), own[QUANTILE]
    over = size / own[LIMIT] if own[LIMIT] > 0 else 0.0
    own[QUANTILE] = quantile_step(size, before, count)
    if size > before:
        peaks[ints[FOUND] % PEAKS] = (min(size, CLIPPED * own[LIMIT]) if own[LIMIT] > 0 else size) - before
        ints[FOUND] += 1
        if ints[FOUND] >= PEAKS_MIN:
            shape, scale = pareto(peaks[: min(ints[FOUND], PEAKS)])
            own[LIMIT] = tail_limit(own[QUANTILE], shape, scale, rate)
    return over


@njit(cache=True, nogil=True)
def own_tail(z, count, tail, own):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the deviation over its own quantile of 1 - tail, and track that; count: scores before."""
    size, before = abs(z), own[QUANTILE]
    step = max(STEP_MIN, 1.0 / (count + 10)) * max(before, 1e-3)
    own[QUANTILE] = before + step * ((1.0 - tail) if size > before else -tail)
    return size / max(before, 1e-3)


@njit(cache=True, nogil=True)
def page_hinkley(z, slack, limit, own):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the larger of both sums over the limit; the sums begin anew at the limit.

    own: sums of deviations upwards and downwards. Source: Page, Continuous inspection schemes, Biometrika 41 (1954);
    Hinkley, Biometrika 58 (1971). Cost: 10 ns a reading.
    """
    own[0] = max(0.0, own[0] + z - slack)
    own[1] = max(0.0, own[1] - z - slack)
    over = max(own[0], own[1]) / limit
    if over > 1.0:
        own[0] = own[1] = 0.0
    return over
