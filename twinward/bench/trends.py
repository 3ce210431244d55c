"""Reads and disk use of many stored readings, compared with one table in arrival order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from ingest import TelemetryBatch, from_columns, raw_only_plan
from ingest.stores import open_store

Row = dict[str, Any]
Progress = Callable[[str], object]

SENSORS, PERIOD_MS, BATCH_ROWS = 5_000, 60_000, 8_192
METRICS = np.array((1, 20, 40, 6, 45), np.int16)
FIRST_DAY, DAY_NS, MINUTE_NS = 20_400, 86_400_000_000_000, 60_000_000_000
KEPT_DAYS = 36_500
PROGRESS_EVERY = 256
MINUTES_AT_ONCE = 8
ASKED = range(2, SENSORS, 5)
"""Sensors of one kind: every fifth."""

_PLAIN = "CREATE TABLE readings (sensor INTEGER, metric SMALLINT, time_ns BIGINT, value DOUBLE, quality UTINYINT)"
_SUMS = (
    f"SELECT time_ns // {MINUTE_NS}, count(*), avg(value), min(value), max(value) FROM readings"  # noqa: S608
    " WHERE metric = $metric AND sensor IN (SELECT unnest($sensors)) AND time_ns >= $begin AND time_ns < $end"
    " AND quality = 0 GROUP BY 1 ORDER BY 1"
)


def fleet(rows: int) -> Iterator[TelemetryBatch]:
    """Yield readings of 5,000 sensors in arrival order, one a minute each, with own phases and up to 2 s of jitter.

    From a fixed seed. A fifth of the values is constant, the others have one decimal. Batches of at most BATCH_ROWS.
    """
    random = np.random.default_rng(7)
    phase = random.integers(0, PERIOD_MS, SENSORS)
    sensor = np.tile(np.argsort(phase).astype(np.int32), MINUTES_AT_ONCE)
    offset_ms = np.tile(np.sort(phase), MINUTES_AT_ONCE) + np.repeat(np.arange(MINUTES_AT_ONCE), SENSORS) * PERIOD_MS
    sent, start_ms = 0, FIRST_DAY * DAY_NS // 1_000_000
    while sent < rows:
        time_ns = (start_ms + offset_ms + random.integers(0, 2_000, len(sensor))) * 1_000_000
        value = np.round(random.normal(20, 3, len(sensor)), 1)
        value[sensor % 5 == 0] = 0.0
        columns: dict[str, Any] = {
            "sensor": sensor,
            "metric": METRICS[sensor % 5],
            "time_ns": time_ns,
            "arrival_ns": time_ns,
        }
        columns |= {"value": value, "quality": np.zeros(len(sensor), np.uint8)}
        for at in range(0, min(len(sensor), rows - sent), BATCH_ROWS):
            end = min(at + BATCH_ROWS, rows - sent, len(sensor))
            yield from_columns({name: column[at:end] for name, column in columns.items()})
        sent += min(len(sensor), rows - sent)
        start_ms += MINUTES_AT_ONCE * PERIOD_MS


def run(home: Path, rows: int, *, seconds: float, progress: Progress) -> Iterator[Row]:
    """Yield rows for writing, sorting and each kind of read; `ratio_to_unsorted`: speed over the plain table."""
    plain = duckdb.connect(str(home / "plain.duckdb"), config={"memory_limit": "128MB", "threads": 1})
    plain.execute(_PLAIN)
    written, last_ns = _write_both(home / "days.duckdb", plain, rows, progress=progress)
    yield written
    progress("store: days are sorted")
    done = _sort(home / "days.duckdb", rows, now_ns=last_ns + 2 * DAY_NS)
    plain.execute("CHECKPOINT")
    yield done | {"bytes_per_row_unsorted": round(_bytes_of(plain) / rows, 2)}
    begin = FIRST_DAY * DAY_NS + (last_ns // DAY_NS - FIRST_DAY) // 2 * DAY_NS
    span = {"from_ns": begin, "to_ns": begin + DAY_NS}
    store = open_store("duckdb", home / "days.duckdb")
    cases: dict[str, tuple[Callable[[], int], Callable[[], int]]] = {
        "read_one_sensor": (
            lambda: len(store.read(ASKED[15], 40, **span).time_ns),
            lambda: len(_plain_series(plain, ASKED[15], begin)),
        ),
        "downsample_one_sensor": (
            lambda: int(store.downsample(ASKED[15], 40, step_ns=MINUTE_NS, **span).count.sum()),
            lambda: _plain_sum(plain, [ASKED[15]], begin),
        ),
        "mean_of_a_kind": (
            lambda: int(store.across(ASKED, 40, step_ns=MINUTE_NS, **span).count.sum()),
            lambda: _plain_sum(plain, list(ASKED), begin),
        ),
    }
    for case, (ours, theirs) in cases.items():
        progress(f"store: {case}")
        yield _read(case, ours, theirs, seconds)
    store.close()
    plain.close()


def _write_both(path: Path, plain: duckdb.DuckDBPyConnection, rows: int, *, progress: Progress) -> tuple[Row, int]:
    """Write each batch to the store and to the plain table; the store also moves its cursor."""
    store = open_store("duckdb", path)
    wrote_s, plain_s, worst_s, last_ns = 0.0, 0.0, 0.0, 0
    for cursor, batch in enumerate(fleet(rows), 1):
        started_s = time.perf_counter()
        store.write(batch, cursor=cursor)
        between_s = time.perf_counter()
        _write_plain(plain, batch)
        wrote_s, plain_s = wrote_s + between_s - started_s, plain_s + time.perf_counter() - between_s
        worst_s = max(worst_s, between_s - started_s)
        last_ns = int(batch.time_ns.max())
        if cursor % PROGRESS_EVERY == 0:
            progress(f"store: {cursor * BATCH_ROWS:,} of {rows:,} readings written")
    store.close()
    row = _row("duckdb_write_days", rows / wrote_s, ratio_to_unsorted=plain_s / wrote_s, call_ms_max=worst_s * 1e3)
    return row, last_ns


def _sort(path: Path, rows: int, *, now_ns: int) -> Row:
    """Run all due upkeep; return the size of the readings after it."""
    store, steps_s, more = open_store("duckdb", path), [], True
    while more:
        started_s = time.perf_counter()
        more = store.retain(raw_only_plan(KEPT_DAYS), now_ns=now_ns).more
        steps_s.append(time.perf_counter() - started_s)
    store.close()
    with duckdb.connect(str(path)) as db:
        used = _bytes_of(db)
    sizes = {"bytes_per_row": used / rows, "file_bytes_per_row": path.stat().st_size / rows}
    return _row("duckdb_sort_days", rows / sum(steps_s), **sizes, step_ms_max=max(steps_s) * 1e3)


def _read(case: str, ours: Callable[[], int], theirs: Callable[[], int], seconds: float) -> Row:
    """Raise ValueError if both sides count different readings."""
    (found, call_s), (other, other_s) = _calls(ours, seconds), _calls(theirs, seconds)
    if found != other:
        raise ValueError(f"{case}: {found} readings against {other} in the plain table")
    row = _row(case, found / call_s, ratio_to_unsorted=other_s / call_s)
    return row | {"call_ms": round(call_s * 1e3, 2), "unsorted_call_ms": round(other_s * 1e3, 2)}


def _calls(work: Callable[[], int], seconds: float) -> tuple[int, float]:
    """Return the result of a call and its median duration."""
    found, until_s = work(), time.perf_counter() + seconds
    took_s: list[float] = []
    while time.perf_counter() < until_s or not took_s:
        started_s = time.perf_counter()
        work()
        took_s.append(time.perf_counter() - started_s)
    return found, float(np.median(took_s))


def _row(case: str, rate: float, **more: float) -> Row:
    row: Row = {"bench": "store", "case": case, "rate_per_s": round(rate)}
    return row | {name: round(value, 2) for name, value in more.items()}


def _write_plain(db: duckdb.DuckDBPyConnection, batch: TelemetryBatch) -> None:
    names = ("sensor", "metric", "time_ns", "value", "quality")
    db.register("incoming", {name: getattr(batch, name) for name in names})
    db.execute("INSERT INTO readings SELECT sensor, metric, time_ns, value, quality FROM incoming")
    db.unregister("incoming")


def _plain_sum(db: duckdb.DuckDBPyConnection, sensors: list[int], begin: int) -> int:
    values = {"metric": 40, "sensors": sensors, "begin": begin, "end": begin + DAY_NS}
    return sum(row[1] for row in db.execute(_SUMS, values).fetchall())


def _plain_series(db: duckdb.DuckDBPyConnection, sensor: int, begin: int) -> Any:
    query = (
        "SELECT time_ns, value, quality FROM readings WHERE sensor = ? AND metric = 40"
        " AND time_ns >= ? AND time_ns < ? ORDER BY time_ns, rowid"
    )
    return db.execute(query, [sensor, begin, begin + DAY_NS]).fetchnumpy()["time_ns"]


def _bytes_of(db: duckdb.DuckDBPyConnection) -> int:
    """Return the bytes of the blocks in use."""
    row = db.execute("SELECT used_blocks * block_size FROM pragma_database_size()").fetchall()[0]
    return int(row[0])
