"""The DuckDB store's own duties: its file survives a kill, and its errors tell whether to try again."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest

from ingest import StoreError, TelemetryBatch, from_columns
from ingest.stores import open_store

ROOT = Path(__file__).parents[3]
WRITER = """
import pathlib, sys
import numpy as np
from ingest import COLUMNS, from_columns
from ingest.stores import open_store
store = open_store("duckdb", pathlib.Path(sys.argv[1]))
cursor = store.cursor()
while True:
    cursor += 1
    store.write(from_columns({name: np.full(500, cursor % 100, dtype) for name, dtype in COLUMNS}), cursor=cursor)
    print(cursor, flush=True)
"""


def series(sensors: int, readings: int, start_ns: int) -> TelemetryBatch:
    """One reading a second of every sensor, as a wide fleet sends them."""
    time_ns = np.repeat(start_ns + np.arange(readings, dtype=np.int64) * 1_000_000_000, sensors)
    sensor = np.tile(np.arange(sensors, dtype=np.int32), readings)
    rows = len(sensor)
    return from_columns(
        {
            "sensor": sensor,
            "metric": np.full(rows, 6, np.int16),
            "time_ns": time_ns,
            "arrival_ns": time_ns,
            "value": sensor.astype(np.float64),
            "quality": np.zeros(rows, np.uint8),
        }
    )


def test_killed_writer_leaves_rows_and_cursor_together(tmp_path: Path) -> None:
    """Killed in the middle, twice: what was confirmed is there, and exactly the rows that the cursor speaks of."""
    path = tmp_path / "series.duckdb"
    for wait_s in (0.1, 0.3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(wait_s)
        writer.kill()
        told = int(writer.stdout.read().split(b"\n")[-2:][0] or 1)
        writer.wait(10)
        writer.stdout.close()
        store = open_store("duckdb", path)
        assert store.cursor() >= told
        assert store.count() == 500 * store.cursor()
        store.close()


def test_reopened_store_goes_on(tmp_path: Path) -> None:
    """Rows and cursor are there after a close; repeating the last write changes nothing."""
    path = tmp_path / "series.duckdb"
    for _ in range(2):
        store = open_store("duckdb", path)
        store.write(series(3, 4, 0), cursor=1)
        assert (store.cursor(), store.count()) == (1, 12)
        store.close()


def test_closed_store_refuses_for_good(tmp_path: Path) -> None:
    """No retry helps once it is closed."""
    store = open_store("duckdb", tmp_path / "series.duckdb")
    store.close()
    with pytest.raises(StoreError) as refused:
        store.count()
    assert not refused.value.retry


def test_locked_file_may_be_tried_again(tmp_path: Path) -> None:
    """Another process that has the file open will let go of it some time."""
    path = tmp_path / "series.duckdb"
    program = f"import duckdb, sys\nwith duckdb.connect({str(path)!r}) as db:\n print(1, flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(StoreError) as refused:
        open_store("duckdb", path)
    assert refused.value.retry
    holder.communicate(timeout=10)


def test_fatal_error_of_the_engine_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine refuses all work after a fatal error; the store opens the file anew at the next call."""
    store = open_store("duckdb", tmp_path / "series.duckdb")
    store.write(series(2, 2, 0), cursor=1)

    def fail(*_: object) -> None:
        raise duckdb.FatalException("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("ingest.stores.duckdb._insert", fail)
        with pytest.raises(StoreError, match="disk is full") as refused:
            store.write(series(2, 2, 9), cursor=2)
    assert refused.value.retry
    store.write(series(2, 2, 9), cursor=2)
    assert (store.cursor(), store.count()) == (2, 8)
    store.close()


def test_one_series_among_a_million_rows_is_read_quickly(tmp_path: Path) -> None:
    """Tens of milliseconds at most, also with the memory bound; generous here, because the machine may be busy."""
    store = open_store("duckdb", tmp_path / "series.duckdb")
    for cursor in range(1, 11):
        store.write(series(1_000, 100, cursor * 100_000_000_000), cursor=cursor)
    started_s = time.perf_counter()
    found = store.read(77, 6, from_ns=0, to_ns=2**62)
    assert time.perf_counter() - started_s < 0.5
    assert len(found.time_ns) == 1_000
    assert set(found.value.tolist()) == {77.0}
    store.close()
