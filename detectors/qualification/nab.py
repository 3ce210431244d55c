"""Score of the Numenta Anomaly Benchmark: early detections in windows, weighed against false ones.

Source: github.com/numenta/NAB, nab/sweeper.py and nab/scorer.py; config/profiles.json for the weights.

A window scores s(p)/s(-1) for its earliest detection, with s(p) = 2/(1+exp(5p)) - 1 and p = -1 at its first row, 0
behind its last. A window without a detection scores -missed. A detection outside scores false x s(p), p in window
lengths behind the last window, and -false beyond 3 of them or before the first window. Rows of the probation do not
count.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp

PROBATION_SHARE, PROBATION_ROWS = 0.15, 750
"""The first rows of a series are not scored: this share of it, at most this many."""
FAR = 3.0
"""Window lengths behind a window from which a detection is wholly false."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Cost of a missed window and of a detection far from any window; a found window earns up to 1."""

    missed: float
    false: float


PROFILES = {"standard": Weights(1.0, 0.11), "low FP": Weights(1.0, 0.22), "low FN": Weights(2.0, 0.11)}


@dataclass(frozen=True, slots=True)
class Series:
    """Rows of one scored series. windows: first and last row, ascending; detections: rows."""

    rows: int
    windows: Sequence[tuple[int, int]]
    detections: Sequence[int]


def probation(rows: int) -> int:
    """Return the number of first rows that do not count."""
    return min(int(PROBATION_SHARE * rows), PROBATION_ROWS)


def nab_score(series: Iterable[Series], weights: Weights) -> float:
    """Return the score: 0 for no detection at all, 100 for the first row of every window and nothing else.

    Raises ValueError without any window.

    >>> whole = Series(1_000, [(400, 499)], [400])
    >>> round(nab_score([whole], PROFILES["standard"]), 6)
    100.0
    >>> nab_score([Series(1_000, [(400, 499)], [])], PROFILES["standard"])
    0.0
    """
    total, windows = 0.0, 0
    for one in series:
        total += _raw(one, weights)
        windows += len(one.windows)
    if not windows:
        raise ValueError("a score needs at least one window")
    null = -weights.missed * windows
    return 100 * (total - null) / (windows - null)


def _raw(series: Series, weights: Weights) -> float:
    ends = [last for _, last in series.windows]
    found: dict[int, float] = {}
    false = 0.0
    for row in sorted(series.detections):
        if row < probation(series.rows):
            continue
        at = bisect_right(ends, row - 1)  # the first window that ends at this row or later
        if at < len(ends) and series.windows[at][0] <= row:
            first, last = series.windows[at]
            found.setdefault(at, _sigmoid(-(last - row + 1) / (last - first + 1)) / _sigmoid(-1.0))
        elif at:
            first, last = series.windows[at - 1]
            false += weights.false * _sigmoid((row - last) / max(1, last - first))
        else:
            false -= weights.false
    return sum(found.values()) - weights.missed * (len(series.windows) - len(found)) + false


def _sigmoid(p: float) -> float:
    """Return the weight of a position in window lengths behind a window's end.

    >>> round(_sigmoid(-1.0), 4), _sigmoid(0.0), _sigmoid(3.1)
    (0.9866, 0.0, -1.0)
    """
    return -1.0 if p > FAR else 2 / (1 + exp(5 * p)) - 1
