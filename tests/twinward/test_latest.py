"""Newest reading of every series, for any order and any division into batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest import Quality, TelemetryBatch, from_columns
from twinward.latest import Latest

Row = tuple[int, int, int]
ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(0, 9)), max_size=30)


def batch(rows: list[Row]) -> TelemetryBatch:
    """Return readings (sensor, metric, time) with their time as value."""
    columns = np.array(rows, np.int64).reshape(-1, 3)
    return from_columns(
        {
            "sensor": columns[:, 0].astype(np.int32),
            "metric": columns[:, 1].astype(np.int16),
            "time_ns": columns[:, 2].copy(),
            "arrival_ns": columns[:, 2].copy(),
            "value": columns[:, 2].astype(np.float64),
            "quality": np.zeros(len(columns), np.uint8),
        }
    )


def test_a_retained_reading_is_the_newest_until_a_live_one_arrives() -> None:
    """It has its quality. A live reading of the same time or later replaces it; an older copy does not."""
    latest = Latest()
    kept, live = batch([(1, 1, 5), (1, 2, 5)]), batch([(1, 1, 5)])
    latest.update(replace(kept, quality=np.full(2, Quality.RETAINED, np.uint8)))
    assert [last.quality for last in latest.of(1)] == [Quality.RETAINED, Quality.RETAINED]
    latest.update(live)
    latest.update(replace(batch([(1, 1, 3)]), quality=np.full(1, Quality.RETAINED, np.uint8)))
    assert [(last.time_ns, last.quality) for last in latest.of(1)] == [(5, Quality.GOOD), (5, Quality.RETAINED)]


@given(parts=st.lists(ROWS, max_size=4))
def test_the_newest_reading_of_each_series_is_returned(parts: list[list[Row]]) -> None:
    """The result equals that of a dictionary."""
    latest, model = Latest(), dict[tuple[int, int], int]()
    for rows in parts:
        latest.update(batch(rows))
        for sensor, metric, time_ns in rows:
            model[sensor, metric] = max(model.get((sensor, metric), 0), time_ns)
    for sensor in range(5):
        found = {(sensor, last.metric): last.time_ns for last in latest.of(sensor)}
        assert found == {key: time_ns for key, time_ns in model.items() if key[0] == sensor}
        assert all(last.value == last.time_ns for last in latest.of(sensor))
