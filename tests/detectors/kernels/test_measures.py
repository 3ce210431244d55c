"""Measures, compared with plain loops over the whole history."""

from __future__ import annotations

from statistics import median

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.kernels.emission import NONE
from detectors.kernels.measures import BUCKETS, lowest, rise, unchanged

WIDTH_NS = 10_000_000_000
TOLERANCE = 0.5
SPAN_NS, SETTLE_NS = 100, 30
Row = tuple[int, bool, int, float]  # state, out of order, seconds since the row before, value
rows_of = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(0, 5).map(lambda n: n == 0), st.sampled_from([0, 1, 7, 30, 200]),
        st.integers(0, 8).map(lambda n: n / 4),
    ),
    max_size=60,
)  # fmt: skip


def columns(rows: list[Row]) -> tuple[np.ndarray, ...]:
    """Return states, out-of-order marks, times and values."""
    times = np.cumsum([row[2] for row in rows]).astype(np.int64) * 1_000_000_000
    states, older = np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.bool_)
    return states, older, times, np.array([row[3] for row in rows], np.float64)


def rise_of(history: list[tuple[int, float]]) -> float:
    """Return the rise at the end of a history of (time, value), NaN before the third value."""
    medians = [
        (history[i][0] // WIDTH_NS, median(value for _, value in history[i - 2 : i + 1]))
        for i in range(2, len(history))
    ]
    if not medians:
        return float("nan")
    bucket, middle = medians[-1]
    highs: dict[int, float] = {}
    for place, value in medians:
        if bucket - place < BUCKETS:
            highs[place] = max(value, highs.get(place, value))
    return middle - min(middle, *highs.values())


@settings(deadline=None)
@given(rows_of)
def test_rise_equals_that_of_the_whole_history(rows: list[Row]) -> None:
    """Median of three values minus the lowest bucket maximum of the window; out-of-order rows have no measure."""
    states, older, times, values = columns(rows)
    x, low = np.empty(len(rows)), np.empty(len(rows))
    before, stamp, highs = np.full((2, 2), np.nan), np.full((2, BUCKETS), NONE // 2), np.zeros((2, BUCKETS))
    rise(states, older, times, values, WIDTH_NS, before, stamp, highs, low, x)
    assert np.array_equal(np.isnan(x), np.isnan(low))
    for i in range(len(rows)):
        history = [(int(times[j]), float(values[j])) for j in range(i + 1) if states[j] == states[i] and not older[j]]
        np.testing.assert_equal(x[i], float("nan") if older[i] else rise_of(history))


@settings(deadline=None)
@given(rows_of)
def test_unchanged_time_equals_that_of_a_plain_loop(rows: list[Row]) -> None:
    """The time counts from the first value of the run within the tolerance."""
    states, older, times, values = columns(rows)
    x = np.empty(len(rows))
    unchanged(states, older, times, values, TOLERANCE, np.zeros(2), np.full(2, NONE, np.int64), x)
    starts: dict[int, tuple[int, float]] = {}
    for i, state in enumerate(states.tolist()):
        if older[i]:
            assert np.isnan(x[i])
            continue
        if state not in starts or abs(values[i] - starts[state][1]) > TOLERANCE:
            starts[state] = int(times[i]), float(values[i])
        assert x[i] == (times[i] - starts[state][0]) / 1e9


def lowest_of(rows: list[tuple[int, float, bool]]) -> list[float]:
    """Return the lowest value of the span of each reading and of the span before, by a plain loop."""
    spans: dict[int, float] = {}
    newest, begin, time, found = None, 0, 0, list[float]()
    for later, value, older in rows:
        time += later
        span = time // SPAN_NS
        if not older and span != newest:
            if newest is None or span > newest + 1:
                begin, spans = time, {}
            newest = span
        known = [] if newest is None else [low for at, low in spans.items() if at in (newest, newest - 1)]
        found.append(min(known) if known and time - begin >= SETTLE_NS else -np.inf)
        if not older:
            spans[span] = min(value, spans.get(span, np.inf))
    return found


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 5, 40, 99, 150, 260]), st.sampled_from([20.0, 50.0, 90.0]), st.booleans()))
)
def test_lowest_value_is_that_of_this_span_and_the_one_before(rows: list[tuple[int, float, bool]]) -> None:
    """Out-of-order readings change nothing; a pause of more than a span starts anew."""
    count = len(rows)
    begin, stamp, lows = np.full(1, NONE), np.full(1, NONE), np.full((1, 2), np.inf)
    x = np.empty(count)
    times = np.cumsum(np.array([row[0] for row in rows], np.int64))
    older, values = np.array([row[2] for row in rows], np.bool_), np.array([row[1] for row in rows], np.float64)
    lowest(np.zeros(count, np.int64), older, times, values, SPAN_NS, SETTLE_NS, begin, stamp, lows, x)
    assert x.tolist() == lowest_of(rows)
