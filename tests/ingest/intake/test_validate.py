"""Validation of columns agrees with the rules for single rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest import METRICS, Quality, TelemetryBatch
from ingest.intake.validate import check

NOW_NS = 1_764_000_000_000_000_000
PAST_NS = 366 * 86_400 * 10**9
MINUTE_NS = 60 * 10**9
EDGES = st.sampled_from((-PAST_NS, 0, 2 * MINUTE_NS, 1_440 * MINUTE_NS, -(2**62), 2**62)).flatmap(
    lambda lead: st.integers(-1, 1).map(lambda step: NOW_NS + lead + step)
)
ROWS = st.lists(
    st.tuples(
        EDGES,
        st.sampled_from([metric.code for metric in METRICS] + [1_000, 2_000]),
        st.one_of(st.sampled_from((0.0, 1.0, 0.5, -1.0, 100.5)), st.floats(allow_nan=False, allow_infinity=False)),
        st.sampled_from(list(Quality)),
    ),
    max_size=30,
)  # fmt: skip


@given(ROWS)
def test_columns_follow_the_rules_of_single_rows(rows: list[tuple[int, int, float, Quality]]) -> None:
    """Time and range rules for one row at a time give the same result as the columns."""
    batch = TelemetryBatch(
        sensor=np.zeros(len(rows), np.int32),
        metric=np.array([row[1] for row in rows], np.int16),
        time_ns=np.array([row[0] for row in rows], np.int64),
        arrival_ns=np.full(len(rows), NOW_NS),
        value=np.array([row[2] for row in rows], np.float64),
        quality=np.array([row[3] for row in rows], np.uint8),
    )
    checked = check(batch, past_ns=PAST_NS)
    ranges = {metric.code: (metric.low, metric.high, metric.unit) for metric in METRICS}
    for index, (time_ns, metric, value, quality) in enumerate(rows):
        lead = time_ns - NOW_NS
        refused = lead < -PAST_NS or lead > 1_440 * MINUTE_NS
        assert checked.refused[index] == refused
        if refused:
            continue
        assert checked.time_ns[index] == (NOW_NS if lead > 2 * MINUTE_NS else time_ns)
        low, high, unit = ranges.get(metric, (-np.inf, np.inf, ""))
        outside = not low <= value <= high or (unit == "bool" and value not in (0, 1))
        believed = quality in (Quality.GOOD, Quality.HISTORICAL)
        assert checked.quality[index] == (Quality.FAULT if outside and believed else quality)
        assert checked.unknown[index] == (metric >= 1_000)
