"""Throughput of log and stores, compared with row-by-row inserts into the same engines."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from ingest import Sealed, TelemetryBatch, from_columns
from ingest.block import decode, encode
from ingest.stores import open_store
from ingest.stores.influxdb import InfluxStore
from twinward.log import TelemetryLog
from twinward.log.chain import Chain

from . import trends

Row = dict[str, Any]
Progress = Callable[[str], object]

BATCH_ROWS = 8_192
READ_ROWS = 2_000_000
SENSORS = 5_000
START_NS = 1_764_000_000_000_000_000
_TABLE = "CREATE TABLE readings (sensor INTEGER, metric INTEGER, time_ns BIGINT, value DOUBLE, quality INTEGER)"
_INSERT = "INSERT INTO readings VALUES (?, ?, ?, ?, ?)"


def run(*, seconds: float = 5.0, rows: int = READ_ROWS, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield one row per case: bench, case, rate_per_s and per_cpu_s (readings), and the applicable ratios.

    ratio_to_row_by_row: the same engine with one INSERT or request per reading; bytes_per_row: of a block; call_ms: of
    a read; ratio_to_unsorted: the same readings in one table in arrival order.

    seconds: approximate duration of a case; rows: number of stored readings for the reads.
    """
    batch = readings(BATCH_ROWS, START_NS)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        progress("log: column blocks")
        yield from _log_rows(home, batch, seconds)
        progress("store: columns")
        yield from _store_rows(home, batch, seconds)
        progress("store: line protocol")
        yield from _influx_rows(home, batch, seconds)
        yield from trends.run(home, rows, seconds=seconds, progress=progress)


