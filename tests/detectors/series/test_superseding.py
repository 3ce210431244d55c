"""Superseding metrics, compared with a plain loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.series.superseding import Superseding
from detectors.series.views import BatchView, Fleet, Table
from ingest import TelemetryBatch
from tests.detectors.histories import START_NS, Row, campus, readings

SUPERSEDING = ("battery_low", "battery_voltage")
rows_of = st.lists(
    st.tuples(st.sampled_from(["battery", "battery", *SUPERSEDING, "co"]), st.integers(0, 2)), max_size=30
)


def batch_of(rows: list[tuple[str, int]]) -> TelemetryBatch:
    """Return a batch of these metrics and sensors, one a second."""
    full: list[Row] = [(metric, sensor, at, at, 1.0, 0) for at, (metric, sensor) in enumerate(rows)]
    return readings(full)


@settings(deadline=None)  # the first call loads kernels
@given(rows_of, st.integers(0, 30))
def test_row_is_superseded_from_the_first_superseding_reading_of_its_sensor(
    rows: list[tuple[str, int]], cut: int
) -> None:
    """Readings of earlier batches and of earlier rows count, also after a restore."""
    state = Superseding(SUPERSEDING)
    reported: set[int] = set()
    for part in (rows[:cut], rows[cut:]):
        if not part:
            continue
        restored = Superseding(SUPERSEDING)
        restored.load(state.dump())
        state = restored
        batch, fleet, table = batch_of(part), Fleet(campus()), Table(("battery",))
        fleet.sync(int(batch.sensor.max()))
        view = BatchView(batch, fleet, clock_ns=START_NS, late_ns=10**12)
        mine = table.part(view)
        found = state.update(view, mine)
        expected = []
        for metric, sensor in part:
            reported |= {sensor} if metric in SUPERSEDING else set()
            expected += [sensor in reported] if metric == "battery" else []
        if mine is not None:
            assert (np.zeros(len(mine.rows), bool) if found is None else found).tolist() == expected
