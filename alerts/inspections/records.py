"""Rows of inspections, written within a transaction with their journal entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, tuple_, update

from alerts.database.row_changes import RowChange, added, changed
from alerts.database.schema import inspection_entries, inspections
from alerts.errors import NotFound
from alerts.register.changes import Change

from .route import read_stops, stored
from .sheet import Inspection, Stored


def inspection_of(row: RowMapping | Mapping[str, Any]) -> Inspection:
    """Return the inspection of a database row."""
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    return Inspection(**values | {"stops": read_stops(values.pop("route"))})


def find(connection: Connection, site: str, inspection_id: str) -> Inspection:
    """Return one inspection. Raises NotFound."""
    query = select(inspections).where(inspections.c.site == site, inspections.c.id == inspection_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("inspection", f"{site}/{inspection_id}")
    return inspection_of(row)


def entries_of(connection: Connection, site: str, ids: Sequence[str]) -> dict[str, list[Stored]]:
    """Return the entries of inspections by inspection."""
    found = entries_of_all(connection, [(site, one) for one in ids])
    return {inspection: entries for (_, inspection), entries in found.items()}


def entries_of_all(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Stored]]:
    """Return the entries of inspections of several sites by site and inspection."""
    own = inspection_entries.c
    found: dict[tuple[str, str], list[Stored]] = {key: [] for key in keys}
    query = select(inspection_entries).where(tuple_(own.site, own.inspection).in_(keys)).order_by(own.at_ns, own.id)
    for row in connection.execute(query).mappings():
        found[row["site"], row["inspection"]].append(Stored(**row))
    return found


def add(change: Change, made: Inspection) -> None:
    """Insert an inspection."""
    row = _row(made)
    change.connection.execute(insert(inspections).values(row))
    facts = {"kind": made.kind, "plan": made.plan, "stops": len(made.stops)}
    change.note("inspection.planned", made.site, made.subject, facts, [added(inspections, row)])


def save(change: Change, before: Inspection, after: Inspection, kind: str, facts: Mapping[str, Any]) -> Inspection:
    """Update an inspection with its next version."""
    after = replace(after, version=before.version + 1)
    row = _row(after)
    own = inspections.c
    change.connection.execute(update(inspections).where(own.site == after.site, own.id == after.id).values(row))
    change.note(kind, after.site, after.subject, facts, [changed(inspections, _row(before), row)])
    return after


def add_entries(change: Change, inspection: Inspection, new: Sequence[Stored], further: Sequence[RowChange]) -> None:
    """Insert entries with one journal entry. further: changes of other rows that they caused."""
    values = [asdict(one) for one in new]
    if values:
        change.connection.execute(insert(inspection_entries), values)
    facts = {"entries": [one.id for one in new]}
    rows = [*(added(inspection_entries, row) for row in values), *further]
    change.note("inspection.entered", inspection.site, inspection.subject, facts, rows)


def _row(one: Inspection) -> dict[str, Any]:
    names = [column.name for column in inspections.columns if column.name != "route"]
    return {name: getattr(one, name) for name in names} | {"route": stored(one.stops)}
