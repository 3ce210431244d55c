"""Test whether a school reports improbably few dangers against its peers.

Model: the dangers that a school finds in a span follow a negative binomial distribution. The mean is the rate of the
other schools times the exposure of the school (pupils and area). The dispersion is estimated from the other schools by
moments; without excess variance it is 0, the Poisson distribution. The result is the probability of at most the found
number.

Limits: fewer than PEERS_MIN peers give no result. Many silent peers lower the rate, so they hide each other; a school
without any report is named in every case. One school in twenty below the limit of 0.05 is honest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PEERS_MIN = 5


@dataclass(frozen=True, slots=True)
class Expectation:
    """Expected number of dangers by the peers, and the probability of at most the found number."""

    expected: float
    probability: float


def expectations(found: Sequence[int], exposures: Sequence[float]) -> list[Expectation | None]:
    """Return the expectation of each school against all others, None with fewer than PEERS_MIN of them.

    found, exposures: of the same length; exposures are positive.
    """
    if len(found) <= PEERS_MIN:
        return [None] * len(found)
    own_x, own_e = np.array(found, np.float64), np.array(exposures, np.float64)
    terms = (own_x, own_e, own_x * own_x, own_x * own_e, own_e * own_e)
    x, e, xx, xe, ee = (math.fsum(column.tolist()) - column for column in terms)
    rate = np.maximum(x, 0.0) / e
    excess = xx - 2 * rate * xe + rate * rate * ee - rate * e
    dispersion = np.maximum(0.0, np.divide(excess, rate * rate * ee, out=np.zeros_like(e), where=rate > 0))
    mean = rate * own_e
    rows = zip(found, mean.tolist(), dispersion.tolist(), strict=True)
    return [Expectation(expected, lower_tail(number, expected, spread)) for number, expected, spread in rows]


def lower_tail(number: int, mean: float, dispersion: float) -> float:
    """Return the probability of at most this number. dispersion 0: Poisson.

    >>> round(lower_tail(0, 3.0, 0.0), 4), round(lower_tail(0, 3.0, 1.0), 4), round(lower_tail(2, 3.0, 0.0), 4)
    (0.0498, 0.25, 0.4232)
    """
    if mean <= 0:
        return 1.0
    counts = np.arange(1, number + 1)
    if dispersion * mean < _POISSON:
        first, ratios = -mean, mean / counts
    else:
        size = 1 / dispersion
        first, ratios = -size * math.log1p(mean / size), (counts - 1 + size) / counts * (mean / (mean + size))
    terms = first + np.cumsum(np.log(ratios))
    return min(1.0, math.exp(first) + float(np.exp(terms).sum()))


_POISSON = 1e-9
