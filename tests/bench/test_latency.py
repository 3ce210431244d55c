"""Benchmark of the latency of an alarm: it reaches both receivers, in the order of the stages."""

from __future__ import annotations

import pytest

from twinward.bench import latency

CASES = [
    "published to the webhook's receiver",
    "published to the live stream",
    "published to arrived",
    "arrived to logged",
    "logged to detected",
    "detected to applied",
    "applied to webhook",
]


@pytest.mark.broker
def test_every_alarm_reaches_every_further_stream() -> None:
    """The streams have a row before the others; an alarm counts once for each stream."""
    further, *others = latency.run(seconds=0.5, streams=3)
    assert (further["case"], further["n"], further["lost"]) == ("published to 3 further live streams", 6, 0)
    assert 0 < further["p50_ms"] <= further["p95_ms"] <= further["p99_ms"]
    assert [row["case"] for row in others] == CASES


@pytest.mark.broker
def test_every_alarm_reaches_the_webhook_and_the_live_stream() -> None:
    """No alarm is lost at any stage, no stage ends before it begins, and no stage takes longer than the whole way."""
    notes: list[str] = []
    rows = list(latency.run(seconds=1, progress=notes.append))
    assert [row["case"] for row in rows] == CASES
    assert notes == ["latency: start", "latency: 4 alarms in 1 s"]
    for row in rows:
        assert (row["bench"], row["n"], row["lost"]) == ("latency", 4, 0)
        assert -1 <= row["p50_ms"] <= row["p99_ms"]  # one of the times has whole milliseconds
    whole, _, *stages = rows
    assert all(stage["p50_ms"] <= whole["p50_ms"] + 1 for stage in stages)
