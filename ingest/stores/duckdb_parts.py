"""Tables of the DuckDB store: one a day of readings, and a register of the valid rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ingest.stores.retention import DAY_NS, period_days

from .rollup import Rollup

DAY_MS, MS_NS = 86_400_000, 1_000_000
LOWEST, HIGHEST = -(2**31), 2**31
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS progress (cursor BIGINT NOT NULL);
INSERT INTO progress SELECT 0 WHERE NOT EXISTS (FROM progress);
CREATE TABLE IF NOT EXISTS owner (installation BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
  id INTEGER NOT NULL, state VARCHAR NOT NULL, day INTEGER NOT NULL, class VARCHAR NOT NULL DEFAULT '',
  step_ns BIGINT NOT NULL DEFAULT 0, low BIGINT NOT NULL DEFAULT {LOWEST}, high BIGINT NOT NULL DEFAULT {HIGHEST},
  series BIGINT NOT NULL DEFAULT 0, made_ns BIGINT NOT NULL DEFAULT 0);
"""
_RAW = (
    "sensor INTEGER NOT NULL, metric SMALLINT NOT NULL, key BIGINT NOT NULL, ns INTEGER NOT NULL,"
    " value DOUBLE NOT NULL, quality UTINYINT NOT NULL"
)
_LEVEL = (
    "sensor INTEGER NOT NULL, metric SMALLINT NOT NULL, slot BIGINT NOT NULL, count BIGINT NOT NULL,"
    " mean DOUBLE NOT NULL, low DOUBLE NOT NULL, high DOUBLE NOT NULL"
)
_FIELDS = "id, state, day, class, step_ns, low, high, series, made_ns"
_MADE = f"INSERT INTO parts ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_OLD = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'readings'"


@dataclass(frozen=True, slots=True)
class Part:
    """One table: readings of a day (step_ns 0), or a period of a level from that day on.

    state: open (accepts writes), sealed (source of a rewrite; rows of sensors from `low` on are valid), target
    (destination of a rewrite; rows of sensors below `high` are valid), sorted, or level. series: number of series in a
    target or sorted part.
    """

    id: int
    state: str
    day: int
    class_name: str
    step_ns: int
    low: int
    high: int
    series: int
    made_ns: int

    @property
    def table(self) -> str:
        """Name of the table."""
        return f"part_{self.id}"

    @property
    def time_ns(self) -> str:
        """SQL expression of a row's time."""
        if self.step_ns:
            return f"slot * {self.step_ns}"
        return f"({self.day * DAY_NS} + (key % {DAY_MS}) * {MS_NS} + ns)"

    @property
    def counts(self) -> str:
        """SQL condition of valid rows."""
        asked = [f"sensor >= {self.low}"] if self.low != LOWEST else []
        asked += [f"sensor < {self.high}"] if self.high != HIGHEST else []
        return " AND ".join(asked) or "true"

    @property
    def last_day(self) -> int:
        """Last day of its rows."""
        return self.day + (period_days(self.step_ns) if self.step_ns else 1) - 1

    def where(self, from_ns: int, to_ns: int) -> str:
        """Return the SQL condition of valid rows in the span; a part inside the span needs no time condition."""
        asked = [self.counts]
        if from_ns > self.day * DAY_NS:
            asked.append(f"{self.time_ns} >= {from_ns}")
        if to_ns < (self.last_day + 1) * DAY_NS:
            asked.append(f"{self.time_ns} < {to_ns}")
        return " AND ".join(asked)


def parts(db: duckdb.DuckDBPyConnection, where: str = "true", values: Sequence[object] = ()) -> list[Part]:
    """Return the parts that match a condition, by day and age."""
    query = f"SELECT {_FIELDS} FROM parts WHERE {where} ORDER BY day, id"  # noqa: S608 - conditions are constants
    return [Part(*row) for row in db.execute(query, list(values)).fetchall()]


def sensor_codes(path: Path) -> int:
    """Return the highest sensor code in a store file, plus one; 0 for an empty or unreadable file."""
    try:
        with duckdb.connect(str(path), read_only=True) as db:
            tables = [part.table for part in parts(db)]
            queries = (f"SELECT coalesce(max(sensor), -1) + 1 FROM {table}" for table in tables)  # noqa: S608 - own names
            return max((int(db.execute(query).fetchall()[0][0]) for query in queries), default=0)
    except duckdb.Error:
        return 0


