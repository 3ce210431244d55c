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
    sums = [math.fsum(column) for column in zip(*map(_terms, found, exposures), strict=True)]
    results: list[Expectation | None] = []
    for number, exposure in zip(found, exposures, strict=True):
        x, e, xx, xe, ee = (whole - own for whole, own in zip(sums, _terms(number, exposure), strict=True))
        rate = max(x, 0.0) / e
        excess = xx - 2 * rate * xe + rate * rate * ee - rate * e
        dispersion = max(0.0, excess / (rate * rate * ee)) if rate else 0.0
        mean = rate * exposure
        results.append(Expectation(mean, lower_tail(number, mean, dispersion)))
    return results


def lower_tail(number: int, mean: float, dispersion: float) -> float:
    """Return the probability of at most this number. dispersion 0: Poisson.

    >>> round(lower_tail(0, 3.0, 0.0), 4), round(lower_tail(0, 3.0, 1.0), 4), round(lower_tail(2, 3.0, 0.0), 4)
    (0.0498, 0.25, 0.4232)
    """
    if mean <= 0:
        return 1.0
    if dispersion * mean < _POISSON:
        logs = -mean
        steps = [math.log(mean) - math.log(k) for k in range(1, number + 1)]
    else:
        size = 1 / dispersion
        logs = -size * math.log1p(mean / size)
        share = math.log(mean) - math.log(mean + size)
        steps = [math.log(k - 1 + size) - math.log(k) + share for k in range(1, number + 1)]
    terms = [logs]
    for step in steps:
        terms.append(terms[-1] + step)
    return min(1.0, math.fsum(map(math.exp, terms)))


_POISSON = 1e-9


def _terms(number: int, exposure: float) -> tuple[float, ...]:
    return (number, exposure, number * number, number * exposure, exposure * exposure)
