"""Timelines of readings, compared with a plain loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.kernels.emission import DRILL, LATE, LIVE, NONE, TIMELINES
from detectors.kernels.timelines import TEST, assign
from ingest import Quality

LATE_NS = 10
Row = tuple[int, int, int, bool]  # slot, time, delay, test
rows_of = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), st.sampled_from([0, 0, 5, 11]), st.booleans()))


def reference(rows: list[Row]) -> list[tuple[int, bool]]:
    """Return state index and out-of-order mark of each row."""
    newest: dict[tuple[int, int], int] = {}
    found = []
    for slot, time, delay, test in rows:
        late = delay > LATE_NS or time < newest.get((slot, LIVE), time)
        timeline = DRILL if test else LATE if late else LIVE
        before = newest.get((slot, timeline), time)
        found.append((slot * TIMELINES + timeline, time < before))
        newest[slot, timeline] = max(time, before)
    return found


@settings(deadline=None)
@given(rows_of)
def test_state_and_order_equal_those_of_a_plain_loop(rows: list[Row]) -> None:
    """Test readings are drills; a late or overtaken reading is late; order is per timeline."""
    slots = np.array([row[0] for row in rows], np.int32)
    times = np.array([row[1] for row in rows], np.int64)
    arrivals = times + np.array([row[2] for row in rows], np.int64)
    quality = np.array([TEST if row[3] else Quality.GOOD for row in rows], np.uint8)
    states, older = np.empty(len(rows), np.int64), np.empty(len(rows), np.bool_)
    last = np.full(4 * TIMELINES, NONE, np.int64)
    assign(np.arange(len(rows)), slots, times, arrivals, quality, last, LATE_NS, states, older)
    assert list(zip(states.tolist(), older.tolist(), strict=True)) == reference(rows)


def test_constant_of_the_compiled_loop_is_the_quality_of_tests() -> None:
    """The kernel cannot read the enumeration."""
    assert Quality.TEST == TEST
