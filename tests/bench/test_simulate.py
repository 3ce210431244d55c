"""The simulator's benchmark measures what it says, and the campus speaks faster than it must."""

from __future__ import annotations

import pytest

from twinward.bench import simulate


@pytest.mark.broker
def test_campus_is_made_and_published_fast_enough() -> None:
    """Five million readings a CPU second into columns; half of the C publisher's rate in the same run, or more."""
    rows = {row["case"]: row for row in simulate.run(seconds=1)}
    assert set(rows) == {"columns", "native_messages", "publish_qos0"}
    assert rows["columns"]["per_cpu_s"] > 5e6
    assert rows["native_messages"]["rate_per_s"] > 0
    assert rows["publish_qos0"].get("ratio_to_mosquitto_pub", 1) > 0.5
