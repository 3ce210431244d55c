"""Benchmark of the simulator: rates of columns and of publishing."""

from __future__ import annotations

import pytest

from twinward.bench import simulate


@pytest.mark.broker
def test_campus_is_made_and_published_fast_enough() -> None:
    """Columns reach five million readings per CPU second, publishing half of the C publisher's rate in the same run."""
    rows = {row["case"]: row for row in simulate.run(seconds=1)}
    assert set(rows) == {"columns", "native_messages", "publish_qos0"}
    assert rows["columns"]["per_cpu_s"] > 5e6
    assert rows["native_messages"]["rate_per_s"] > 0
    assert rows["publish_qos0"].get("ratio_to_mosquitto_pub", 1) > 0.5
