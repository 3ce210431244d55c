"""Default store: one DuckDB file, columns in and columns out.

Each day has one table with readings in order of arrival. After the day, `duckdb_upkeep` rewrites it sorted by series.
docs/performance.md has the measurements of this layout.
"""

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
from ingest.stores.contract import Buckets, Retained, Series
from ingest.stores.retention import DAY_NS, RetentionPlan
from ingest.telemetry import TelemetryBatch
from ingest.vocabulary import Quality

from .duckdb_parts import MS_NS, SCHEMA, Part, add_rows, adopt, in_groups, make_part, parts, parts_of_span
from .duckdb_upkeep import Upkeep
from .rollup import Rollup, buckets, joined

PARTS_PER_QUERY = 32
BLOCK_BYTES = 65_536
"""Block size of a new file. The engine's default, 262,144, leaves blocks emptier; 16,384 leaves times uncompressed."""

NO_CHECKPOINT = "1000TB"
"""Size of the write-ahead log at which the engine would make a checkpoint, during a pause."""

_TIME_MAX = 2**63 - 1
_STEP_MAX = 2**62
_HOPELESS = (duckdb.CatalogException, duckdb.ParserException, duckdb.BinderException, duckdb.SerializationException)
_TAKEN = "Could not set lock on file"
_BROKEN = (duckdb.FatalException, duckdb.InternalException)


