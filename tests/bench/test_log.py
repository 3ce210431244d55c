"""Benchmark of the log: appends to a file and to NATS servers."""

from __future__ import annotations

from twinward.bench import log


def test_each_log_takes_appends() -> None:
    """Every case has a rate and latencies, the file is its own reference."""
    rows = {row["case"]: row for row in log.run(seconds=0.5)}
    assert set(rows) == {"file", "nats_synced", "nats_default", "nats_three_synced"}
    assert all(row["rate_per_s"] > 0 and row["p99_ms"] >= row["p50_ms"] > 0 for row in rows.values())
    assert rows["file"]["ratio_to_file"] == 1
