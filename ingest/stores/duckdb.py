"""The default store: one DuckDB file, columns in and columns out."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ingest.errors import StoreError
from ingest.store import Buckets, Series
from ingest.telemetry import TelemetryBatch
from ingest.vocabulary import Quality

_COLUMNS = ("sensor", "metric", "time_ns", "value", "quality")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS readings (
  sensor INTEGER NOT NULL, metric SMALLINT NOT NULL, time_ns BIGINT NOT NULL,
  value DOUBLE NOT NULL, quality UTINYINT NOT NULL);
CREATE TABLE IF NOT EXISTS progress (cursor BIGINT NOT NULL);
INSERT INTO progress SELECT 0 WHERE NOT EXISTS (FROM progress);
"""
_READ = """
SELECT time_ns, value, quality FROM readings
WHERE sensor = ? AND metric = ? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns, rowid LIMIT ?
"""
_DOWNSAMPLE = f"""
SELECT time_ns - (time_ns % $step + $step) % $step AS start_ns, count(*) AS count, avg(value) AS mean,
  min(value) AS low, max(value) AS high
FROM readings
WHERE sensor = $sensor AND metric = $metric AND time_ns >= $from_ns AND time_ns < $to_ns
  AND quality = {int(Quality.GOOD)}
GROUP BY start_ns ORDER BY start_ns
"""  # noqa: S608 - the only thing put in is an integer constant; the inner sum keeps steps before 1970 whole
_TIME_MAX = 2**63 - 1
_STEP_MAX = 2**62
_HOPELESS = (duckdb.CatalogException, duckdb.ParserException, duckdb.BinderException, duckdb.SerializationException)
_BROKEN = (duckdb.FatalException, duckdb.InternalException)


class DuckdbStore:
    """Readings in one file, sorted by series within each write; the cursor moves in the rows' transaction.

    One process at a time may have the file open. Reads run beside a write, each on its own snapshot. After a fatal
    error of the engine (disk full while it wrote) the file is opened anew at the next call.
    """

    def __init__(self, path: Path, *, memory_mb: int = 128, threads: int = 1) -> None:
        """Opens or makes the file; what a killed process left behind is recovered. Raises StoreError."""
        self._path = path
        self._config: dict[str, Any] = {
            "memory_limit": f"{memory_mb}MB",
            "threads": threads,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._writing = threading.Lock()
        self._opening = threading.Lock()
        self._closed = False
        self._db: duckdb.DuckDBPyConnection | None = None
        with self._session():
            pass

    def write(self, batch: TelemetryBatch, *, cursor: int) -> None:
        """Keep the readings; a cursor at or below the stored one is a no-op."""
        with self._writing, self._session() as db:
            db.begin()
            try:
                if cursor > _one(db, "SELECT cursor FROM progress"):
                    _insert(db, batch)
                    db.execute("UPDATE progress SET cursor = ?", [cursor])
                db.commit()
            except duckdb.Error:
                _undo(db)
                raise

    def cursor(self) -> int:
        """The last log position that is stored."""
        with self._session() as db:
            return _one(db, "SELECT cursor FROM progress")

    def read(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, limit: int = 1_000_000) -> Series:
        """The readings of one series in [from_ns, to_ns), time ascending, those of one time as they came."""
        values = [sensor, metric, _clamped(from_ns), _clamped(to_ns), max(0, limit)]
        with self._session() as db:
            found = _arrays(db.execute(_READ, values))
        return Series(found["time_ns"], found["value"], found["quality"])

    def downsample(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Count, mean, low and high of the good readings in each step that has some."""
        if not 0 < step_ns <= _STEP_MAX:
            raise ValueError(f"step_ns must be above zero and at most {_STEP_MAX}, not {step_ns}")
        span = {"from_ns": _clamped(from_ns), "to_ns": _clamped(to_ns)}
        with self._session() as db:
            found = _arrays(db.execute(_DOWNSAMPLE, {"sensor": sensor, "metric": metric, "step": step_ns} | span))
        return Buckets(**found)

    def metrics(self, sensor: int) -> list[int]:
        """Codes of the metrics that a sensor has readings of."""
        with self._session() as db:
            query = "SELECT DISTINCT metric FROM readings WHERE sensor = ? ORDER BY metric"
            return [code for (code,) in db.execute(query, [sensor]).fetchall()]

    def retain(self, *, before_ns: int) -> int:
        """Drop readings older than before_ns; returns how many went."""
        with self._writing, self._session() as db:
            return _one(db, "DELETE FROM readings WHERE time_ns < ?", [_clamped(before_ns)])

    def count(self) -> int:
        """How many readings are stored."""
        with self._session() as db:
            return _one(db, "SELECT count(*) FROM readings")

    def close(self) -> None:
        """Let go of the file; calls after this raise StoreError."""
        with self._opening:
            self._closed = True
            self._drop()

    @contextmanager
    def _session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of one's own; errors of the engine become StoreError."""
        try:
            with self._opened().cursor() as db:
                yield db
        except _BROKEN as error:
            with self._opening:
                self._drop()
            raise StoreError(f"{self._path}: {error}", retry=True) from error
        except duckdb.Error as error:
            raise StoreError(f"{self._path}: {error}", retry=not isinstance(error, _HOPELESS)) from error

    def _opened(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            if self._closed:
                raise StoreError(f"{self._path}: the store is closed", retry=False)
            if self._db is None:
                db = duckdb.connect(str(self._path), config=self._config)
                db.execute(_SCHEMA)
                self._db = db
            return self._db

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _insert(db: duckdb.DuckDBPyConnection, batch: TelemetryBatch) -> None:
    """All rows at once, sorted by series so that one series' readings lie together and compress well."""
    if not len(batch):
        return
    order = np.lexsort((batch.time_ns, batch.metric, batch.sensor))
    db.register("incoming", {name: getattr(batch, name)[order] for name in _COLUMNS})
    try:
        db.execute("INSERT INTO readings SELECT sensor, metric, time_ns, value, quality FROM incoming")
    finally:
        db.unregister("incoming")


def _undo(db: duckdb.DuckDBPyConnection) -> None:
    try:
        db.rollback()
    except duckdb.Error:
        return  # the engine has ended the transaction itself; the first error is the one to tell


def _one(db: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()) -> int:
    rows = db.execute(query, list(values)).fetchall()  # to the end: a result left open blocks its connection
    return int(rows[0][0])


def _arrays(result: duckdb.DuckDBPyConnection) -> dict[str, NDArray[Any]]:
    return {name: np.ma.getdata(column) for name, column in result.fetchnumpy().items()}


def _clamped(time_ns: int) -> int:
    return max(-_TIME_MAX, min(_TIME_MAX, time_ns))