class DuckdbStore:
    """Readings in one file, one table a day; rows and cursor change in one transaction.

    The file reuses the space of dropped tables and shrinks only at its end. One process at a time opens the file.
    Reads run beside a write, each on its own snapshot. After a fatal error of the engine (disk full during a write)
    the next call reopens the file.
    """

    def __init__(self, path: Path, *, memory_mb: int = 128, threads: int = 1) -> None:
        """Open or create the file and recover the state after a kill. Raises StoreError.

        A file that another process has open is opened later, by the first call after its end.
        """
        self._path = path
        self._config: dict[str, Any] = {
            "memory_limit": f"{memory_mb}MB",
            "threads": threads,
            "default_block_size": str(BLOCK_BYTES),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._upkeep = Upkeep()
        self._writing = threading.Lock()
        self._opening = threading.Lock()
        self._closed = False
        self._db: duckdb.DuckDBPyConnection | None = None
        try:
            with self._session():
                pass
        except StoreError as error:
            if _TAKEN not in str(error):
                raise

    def write(self, batch: TelemetryBatch, *, cursor: int) -> None:
        """Write the readings; a cursor at or below the stored one is a no-op."""
        with self._writing, self.transaction() as db:
            if cursor > _one(db, "SELECT cursor FROM progress"):
                _insert(db, batch)
                db.execute("UPDATE progress SET cursor = ?", [cursor])

    def claim(self, installation: int) -> int:
        """Return the number of the installation to which the store belongs; a store of none belongs to this one now."""
        with self._writing, self.transaction() as db:
            db.execute("INSERT INTO owner SELECT ? WHERE NOT EXISTS (FROM owner)", [installation])
            return _one(db, "SELECT installation FROM owner")

    def cursor(self) -> int:
        """Return the last stored log position."""
        with self._session() as db:
            return _one(db, "SELECT cursor FROM progress")

    def rewind(self, cursor: int) -> None:
        """Set the stored log position back; a position at or above the stored one is a no-op."""
        with self._writing, self.transaction() as db:
            db.execute("UPDATE progress SET cursor = least(cursor, ?)", [cursor])

    def read(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, limit: int = 1_000_000) -> Series:
        """Return the readings of one series in [from_ns, to_ns) by time, equal times in order of arrival."""
        begin, end = _clamped(from_ns), _clamped(to_ns)
        pieces: list[dict[str, NDArray[Any]]] = []
        with self.transaction() as db:
            raw = [part for part in parts_of_span(db, begin, end) if not part.step_ns]
            for group in in_groups(raw, PARTS_PER_QUERY):
                left = max(0, limit) - sum(len(piece["time_ns"]) for piece in pieces)
                if left <= 0:
                    break
                query = " UNION ALL ".join(_reading_rows(part, begin, end) for part in group)
                order = f"SELECT time_ns, value, quality FROM ({query}) ORDER BY time_ns, part, row LIMIT $left"  # noqa: S608
                pieces.append(_arrays(db.execute(order, {"sensor": sensor, "metric": metric, "left": left})))
        return _series(pieces)

    def downsample(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Return count, mean, low and high of the good readings in each step with readings."""
        return self.across([sensor], metric, from_ns=from_ns, to_ns=to_ns, step_ns=step_ns)

    def across(self, sensors: Sequence[int], metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Return count, mean, low and high of the good readings of all these sensors in each step with readings."""
        if not 0 < step_ns <= _STEP_MAX:
            raise ValueError(f"step_ns must be above zero and at most {_STEP_MAX}, not {step_ns}")
        begin, end, wanted = _clamped(from_ns), _clamped(to_ns), sorted(set(sensors))
        pieces: list[Rollup] = []
        with self.transaction() as db:
            found = parts_of_span(db, begin, end) if wanted else []
            for group in in_groups(found, PARTS_PER_QUERY):
                query = " UNION ALL ".join(_bucket_rows(part, begin, end, wanted) for part in group)
                values = {"metric": metric, "step": step_ns, "sensors": wanted}
                pieces.append(_rollup(_arrays(db.execute(f"{_WANTED} {query}", values))))
        return buckets(joined(pieces), step_ns)

    def metrics(self, sensor: int) -> list[int]:
        """Return the codes of the metrics with readings of a sensor."""
        found: set[int] = set()
        with self.transaction() as db:
            for group in in_groups(parts(db), PARTS_PER_QUERY):
                asked = (
                    f"SELECT DISTINCT metric FROM {part.table} WHERE sensor = $sensor AND {part.counts}"  # noqa: S608
                    for part in group
                )
                found |= {code for (code,) in db.execute(" UNION ".join(asked), {"sensor": sensor}).fetchall()}
        return sorted(found)

    def retain(self, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """One step of upkeep: a part of a day rewritten, or a part of a level joined; a fraction of a second."""
        with self._writing, self.transaction() as db:
            return self._upkeep.step(db, keep, now_ns=now_ns)

    def count(self) -> int:
        """Return the number of stored raw readings."""
        with self.transaction() as db:
            found = parts(db, "step_ns = 0")
            return sum(_one(db, f"SELECT count(*) FROM {part.table} WHERE {part.counts}") for part in found)  # noqa: S608

    def pause_checkpoints(self) -> tuple[int, int]:
        """Write everything into the file, whose blocks then stay until `resume_checkpoints`; return (cursor, count).

        Later changes are only in the write-ahead log and behind these blocks. A reopening of the file ends the pause.
        """
        with self._writing, self._session() as db:
            db.execute("CHECKPOINT")
            db.execute(f"SET checkpoint_threshold = '{NO_CHECKPOINT}'")
            return _one(db, "SELECT cursor FROM progress"), self.count()

    def resume_checkpoints(self) -> None:
        """Checkpoint by the size of the write-ahead log again."""
        with self._session() as db:
            db.execute("RESET checkpoint_threshold")

    def close(self) -> None:
        """Close the file; later calls raise StoreError."""
        with self._opening:
            self._closed = True
            self._drop()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a session with one transaction on one snapshot of the file."""
        with self._session() as db:
            db.begin()
            try:
                yield db
                db.commit()
            except BaseException:
                _undo(db)
                raise

    @contextmanager
    def _session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a separate connection; errors of the engine become StoreError."""
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
                db.execute(SCHEMA)
                with db.cursor() as first:
                    first.begin()
                    adopt(first)
                    first.commit()
                self._db = db
            return self._db

    def _drop(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _insert(db: duckdb.DuckDBPyConnection, batch: TelemetryBatch) -> None:
    """Append the rows to the open parts of their days, in order of arrival."""
    if not len(batch):
        return
    day, inside_ns = np.divmod(batch.time_ns, DAY_NS)
    key, ns = np.divmod(inside_ns, MS_NS)
    columns = {name: getattr(batch, name) for name in ("sensor", "metric", "value", "quality")}
    columns |= {"key": key, "ns": ns.astype(np.int32)}
    for one in np.unique(day).tolist():
        part = _open_part(db, one, made_ns=int(batch.arrival_ns.max()))
        rows = np.flatnonzero(day == one)
        add_rows(db, part, columns if len(rows) == len(day) else {name: col[rows] for name, col in columns.items()})


def _open_part(db: duckdb.DuckDBPyConnection, day: int, *, made_ns: int) -> Part:
    found = parts(db, "state = 'open' AND day = ?", [day])
    return found[0] if found else make_part(db, "open", day, made_ns=made_ns)


def _reading_rows(part: Part, from_ns: int, to_ns: int) -> str:
    """Return the SQL for a part's readings of one series."""
    return (
        f"SELECT {part.time_ns} AS time_ns, value, quality, {part.id} AS part, rowid AS row FROM {part.table}"  # noqa: S608
        f" WHERE sensor = $sensor AND metric = $metric AND {part.where(from_ns, to_ns)}"
    )


_WANTED = "WITH wanted AS (SELECT unnest($sensors::INTEGER[]) AS sensor)"


def _bucket_rows(part: Part, from_ns: int, to_ns: int, sensors: Sequence[int]) -> str:
    """Return the SQL for a part's good readings, or a level's rows, by step; it names the sensors when they are few."""
    at = part.time_ns
    start = f"{at} - ({at} % $step + $step) % $step"  # the inner sum keeps steps before 1970 aligned
    which = f"sensor BETWEEN {int(sensors[0])} AND {int(sensors[-1])}"
    if len(sensors) > 1:
        which += " AND sensor IN (FROM wanted)"
    where = f"metric = $metric AND {which} AND {part.where(from_ns, to_ns)}"
    if part.step_ns:
        what, good = (
            "sum(count)::BIGINT AS count, sum(mean * count) / sum(count) AS mean, min(low) AS low, max(high)",
            "",
        )
    else:
        what = "count(*) AS count, avg(value) AS mean, min(value) AS low, max(value)"
        good = f" AND quality = {int(Quality.GOOD)}"
    return f"(SELECT {start} AS start_ns, {what} AS high FROM {part.table} WHERE {where}{good} GROUP BY 1)"  # noqa: S608


def _rollup(found: dict[str, NDArray[Any]]) -> Rollup:
    rows = len(found["start_ns"])
    return Rollup(np.zeros(rows, np.int32), np.zeros(rows, np.int16), **found)


def _series(pieces: Sequence[dict[str, NDArray[Any]]]) -> Series:
    kinds = {"time_ns": np.int64, "value": np.float64, "quality": np.uint8}
    return Series(*(np.concatenate([np.empty(0, kind), *(p[name] for p in pieces)]) for name, kind in kinds.items()))


def _undo(db: duckdb.DuckDBPyConnection) -> None:
    try:
        db.rollback()
    except duckdb.Error:
        return  # the engine has ended the transaction; report the first error


def _one(db: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()) -> int:
    rows = db.execute(query, list(values)).fetchall()  # read to the end: an open result blocks its connection
    return int(rows[0][0])


def _arrays(result: duckdb.DuckDBPyConnection) -> dict[str, NDArray[Any]]:
    return {name: np.ma.getdata(column) for name, column in result.fetchnumpy().items()}


def _clamped(time_ns: int) -> int:
    return max(-_TIME_MAX, min(_TIME_MAX, time_ns))
