"""The bench of the detectors runs and compares like with like."""

from __future__ import annotations

from twinward.bench.detect import run


def test_batches_beat_single_readings() -> None:
    """Batching is worth at least a factor of twenty on any machine."""
    told: list[str] = []
    single, batched = run(seconds=1, progress=told.append)
    assert batched["ratio_to_row_by_row"] > 20
    assert single["bench"] == batched["bench"] == "detect"
    assert told == ["detect: one reading at a time", "detect: batches of 4,096"]
