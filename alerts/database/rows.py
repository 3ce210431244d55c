"""Conversion between frozen records and database rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, Row, Table, Update, bindparam, insert, update

from alerts.model import Danger, EmergencyOrder, Finding, Hazard, Notice, Proposal, Ticket
from alerts.risk.grading import Grade

from .commits import mark_written
from .row_changes import RowChange, added, changed

Record = TypeVar("Record", Finding, Hazard, Ticket, Notice, EmergencyOrder, Danger)

_GRADES = frozenset(("grade", "highest_grade"))
_NAMES: Mapping[Any, tuple[str, ...]] = {
    cls: tuple(field.name for field in fields(cls)) for cls in (Finding, Hazard, Ticket, Notice, EmergencyOrder, Danger)
}
_LISTS = frozenset(("fixers", "places", "called", "acknowledged", "clauses"))


def record(cls: type[Record], row: Row[Any]) -> Record:
    """Return the record of a row with every column of its table."""
    return _reader(cls, row._fields)(row)


def records(cls: type[Record], found: Sequence[Row[Any]]) -> list[Record]:
    """Return the records of rows of one query with every column of the table."""
    if not found:
        return []
    read: Callable[[Row[Any]], Record] = _reader(cls, found[0]._fields)
    return [read(row) for row in found]


def _reader(cls: Callable[..., Record], columns: tuple[str, ...]) -> Callable[[Row[Any]], Record]:
    """Return the conversion of a row with these columns: their places are looked up once, not for each row."""
    if (known := _READERS.get((cls, columns))) is None:
        known = _READERS[cls, columns] = _made_reader(cls, _NAMES[cls], columns)
    return known


def _made_reader(
    cls: Callable[..., Record], names: tuple[str, ...], columns: tuple[str, ...]
) -> Callable[[Row[Any]], Record]:
    pick: Callable[[Row[Any]], tuple[Any, ...]] = itemgetter(*map(columns.index, names))
    converted = [(place, _CONVERSIONS[name]) for place, name in enumerate(names) if name in _CONVERSIONS]

    def read(row: Row[Any]) -> Record:
        values = [*pick(row)]
        for place, convert in converted:
            values[place] = convert(values[place])
        return cls(*values)

    return read


def _proposal(stored: Mapping[str, Any] | None) -> Proposal | None:
    return Proposal(**stored) if stored else None


def add(connection: Connection, table: Table, item: Record) -> None:
    """Insert a new record."""
    add_all(connection, table, [item])


def add_all(connection: Connection, table: Table, items: Sequence[Record]) -> None:
    """Insert new records by one statement."""
    if items:
        connection.execute(_insert(table), [values_of(item) for item in items])
        for item in items:
            if isinstance(item, Notice) and item.state == "pending":
                mark_written(connection, item.channel)


def save(connection: Connection, table: Table, item: Record) -> None:
    """Update the row of a record."""
    connection.execute(_update(table), {"the_id": item.id, **values_of(item)})


def change(table: Table, before: Record | None, after: Record) -> RowChange:
    """Return the change of a covered row for the journal. before: the record as the database has it, None if new."""
    return added(table, values_of(after)) if before is None else changed(table, values_of(before), values_of(after))


_READERS: dict[Any, Callable[[Row[Any]], Any]] = {}
_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_GRADES, Grade),
    **dict.fromkeys(_LISTS, tuple),
    "proposal": _proposal,
}


@cache
def _insert(table: Table) -> Insert:
    """Return the statement, which SQLAlchemy compiles once: building it costs more than its execution."""
    return insert(table)


@cache
def _update(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("the_id"))


def values_of(item: Record) -> Mapping[str, Any]:
    """Return column -> value of a record, as an insert takes them."""
    values = {name: getattr(item, name) for name in _NAMES[type(item)]}
    for name in values.keys() & _GRADES:
        values[name] = int(values[name])
    if values.get("proposal"):
        values["proposal"] = asdict(values["proposal"])
    return values
