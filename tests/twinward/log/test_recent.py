"""Cache of decoded batches: one decoding per batch, within the bound."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from ingest import Sealed, TelemetryBatch, from_columns
from twinward.log import TelemetryLog
from twinward.log.chain import Chain
from twinward.log.recent import Recent


def batch(value: float) -> TelemetryBatch:
    """Return ten readings of one value."""
    columns = {"sensor": np.ones(10, np.int32), "metric": np.ones(10, np.int16), "time_ns": np.arange(10)}
    columns |= {"arrival_ns": np.arange(10), "value": np.full(10, value), "quality": np.zeros(10, np.uint8)}
    return from_columns(columns)


def filled(path: Path, entries: int) -> TelemetryLog:
    """Write a log of that many entries of ten readings."""
    log = TelemetryLog(path / "telemetry.sqlite", clock=time.time_ns)
    for number in range(entries):
        log.append(Sealed(batch(float(number))))
    return log


def test_a_second_reader_gets_the_same_batches_without_decoding(tmp_path: Path) -> None:
    """Two reads of the same entries decode each once and return equal content."""
    log = filled(tmp_path, 3)
    first, second = log.read(0), log.read(0)
    assert [entry.batch.value[0] for entry in second] == [0.0, 1.0, 2.0]
    assert all(one.batch is two.batch for one, two in zip(first, second, strict=True))
    log.close()


def test_the_oldest_batches_are_dropped_at_the_bound(tmp_path: Path) -> None:
    """The cache has at most the bound of rows; a dropped batch is decoded again."""
    log = filled(tmp_path, 5)
    log.close()
    chain = Chain(tmp_path / "telemetry.sqlite", clock=time.time_ns)
    recent, stored = Recent(rows_max=25), chain.entries(0, 10)
    for _ in range(2):
        assert [recent.batch(entry).value[0] for entry in stored] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert (recent.decoded_total, recent.hits_total) == (10, 0)  # each was dropped before its second read
    recent.batch(stored[-1])
    assert recent.hits_total == 1
    chain.close()