def readings(rows: int, start_ns: int) -> TelemetryBatch:
    """Return readings of a mixed school from a fixed seed: five metrics with usual decimals, 50 per socket read."""
    random = np.random.default_rng(7)
    sensor = random.integers(0, SENSORS, rows).astype(np.int32)
    arrival_ns = start_ns + np.repeat(np.arange(rows // 50 + 1, dtype=np.int64) * 613_011, 50)[:rows]
    value = np.round(random.normal(20, 3, rows), 1)
    value[sensor % 5 == 0] = 0.0
    return from_columns(
        {
            "sensor": sensor,
            "metric": np.array((1, 20, 40, 6, 45), np.int16)[sensor % 5],
            "time_ns": (arrival_ns - random.integers(0, 2_000_000_000, rows)) // 1_000_000 * 1_000_000,
            "arrival_ns": arrival_ns,
            "value": value,
            "quality": np.zeros(rows, np.uint8),
        }
    )


def _timed(work: Callable[[], int], seconds: float) -> tuple[float, float]:
    """Repeat `work`, which returns its number of rows; return rows/s and rows per CPU second."""
    started_s, cpu_s, rows = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started_s < seconds or not rows:
        rows += work()
    return rows / (time.perf_counter() - started_s), rows / max(1e-9, time.process_time() - cpu_s)


def _row(case: str, rates: tuple[float, float], slow: tuple[float, float] | None, **more: float) -> Row:
    row: Row = {"bench": "store", "case": case, "rate_per_s": round(rates[0]), "per_cpu_s": round(rates[1])}
    if slow is not None:
        row["ratio_to_row_by_row"] = round(rates[0] / slow[0], 1)
    return row | more


def _values(batch: TelemetryBatch) -> list[tuple[Any, ...]]:
    columns = (batch.sensor, batch.metric, batch.time_ns, batch.value, batch.quality)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _log_rows(home: Path, batch: TelemetryBatch, seconds: float) -> Iterator[Row]:
    slow = _sqlite_rates(home / "rows.db", batch, seconds)
    log = TelemetryLog(home / "telemetry.db", clock=time.time_ns)
    sealed = Sealed(batch)

    def append() -> int:
        log.append(sealed)
        return len(batch)

    rates = _timed(append, seconds)
    yield _row("log_blocks", rates, slow, bytes_per_row=round(len(encode(batch)) / len(batch), 2))

    chain = Chain(home / "telemetry.db", clock=time.time_ns)

    def read() -> int:  # beyond the log's cache of recent entries
        return sum(len(decode(stored.block)) for stored in chain.entries(0, 16))

    yield _row("log_read", _timed(read, seconds), None)
    chain.close()
    log.close()


def _sqlite_rates(path: Path, batch: TelemetryBatch, seconds: float) -> tuple[float, float]:
    """Insert row by row, one transaction per batch, with the durability of the log."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(_TABLE)

    def insert() -> int:
        db.execute("BEGIN")
        for values in _values(batch):
            db.execute(_INSERT, values)
        db.execute("COMMIT")
        return len(batch)

    rates = _timed(insert, seconds)
    db.close()
    return rates


def _store_rows(home: Path, batch: TelemetryBatch, seconds: float) -> Iterator[Row]:
    slow = _duckdb_rates(home / "rows.duckdb", batch, seconds)
    store = open_store("duckdb", home / "columns.duckdb")

    def write() -> int:
        store.write(batch, cursor=store.cursor() + 1)
        return len(batch)

    yield _row("duckdb_columns", _timed(write, seconds), slow)
    store.close()


def _influx_rows(home: Path, batch: TelemetryBatch, seconds: float) -> Iterator[Row]:
    """Measure joined lines, one write per batch, and the client library's points, one write per row.

    The server is VictoriaMetrics, the only server in Debian for the client's writes; no rows without it.
    """
    beside = Path(sys.executable).with_name("victoria-metrics")
    program = str(beside) if beside.exists() else shutil.which("victoria-metrics")
    if program is None:
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"-storageDataPath={home / 'victoria'}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([program, *options], stdout=quiet, stderr=quiet)  # noqa: S603 - a path from which(), fixed options
    try:
        _await_port(port)
        slow = _point_rates(f"http://127.0.0.1:{port}", batch, seconds)
        store = InfluxStore(f"http://127.0.0.1:{port}", "bench", organisation="bench", api="2")

        def write() -> int:
            store.send(batch, cursor=1)
            return len(batch)

        yield _row("influxdb_lines", _timed(write, seconds), slow)
        store.close()
    finally:
        server.terminate()
        server.wait(20)


def _point_rates(url: str, batch: TelemetryBatch, seconds: float) -> tuple[float, float]:
    """Write the client library's points, one request each."""
    from influxdb_client.client.influxdb_client import InfluxDBClient  # noqa: PLC0415 - 0.3 s to import
    from influxdb_client.client.write.point import Point  # noqa: PLC0415
    from influxdb_client.client.write_api import SYNCHRONOUS  # noqa: PLC0415

    client = InfluxDBClient(url, token="", org="bench")
    api = client.write_api(write_options=SYNCHRONOUS)
    rows = _values(batch)[:64]

    def insert() -> int:
        for sensor, metric, time_ns, value, quality in rows:
            fields = {"v": value, "q": quality}
            tags = {"s": str(sensor), "m": str(metric)}
            point = Point.from_dict({"measurement": "readings", "tags": tags, "fields": fields, "time": time_ns})
            api.write("bench", "bench", point)
        return len(rows)

    rates = _timed(insert, seconds)
    api.close()  # type: ignore[no-untyped-call]  # untyped in the library
    client.close()  # type: ignore[no-untyped-call]
    return rates


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def _duckdb_rates(path: Path, batch: TelemetryBatch, seconds: float) -> tuple[float, float]:
    """Insert row by row, one transaction for some hundred rows: a whole batch would take many seconds."""
    rows = _values(batch)[:256]
    with duckdb.connect(str(path), config={"threads": 1}) as db:
        db.execute(_TABLE)

        def insert() -> int:
            db.begin()
            for values in rows:
                db.execute(_INSERT, list(values))
            db.commit()
            return len(rows)

        return _timed(insert, seconds)
