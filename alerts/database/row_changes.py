"""Row changes in journal entries: `verify` recomputes the tables from them and names rows that differ.

The journal's body has `"rows": [[table, key, columns], ...]`. A new row has all its columns, a changed one the changed
columns, a deleted one null. So a value that was changed outside the service stays different for ever: a later change of
the same row records only its own columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, select

from .schema import (
    accounts,
    assignments,
    blind_rooms,
    danger_hazards,
    dangers,
    displays,
    drill_plans,
    emergency_orders,
    guide_clauses,
    handovers,
    hazards,
    ignored,
    inspection_entries,
    inspection_plans,
    inspections,
    measure_checks,
    place_tags,
    plans,
    printed_cards,
    risk_grades,
    risk_points,
    risk_zones,
    rosters,
    sensor_tests,
    silences,
    tickets,
    training_courses,
    training_records,
    year_archives,
)

COVERED: Mapping[str, tuple[Table, tuple[str, ...]]] = {
    "hazards": (hazards, ("id",)),
    "tickets": (tickets, ("id",)),
    "accounts": (accounts, ("username",)),
    "displays": (displays, ("id",)),
    "handovers": (handovers, ("id",)),
    "assignments": (assignments, ("site", "sensor")),
    "ignored": (ignored, ("site", "sensor")),
    "rosters": (rosters, ("site",)),
    "plans": (plans, ("site",)),
    "emergency_orders": (emergency_orders, ("id",)),
    "dangers": (dangers, ("id",)),
    "danger_hazards": (danger_hazards, ("hazard",)),
    "guide_clauses": (guide_clauses, ("id",)),
    "risk_zones": (risk_zones, ("site", "id")),
    "risk_points": (risk_points, ("site", "id")),
    "risk_grades": (risk_grades, ("site", "point", "since_ns")),
    "measure_checks": (measure_checks, ("id",)),
    "printed_cards": (printed_cards, ("site", "point")),
    "silences": (silences, ("id",)),
    "blind_rooms": (blind_rooms, ("site", "place", "detection")),
    "inspection_plans": (inspection_plans, ("site", "id")),
    "inspections": (inspections, ("site", "id")),
    "inspection_entries": (inspection_entries, ("site", "inspection", "id")),
    "place_tags": (place_tags, ("site", "tag")),
    "year_archives": (year_archives, ("site", "year", "edition")),
    "sensor_tests": (sensor_tests, ("id", "sensor")),
    "training_courses": (training_courses, ("site", "id")),
    "training_records": (training_records, ("id",)),
    "drill_plans": (drill_plans, ("id",)),
}
"""Covered tables with the columns of their key."""
_SECRET = frozenset(("password", "content"))
"""Columns of which the journal has the SHA-256 only: a password, a roster with telephone numbers, a plan."""
PAGE = 1_000


class RowChange(NamedTuple):
    """Change of one row. columns: the new values, None for a deleted row."""

    table: str
    key: str
    columns: Mapping[str, Any] | None


def added(table: Table, row: Mapping[str, Any]) -> RowChange:
    """Return the change that adds a row, or replaces it as a whole."""
    return RowChange(table.name, _key(table.name, row), {name: _value(name, row[name]) for name in row})


def digests(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return new values of columns as the journal has them: of a secret the digest."""
    return {name: _value(name, value) for name, value in columns.items()}


def changed(table: Table, before: Mapping[str, Any], after: Mapping[str, Any]) -> RowChange:
    """Return the change between two states of a row."""
    columns = {name: _value(name, after[name]) for name in after if after[name] != before[name]}
    return RowChange(table.name, _key(table.name, after), columns)


def removed(table: Table, key: Mapping[str, Any]) -> RowChange:
    """Return the change that deletes the row of this key."""
    return RowChange(table.name, _key(table.name, key), None)


class Projection:
    """State of the covered rows by the journal, built entry by entry."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in COVERED}

    def apply(self, changes: Sequence[Sequence[Any]]) -> None:
        """Apply the rows of one entry, as its body has them."""
        for table, key, columns in changes:
            rows = self._rows[table]
            if columns is None:
                rows.pop(key, None)
            else:
                rows.setdefault(key, {}).update(columns)

    def differences(self, connection: Connection) -> Iterator[str]:
        """Yield a line for each row that differs, in the read transaction of the entries. Consumes the state.

        Columns without a value in the journal are those of a later version; they count from their first change.
        """
        for name, (table, key) in COVERED.items():
            expected = self._rows[name]
            for row in _rows(connection, table, key):
                values = row._asdict()
                identity = _key(name, values)
                known = expected.pop(identity, None)
                if known is None:
                    yield f"{name} {identity}: the row is not in the journal"
                elif wrong := [column for column, value in known.items() if _value(column, values[column]) != value]:
                    yield f"{name} {identity}: " + "; ".join(_difference(column, known, values) for column in wrong)
            yield from (f"{name} {identity}: the row is missing" for identity in expected)


def _rows(connection: Connection, table: Table, key: Sequence[str]) -> Iterator[Row[Any]]:
    query = select(table).order_by(*(table.c[name] for name in key))
    with connection.execute(query.execution_options(yield_per=PAGE)) as found:
        yield from found


def _key(table: str, row: Mapping[str, Any]) -> str:
    names = COVERED[table][1]
    return str(row[names[0]]) if len(names) == 1 else json.dumps([row[name] for name in names], ensure_ascii=False)


def _value(column: str, value: Any) -> Any:
    """Return the value as JSON has it; the digest of a secret."""
    if column in _SECRET:
        return hashlib.sha256(str(value).encode()).hexdigest()
    return list(value) if isinstance(value, tuple) else value


def _difference(column: str, known: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if column in _SECRET:
        return f"{column} is another one than in the journal"
    return f"{column} is {_shown(row[column])}, in the journal {_shown(known[column])}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."


_SHOWN_MAX = 80
