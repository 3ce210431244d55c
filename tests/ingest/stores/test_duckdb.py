"""DuckDB store: its file survives a kill, and its errors state whether a retry may succeed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import pytest

from ingest import StoreError, TelemetryBatch, from_columns, raw_only_plan
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


DAY_NS = 86_400_000_000_000
UPKEEP = """
import pathlib, sys
from ingest import raw_only_plan
from ingest.stores import duckdb_upkeep, open_store
duckdb_upkeep.SLICE_ROWS = 5_000
store = open_store("duckdb", pathlib.Path(sys.argv[1]))
now_ns = int(sys.argv[2])
while store.retain(raw_only_plan(int(sys.argv[3])), now_ns=now_ns).more:
    print("step", flush=True)
"""


def series(sensors: int, readings: int, start_ns: int) -> TelemetryBatch:
    """Return one reading a second of every sensor of a large fleet."""
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
    """After two kills in the middle the store has all confirmed rows, and exactly those up to the cursor."""
    path = tmp_path / "series.duckdb"
    for wait_s in (0.1, 0.3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(wait_s)
        writer.kill()
        confirmed = int(writer.stdout.read().split(b"\n")[-2:][0] or 1)
        writer.wait(10)
        writer.stdout.close()
        store = open_store("duckdb", path)
        assert store.cursor() >= confirmed
        assert store.count() == 500 * store.cursor()
        store.close()


def test_a_reopened_store_continues(tmp_path: Path) -> None:
    """Rows and cursor survive a close; a repeated last write changes nothing."""
    path = tmp_path / "series.duckdb"
    for _ in range(2):
        store = open_store("duckdb", path)
        store.write(series(3, 4, 0), cursor=1)
        assert (store.cursor(), store.count()) == (1, 12)
        store.close()


def test_a_closed_store_raises_a_permanent_error(tmp_path: Path) -> None:
    """After the close no retry succeeds."""
    store = open_store("duckdb", tmp_path / "series.duckdb")
    store.close()
    with pytest.raises(StoreError) as refused:
        store.count()
    assert not refused.value.retry


def test_a_store_that_another_process_has_open_works_after_its_end(tmp_path: Path) -> None:
    """Calls meanwhile raise a retryable error; the first call afterwards opens the file."""
    path = tmp_path / "series.duckdb"
    program = f"import duckdb, sys\nwith duckdb.connect({str(path)!r}) as db:\n print(1, flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    store = open_store("duckdb", path)
    with pytest.raises(StoreError) as refused:
        store.cursor()
    assert refused.value.retry
    holder.communicate(timeout=10)
    assert store.cursor() == 0
    store.close()


def test_fatal_error_of_the_engine_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fatal error of the engine the next call reopens the file."""
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
    """A read takes tens of milliseconds under the memory bound; the limit allows for a busy machine."""
    store = open_store("duckdb", tmp_path / "series.duckdb")
    for cursor in range(1, 11):
        store.write(series(1_000, 100, cursor * 100_000_000_000), cursor=cursor)
    started_s = time.perf_counter()
    found = store.read(77, 6, from_ns=0, to_ns=2**62)
    assert time.perf_counter() - started_s < 0.5
    assert len(found.time_ns) == 1_000
    assert set(found.value.tolist()) == {77.0}
    store.close()


def content(path: Path) -> tuple[int, list[tuple[float, ...]]]:
    """Return the count, and every reading of every sensor in read order."""
    store = open_store("duckdb", path)
    rows = []
    for sensor in range(200):
        found = store.read(sensor, 6, from_ns=0, to_ns=2**62)
        rows += [(sensor, *row) for row in zip(found.time_ns.tolist(), found.value.tolist(), strict=True)]
    count = store.count()
    store.close()
    return count, rows


