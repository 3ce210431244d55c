"""Conversion between frozen records and database rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, insert, update

from alerts.model import Finding, Hazard, Notice, Proposal, Ticket
from alerts.risk.grading import Grade

from .row_changes import RowChange, added, changed

Record = TypeVar("Record", Finding, Hazard, Ticket, Notice)

_GRADES = frozenset(("grade", "highest_grade"))
_LISTS = frozenset(("fixers", "places"))


def record(cls: type[Record], row: Row[Any]) -> Record:
    """Return the record of a row with every column of its table."""
    values = {field.name: getattr(row, field.name) for field in fields(cls)}
    for name in values.keys() & _GRADES:
        values[name] = Grade(values[name])
    for name in values.keys() & _LISTS:
        values[name] = tuple(values[name])
    if values.get("proposal"):
        values["proposal"] = Proposal(**values["proposal"])
    return cls(**values)


def add(connection: Connection, table: Table, item: Record) -> None:
    """Insert a new record."""
    connection.execute(insert(table).values(_values(item)))


def save(connection: Connection, table: Table, item: Record) -> None:
    """Update the row of a record."""
    connection.execute(update(table).where(table.c.id == item.id).values(_values(item)))


def change(table: Table, before: Record | None, after: Record) -> RowChange:
    """Return the change of a covered row for the journal. before: the record as the database has it, None if new."""
    return added(table, _values(after)) if before is None else changed(table, _values(before), _values(after))


def _values(item: Record) -> Mapping[str, Any]:
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    for name in values.keys() & _GRADES:
        values[name] = int(values[name])
    if values.get("proposal"):
        values["proposal"] = asdict(values["proposal"])
    return values
