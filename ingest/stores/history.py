"""Stored readings of many series as batches in order of time, for backtests.

The store keeps no arrival and no labels: the arrival is the event time, and events of cameras have no label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from ingest.errors import StoreError
from ingest.telemetry import TelemetryBatch, from_columns

from .contract import Store
from .duckdb import DuckdbStore
from .duckdb_parts import DAY_MS, MS_NS, Part, in_groups, parts_of_span
from .retention import DAY_NS

SLICE_ROWS = 2_000_000
"""Rows of one query, about 50 MB in memory."""


def history(
    db: duckdb.DuckDBPyConnection,
    *,
    metrics: Sequence[int] | None,
    from_ns: int,
    to_ns: int,
    share: tuple[int, int] = (1, 0),
    sensors: Sequence[int] | None = None,
) -> Iterator[TelemetryBatch]:
    """Yield the raw readings of [from_ns, to_ns) in order of time; equal times in order of arrival.

    metrics, sensors: only these codes. share: (n, i) for the sensors whose code is i modulo n. Raises duckdb.Error.
    """
    found = [part for part in parts_of_span(db, from_ns, to_ns) if not part.step_ns]
    which = [] if metrics is None else [f"metric IN ({', '.join(str(int(code)) for code in metrics) or 'NULL'})"]
    which += [] if sensors is None else [f"sensor IN ({', '.join(str(int(code)) for code in sensors) or 'NULL'})"]
    which += [f"sensor % {int(share[0])} = {int(share[1])}"] if share[0] > 1 else []
    for group in in_groups(found, 1):  # the parts of one day
        for begin, end in _slices(db, group, max(from_ns, group[0].day * DAY_NS), to_ns, which):
            batch = _batch(db, group, begin, end, which)
            if len(batch):
                yield batch


def _slices(
    db: duckdb.DuckDBPyConnection, group: Sequence[Part], from_ns: int, to_ns: int, which: Sequence[str]
) -> list[tuple[int, int]]:
    """Return spans of a day with about SLICE_ROWS rows each."""
    end_ns = min(to_ns, (group[0].day + 1) * DAY_NS)
    rows = 0
    for part in group:
        where = " AND ".join([part.counts, *which])
        rows += int(db.execute(f"SELECT count(*) FROM {part.table} WHERE {where}").fetchall()[0][0])  # noqa: S608 - own
    count = max(1, -(-rows // SLICE_ROWS))
    edges = [from_ns + (end_ns - from_ns) * number // count for number in range(count + 1)]
    return [(begin, end) for begin, end in pairwise(edges) if begin < end]


def _batch(
    db: duckdb.DuckDBPyConnection, group: Sequence[Part], from_ns: int, to_ns: int, which: Sequence[str]
) -> TelemetryBatch:
    queries = []
    for part in group:
        where = " AND ".join([part.where(from_ns, to_ns), *which])
        at = f"({part.day * DAY_NS} + (key % {DAY_MS}) * {MS_NS} + ns)"
        queries.append(f"SELECT sensor, metric, {at} AS time_ns, value, quality FROM {part.table} WHERE {where}")  # noqa: S608
    columns = {name: np.ma.getdata(col) for name, col in db.execute(" UNION ALL ".join(queries)).fetchnumpy().items()}
    times = columns["time_ns"]
    order = slice(None) if (times[1:] >= times[:-1]).all() else np.argsort(times, kind="stable")
    kinds = {"sensor": np.int32, "metric": np.int16, "time_ns": np.int64, "value": np.float64, "quality": np.uint8}
    ordered = {name: columns[name][order].astype(kind, copy=False) for name, kind in kinds.items()}
    return from_columns(ordered | {"arrival_ns": ordered["time_ns"]})


@contextmanager
def open_history(path: Path, *, memory_mb: int = 512, threads: int = 1) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a store file for reading only; several processes may do so. Raises StoreError, also while it is written."""
    try:
        with duckdb.connect(
            str(path), read_only=True, config={"memory_limit": f"{memory_mb}MB", "threads": threads}
        ) as db:
            yield db
    except duckdb.Error as error:
        raise StoreError(f"{path}: {error}", retry=False) from error


def read_history(
    store: Store, sensors: Sequence[int], metrics: Sequence[int], *, from_ns: int, to_ns: int
) -> Iterator[TelemetryBatch]:
    """Yield the same from an open store of any kind; other stores than DuckDB series by series, which is slower."""
    if isinstance(store, DuckdbStore):
        with store.transaction() as db:
            yield from history(db, metrics=metrics, from_ns=from_ns, to_ns=to_ns, sensors=sensors)
        return
    for day in range(from_ns // DAY_NS, (to_ns - 1) // DAY_NS + 1):
        begin, end = max(from_ns, day * DAY_NS), min(to_ns, (day + 1) * DAY_NS)
        pieces = [(s, m, store.read(s, m, from_ns=begin, to_ns=end)) for s in sensors for m in metrics]
        kept = [(sensor, metric, series) for sensor, metric, series in pieces if len(series.time_ns)]
        if not kept:
            continue
        time_ns = np.concatenate([series.time_ns for *_, series in kept])
        order = np.argsort(time_ns, kind="stable")
        columns = {
            "sensor": np.concatenate([np.full(len(one.time_ns), sensor, np.int32) for sensor, _, one in kept]),
            "metric": np.concatenate([np.full(len(one.time_ns), metric, np.int16) for _, metric, one in kept]),
            "time_ns": time_ns,
            "arrival_ns": time_ns,
            "value": np.concatenate([one.value for *_, one in kept]),
            "quality": np.concatenate([one.quality for *_, one in kept]),
        }
        yield from_columns({name: column[order] for name, column in columns.items()})