@pytest.mark.parametrize("raw_days", [1_000, 1])
def test_upkeep_that_is_killed_leaves_every_reading_once(tmp_path: Path, raw_days: int) -> None:
    """A kill at any step of a rewrite loses, duplicates and reorders nothing; the rewrite then completes."""
    path = tmp_path / "series.duckdb"
    store = open_store("duckdb", path)
    for cursor in range(1, 4):
        store.write(series(200, 100, DAY_NS * (cursor // 2)), cursor=cursor)
    store.close()
    before = content(path)
    now_ns, killed = DAY_NS * 2 + DAY_NS // 2, 0
    kept = [row for row in before[1] if raw_days > 1 or row[1] >= DAY_NS]
    stays = set(kept)
    for steps in (1, 2, 4, 7, 100):
        command = [sys.executable, "-c", UPKEEP, str(path), str(now_ns), str(raw_days)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
        assert worker.stdout is not None
        seen = sum(1 for _ in zip(range(steps), worker.stdout, strict=False))
        killed += worker.poll() is None and seen == steps
        worker.kill()
        worker.wait(10)
        worker.stdout.close()
        count, rows = content(path)
        assert count == len(rows)
        assert stays <= set(rows) <= set(before[1])
        assert [row for row in rows if row in stays] == kept
    assert killed >= 2
    assert rows == kept


def test_a_sorted_day_is_smaller_and_the_space_of_dropped_days_is_reused(tmp_path: Path) -> None:
    """A sorted reading takes fewer than five bytes; the file does not grow while days expire."""
    store, path, sizes = open_store("duckdb", tmp_path / "series.duckdb"), tmp_path / "series.duckdb", []
    for day in range(10):
        for part in range(4):
            store.write(series(1_000, 120, DAY_NS * day + part * 3_600_000_000_000), cursor=day * 4 + part + 1)
        while store.retain(raw_only_plan(1), now_ns=DAY_NS * (day + 1) + DAY_NS // 4).more:
            pass
        sizes.append(path.stat().st_size)
    assert store.count() == 480_000
    assert max(sizes[4:]) <= 1.5 * max(sizes[:4])  # without reuse the factor would be 2.5
    store.close()
    with duckdb.connect(str(path)) as db:
        db.execute("CHECKPOINT")
        used, block = db.execute("SELECT used_blocks, block_size FROM pragma_database_size()").fetchall()[0]
    assert used * block / 480_000 < 5


def test_readings_of_the_first_layout_are_migrated(tmp_path: Path) -> None:
    """The single table becomes tables by day; cursor and readings stay."""
    path = tmp_path / "series.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute(
            "CREATE TABLE readings (sensor INTEGER, metric SMALLINT, time_ns BIGINT, value DOUBLE, quality UTINYINT)"
        )
        db.execute("CREATE TABLE progress (cursor BIGINT NOT NULL); INSERT INTO progress VALUES (7)")
        db.execute("INSERT INTO readings SELECT 1, 6, r * 40000000000001 - 5, r, 0 FROM range(9) t(r)")
    store = open_store("duckdb", path)
    found = store.read(1, 6, from_ns=-10, to_ns=2**62)
    assert (store.cursor(), store.count()) == (7, 9)
    assert found.time_ns.tolist() == [row * 40_000_000_000_001 - 5 for row in range(9)]
    assert found.value.tolist() == list(range(9))
    store.close()


def test_late_readings_join_their_day_after_one_day(tmp_path: Path) -> None:
    """Late readings are readable in time order; the sorted day is rewritten once, a day after their arrival."""
    store = open_store("duckdb", tmp_path / "series.duckdb")
    hour_ns = DAY_NS // 24
    store.write(series(3, 4, 0), cursor=1)
    assert store.retain(raw_only_plan(9), now_ns=DAY_NS + hour_ns).more is False
    while store.retain(raw_only_plan(9), now_ns=DAY_NS + 3 * hour_ns).more:
        pass
    late = series(1, 3, 500_000_000)
    store.write(from_columns({**columns_of(late), "arrival_ns": late.time_ns + DAY_NS + 4 * hour_ns}), cursor=2)
    assert not store.retain(raw_only_plan(9), now_ns=2 * DAY_NS).more
    seen = store.read(0, 6, from_ns=0, to_ns=DAY_NS).time_ns.tolist()
    assert seen == sorted(seen)
    assert len(seen) == 7
    assert store.retain(raw_only_plan(9), now_ns=2 * DAY_NS + 5 * hour_ns).more
    while store.retain(raw_only_plan(9), now_ns=2 * DAY_NS + 5 * hour_ns).more:
        pass
    assert store.read(0, 6, from_ns=0, to_ns=DAY_NS).time_ns.tolist() == seen
    assert store.count() == 15
    store.close()


def columns_of(batch: TelemetryBatch) -> dict[str, np.ndarray]:
    """Return the columns of a batch by name."""
    return {name: getattr(batch, name) for name in ("sensor", "metric", "time_ns", "arrival_ns", "value", "quality")}
