"""The store stage lets go of old readings by the hour, whatever the wall clock does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from ingest import COLUMNS, Catalog, from_columns, keep_raw
from ingest.stores import MemoryStore
from twinward.latest import Latest
from twinward.log import TelemetryLog
from twinward.stages import DAY_NS, LogCatalog, StoreStage

NOW_NS = 1_790_000_000 * 10**9


class Clocks:
    """A wall clock and a monotonic one, moved by hand."""

    now_ns, seconds = NOW_NS, 50.0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TelemetryLog]:
    """An empty log."""
    with closing(TelemetryLog(tmp_path / "telemetry.sqlite", clock=time.time_ns)) as opened:
        yield opened


def test_a_jump_of_the_clock_drops_nothing_an_hour_does(log: TelemetryLog) -> None:
    """Ten years ahead for a moment: everything stays. An hour later by the right clock: what is too old goes."""
    clocks, store, trimmed = Clocks(), MemoryStore(), list[int]()
    stage = StoreStage(
        store,
        Latest(),
        LogCatalog(log, Catalog(), shared=True),
        lambda: clocks.now_ns,
        keep=lambda: keep_raw(30),
        trim=trimmed.append,
        monotonic=lambda: clocks.seconds,
    )
    columns = {name: np.ones(2, dtype) for name, dtype in COLUMNS}
    columns["time_ns"] = np.array([NOW_NS - 40 * DAY_NS, NOW_NS])
    store.write(from_columns(columns), cursor=1)
    clocks.now_ns += 3_650 * DAY_NS
    stage.idle()
    assert (store.count(), trimmed) == (2, [])
    clocks.now_ns, clocks.seconds = NOW_NS, clocks.seconds + 3_601
    stage.idle()
    stage.idle()
    assert (store.count(), trimmed) == (1, [NOW_NS])
