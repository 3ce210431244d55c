"""Benchmark of the cost of a reading on both layouts."""

from __future__ import annotations

import pytest

from twinward.bench import scale


@pytest.mark.broker
def test_each_layout_has_costs() -> None:
    """No reading is lost; CPU, entries and bytes of a reading are measured, those of NATS on the second layout only."""
    one, roles = scale.run(seconds=2.0, sensors=300)
    for row in (one, roles):
        assert (row["lost"], row["sensors"]) == (0, 300)
        assert row["cpu_us"] > 0 < row["entries_per_1000"]
    assert one["nats_sent_bytes"] == 0 < roles["nats_sent_bytes"]
