"""Benchmark of the detectors: batches against single readings of the same recipe."""

from __future__ import annotations

from twinward.bench.detect import run


def test_batches_beat_single_readings() -> None:
    """Batches reach at least twenty times the rate of single readings on any machine."""
    steps: list[str] = []
    single, batched = run(seconds=1, progress=steps.append)
    assert batched["ratio_to_row_by_row"] > 20
    assert single["bench"] == batched["bench"] == "detect"
    assert steps == ["detect: one reading at a time", "detect: batches of 4,096"]
