"""Upkeep of the DuckDB store in short steps: sorts finished days and removes expired readings."""

from __future__ import annotations

import time
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from ingest.stores.contract import Retained
from ingest.stores.retention import DAY_NS, RetentionPlan, period_days
from ingest.vocabulary import Quality

from .duckdb_parts import (
    DAY_MS,
    HIGHEST,
    MS_NS,
    Part,
    add_level,
    add_rows,
    drop_part,
    level_part,
    make_part,
    parts,
)
from .rollup import coarser, rolled

SLICE_ROWS = 491_520
"""Readings rewritten in one step: four row groups. One sensor's day is never split."""

SETTLE_NS = 7_200_000_000_000
"""Delay between the end of a day and its sorting."""

LOOK_S = 0.25
"""Limit on the search for work in one step."""

_NEVER = 2**31

Columns = dict[str, NDArray[Any]]


class Upkeep:
    """Selects the work of a step. Each step is one transaction of its caller, so a kill leaves no partial step.

    A day's parts are sealed and rewritten into a target, sensor by sensor. The register holds the valid sensors of the
    old parts and of the target, so reads return every reading exactly once at any moment.
    """

    def __init__(self) -> None:
        self._due: dict[int, int] = {}
        self._rules: object = None

    def step(self, db: duckdb.DuckDBPyConnection, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """Run the next step of work, if any."""
        if self._rules != (keep.classes, keep.held):
            self._due, self._rules = {}, (keep.classes, keep.held)
        for target in parts(db, "state = 'target'"):
            gone = _rewrite(db, target, keep, now_ns=now_ns)
            return Retained(gone, more=True)
        looked_until_s = time.monotonic() + LOOK_S
        for day in self._days(db, now_ns):
            if self._is_due(db, day, keep, now_ns=now_ns):
                for part in day:
                    self._due.pop(part.id, None)  # its number is reused after the drop
                _begin(db, day)
                return Retained(0, more=True)
            if time.monotonic() > looked_until_s:
                return Retained(0, more=True)
        return Retained(0, more=_age_level(db, keep, now_ns=now_ns))

    def _days(self, db: duckdb.DuckDBPyConnection, now_ns: int) -> list[list[Part]]:
        """Return the raw parts of finished days, by day."""
        found: dict[int, list[Part]] = {}
        for part in parts(db, "step_ns = 0 AND day < ?", [now_ns // DAY_NS]):
            found.setdefault(part.day, []).append(part)
        return list(found.values())

    def _is_due(self, db: duckdb.DuckDBPyConnection, day: list[Part], keep: RetentionPlan, *, now_ns: int) -> bool:
        """Return whether the day needs sorting or contains expired readings."""
        is_sorted = any(part.state == "sorted" for part in day)
        for part in day:
            waits_ns = part.made_ns + DAY_NS if is_sorted else 0
            if part.state == "open" and now_ns >= max((part.day + 1) * DAY_NS + SETTLE_NS, waits_ns):
                return True
        if (day[0].day + 1 + min(one.raw_days for one in keep.classes)) * DAY_NS > now_ns:
            return False
        return any(self._due_day(db, part, keep) * DAY_NS <= now_ns for part in day)

    def _due_day(self, db: duckdb.DuckDBPyConnection, part: Part, keep: RetentionPlan) -> int:
        """Return the day on which the first reading of the part expires; readings on hold do not count."""
        known = self._due.get(part.id)
        if known is not None and part.state == "sorted":
            return known
        found = db.execute(f"SELECT DISTINCT sensor, metric FROM {part.table}").fetchnumpy()  # noqa: S608 - own name
        sensor, metric = np.ma.getdata(found["sensor"]), np.ma.getdata(found["metric"])
        days = keep.raw_days(sensor, metric)[~keep.is_held(sensor, part.day)]
        self._due[part.id] = due = part.day + 1 + int(days.min()) if len(days) else _NEVER
        return due


def _begin(db: duckdb.DuckDBPyConnection, day: list[Part]) -> None:
    """Seal these parts; later readings of the day create a new part."""
    for part in day:
        db.execute("UPDATE parts SET state = 'sealed' WHERE id = ?", [part.id])
    make_part(db, "target", day[0].day)


def _rewrite(db: duckdb.DuckDBPyConnection, target: Part, keep: RetentionPlan, *, now_ns: int) -> int:
    """Rewrite the next sensors of a day from sealed parts into the target; return the number of removed readings."""
    sources = parts(db, "step_ns = 0 AND day = ? AND state = 'sealed'", [target.day])
    bound = _bound(db, sources)
    pieces = [_rows(db, part, bound) for part in sources]
    rows = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    past = keep.past(rows["sensor"], rows["metric"], target.day, now_ns=now_ns)
    _roll(db, {name: column[past] for name, column in rows.items()}, target.day, keep)
    kept = {name: column[~past] for name, column in rows.items()}
    series = _append(db, target, kept)
    if bound < HIGHEST:
        db.execute("UPDATE parts SET low = ? WHERE day = ? AND state = 'sealed' AND step_ns = 0", [bound, target.day])
        db.execute("UPDATE parts SET high = ?, series = ? WHERE id = ?", [bound, series, target.id])
    else:
        for part in sources:
            drop_part(db, part)
        query = "UPDATE parts SET state = 'sorted', high = ?, series = ? WHERE id = ?"
        db.execute(query, [HIGHEST, series, target.id])
        if not series:
            drop_part(db, target)
    return int(past.sum())


def _bound(db: duckdb.DuckDBPyConnection, sources: list[Part]) -> int:
    """Return the exclusive upper sensor of a step; HIGHEST when the remaining readings fit."""
    union = " UNION ALL ".join(f"SELECT sensor FROM {part.table} WHERE {part.counts}" for part in sources)  # noqa: S608
    found = db.execute(f"SELECT sensor, count(*) AS n FROM ({union}) GROUP BY sensor ORDER BY sensor").fetchnumpy()  # noqa: S608
    sensor, rows = np.ma.getdata(found["sensor"]), np.cumsum(np.ma.getdata(found["n"]))
    fits = max(1, int(np.searchsorted(rows, SLICE_ROWS, side="right")))
    return HIGHEST if fits >= len(sensor) else int(sensor[fits])


def _rows(db: duckdb.DuckDBPyConnection, part: Part, bound: int) -> Columns:
    """Return the readings of a part from its low sensor up to the bound, in stored order."""
    query = (
        f"SELECT sensor, metric, key % {DAY_MS} AS key, ns, value, quality FROM {part.table}"  # noqa: S608 - own name
        f" WHERE sensor >= {part.low} AND sensor < {bound}"
    )
    return {name: np.ma.getdata(column) for name, column in db.execute(query).fetchnumpy().items()}


def _append(db: duckdb.DuckDBPyConnection, target: Part, rows: Columns) -> int:
    """Append the readings sorted by series and time; return the target's number of series.

    `key` grows by a day's ms with each series. It rises from the first row to the last in small steps, which the engine
    stores in half the bits.
    """
    if not len(rows["key"]):
        return target.series
    order = np.lexsort((rows["ns"], rows["key"], rows["metric"], rows["sensor"]))
    rows = {name: column[order] for name, column in rows.items()}
    fresh = (np.diff(rows["sensor"]) != 0) | (np.diff(rows["metric"]) != 0)
    series = target.series + np.r_[0, np.cumsum(fresh)]
    add_rows(db, target, rows | {"key": rows["key"] + series * DAY_MS})
    return int(series[-1]) + 1


def _roll(db: duckdb.DuckDBPyConnection, gone: Columns, day: int, keep: RetentionPlan) -> None:
    """Roll up the good ones of the removed readings into the first level of their classes."""
    good = gone["quality"] == Quality.GOOD
    own = {name: column[good] for name, column in gone.items()}
    time_ns = day * DAY_NS + own["key"] * MS_NS + own["ns"]
    rows = rolled(own["sensor"], own["metric"], time_ns, own["value"])
    of_class = keep.class_of(rows.sensor, rows.metric)
    for index in np.unique(of_class).tolist():
        level = keep.classes[index].next_level(0)
        if level is not None:
            fresh = coarser(rows.select(of_class == index), level.step_ns)
            add_level(db, keep.classes[index].name, level.step_ns, fresh)


def _age_level(db: duckdb.DuckDBPyConnection, keep: RetentionPlan, *, now_ns: int) -> bool:
    """Move one expired part of a level to the next level; return False when none is expired."""
    for part in parts(db, "step_ns > 0"):
        if keep.level_past(part.class_name, part.step_ns, part.day, now_ns=now_ns):
            level = keep.named(part.class_name).next_level(part.step_ns)
            if level is not None:
                _join(db, part, level.step_ns)
            drop_part(db, part)
            return True
    return False


def _join(db: duckdb.DuckDBPyConnection, part: Part, step_ns: int) -> None:
    """Roll up a part into the coarser level of its class; each period lies within one period of that level."""
    start = f"(slot * {part.step_ns})"
    slot = f"(({start} - ({start} % {step_ns} + {step_ns}) % {step_ns}) // {step_ns})"
    into = level_part(db, part.class_name, step_ns, part.day - part.day % period_days(step_ns))
    db.execute(
        f"INSERT INTO {into.table} SELECT sensor, metric, {slot}, sum(count), sum(mean * count) / sum(count),"  # noqa: S608
        f" min(low), max(high) FROM {part.table} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