def parts_of_span(db: duckdb.DuckDBPyConnection, from_ns: int, to_ns: int) -> list[Part]:
    """Return the raw parts and levels that may contain rows of [from_ns, to_ns)."""
    if from_ns >= to_ns:
        return []
    first, last = from_ns // DAY_NS, (to_ns - 1) // DAY_NS
    found = parts(db, "day <= ? AND day > ?", [last, first - period_days(DAY_NS)])
    return [part for part in found if part.last_day >= first]


def make_part(
    db: duckdb.DuckDBPyConnection, state: str, day: int, *, class_name: str = "", step_ns: int = 0, made_ns: int = 0
) -> Part:
    """Create an empty part and its table. `high` of a target starts at the lowest sensor: it has no valid rows yet."""
    row = db.execute("SELECT coalesce(max(id), 0) + 1 FROM parts").fetchall()[0]
    high = LOWEST if state == "target" else HIGHEST
    part = Part(int(row[0]), state, day, class_name, step_ns, LOWEST, high, 0, made_ns)
    columns = _LEVEL if step_ns else _RAW
    db.execute(f"CREATE TABLE {part.table} ({columns})")
    values = [part.id, state, day, class_name, step_ns, LOWEST, high, 0, made_ns]
    db.execute(_MADE, values)
    return part


def drop_part(db: duckdb.DuckDBPyConnection, part: Part) -> None:
    """Drop the part's table; the file reuses its space."""
    db.execute(f"DROP TABLE {part.table}")
    db.execute("DELETE FROM parts WHERE id = ?", [part.id])


def add_rows(db: duckdb.DuckDBPyConnection, part: Part, columns: Mapping[str, NDArray[Any]]) -> None:
    """Append rows of readings in this order. key: ms of the day, plus a multiple of a day's ms in sorted parts."""
    with _registered(db, columns):
        db.execute(f"INSERT INTO {part.table} SELECT sensor, metric, key, ns, value, quality FROM incoming")  # noqa: S608


def add_level(db: duckdb.DuckDBPyConnection, class_name: str, step_ns: int, rows: Rollup) -> None:
    """Append rows of a level to the parts of their periods; create missing parts."""
    day = rows.start_ns // DAY_NS
    first = day - day % period_days(step_ns)
    for one in np.unique(first).tolist():
        own = rows.select(first == one)
        part = level_part(db, class_name, step_ns, one)
        columns = {name: getattr(own, name) for name in ("sensor", "metric", "count", "mean", "low", "high")}
        with _registered(db, columns | {"slot": own.start_ns // step_ns}):
            db.execute(f"INSERT INTO {part.table} SELECT sensor, metric, slot, count, mean, low, high FROM incoming")  # noqa: S608


def level_part(db: duckdb.DuckDBPyConnection, class_name: str, step_ns: int, first_day: int) -> Part:
    """Return the part of a level's period; create it when missing."""
    found = parts(db, "class = ? AND step_ns = ? AND day = ?", [class_name, step_ns, first_day])
    return found[0] if found else make_part(db, "level", first_day, class_name=class_name, step_ns=step_ns)


def adopt(db: duckdb.DuckDBPyConnection) -> None:
    """Migrate readings of the first layout, one table for all days, into parts by day."""
    if not db.execute(_OLD).fetchall()[0][0]:
        return
    day = f"(time_ns - ((time_ns % {DAY_NS}) + {DAY_NS}) % {DAY_NS}) // {DAY_NS}"
    for (one,) in db.execute(f"SELECT DISTINCT {day} FROM readings").fetchall():  # noqa: S608 - constants
        part = make_part(db, "open", int(one))
        inside = f"(time_ns - {part.day * DAY_NS})"
        what = f"sensor, metric, {inside} // {MS_NS}, {inside} % {MS_NS}, value, quality"
        db.execute(f"INSERT INTO {part.table} SELECT {what} FROM readings WHERE {day} = {part.day}")  # noqa: S608
    db.execute("DROP TABLE readings")


@contextmanager
def _registered(db: duckdb.DuckDBPyConnection, columns: Mapping[str, NDArray[Any]]) -> Iterator[None]:
    """Register arrays as the table `incoming` of a connection that lives as long as the transaction."""
    db.register("incoming", dict(columns))
    yield
    db.unregister("incoming")


def in_groups(found: Sequence[Part], size: int) -> Iterator[list[Part]]:
    """Yield the parts in order, about `size` at a time; parts of one day stay together."""
    group: list[Part] = []
    for part in found:
        if len(group) >= size and part.day != group[-1].day:
            yield group
            group = []
        group.append(part)
    if group:
        yield group
