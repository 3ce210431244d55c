"""Kernel of battery life: counted messages, compared with a plain loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.kernels.budget import (
    COUNTED,
    DAYS,
    FACTS,
    FLAG,
    LOW,
    NUMBERS,
    OTHER,
    RECEIVED,
    SAME_NS,
    TIMES,
    USED,
    USED_NOW,
    update_batteries,
)  # fmt: skip
from detectors.kernels.emission import LIVE, NONE, empty

Row = tuple[int, bool, bool]  # ns since the row before, sent live, carries the low flag
rows_of = st.lists(
    st.tuples(st.sampled_from([0, SAME_NS - 1, SAME_NS, 60 * SAME_NS, 90_000 * SAME_NS]), st.booleans(), st.booleans()),
    max_size=60,
)


@settings(deadline=None)
@given(rows_of)
def test_counted_messages_equal_those_of_a_plain_loop(rows: list[Row]) -> None:
    """Rows within a second are one message; messages count from the first flag reading, used ones after low."""
    times = np.cumsum([row[0] for row in rows]).astype(np.int64)
    sent = np.array([row[1] for row in rows], np.bool_)
    flags = np.array([row[2] for row in rows], np.bool_)
    moment, number = np.full((1, TIMES), NONE, np.int64), np.zeros((1, NUMBERS), np.int32)
    _, _, beside, count = update_batteries(
        (np.zeros(len(rows), np.int32), times, np.ones(len(rows)), sent), np.zeros(1, np.int32),
        np.where(flags, LIVE, -1).astype(np.int64), np.where(flags, FLAG, OTHER).astype(np.int8), (3, SAME_NS, SAME_NS),
        np.array([np.inf]), (np.array([[2.7, 2.8, 2.5]]), np.array([[100.0, 200.0]]), np.zeros(1)),
        (moment, number, np.full((1, DAYS), -1, np.int32), np.zeros((1, DAYS), np.int32), np.zeros(1)),
        *empty(), np.empty((16, FACTS)),
    )  # fmt: skip
    received = used = 0
    counted: int | None = None
    low: int | None = None
    for time, live, flag in zip(times.tolist(), sent.tolist(), flags.tolist(), strict=True):
        known = counted is not None or flag
        if known and live and (counted is None or time - counted >= SAME_NS):
            counted, received = time, received + 1
            used += low is not None and time > low
        if flag and low is None:
            low = time
    assert (number[0, RECEIVED], number[0, USED]) == (received, used)
    assert moment[0, COUNTED] == (NONE if counted is None else counted)
    assert moment[0, LOW] == (NONE if low is None else low)
    assert count == 0 or beside[count - 1, USED_NOW] <= used
