"""Rows of training in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from alerts.database.row_changes import RowChange, added, changed
from alerts.database.schema import training_courses, training_records

from .records import Course, Record, course_of

SAME = ("post", "valid_until", "evidence")
"""Columns of a record in which a repeated statement may differ from the stored one."""


def courses_of(connection: Connection, site: str) -> list[Course]:
    """Return the courses of a site by id."""
    return courses_at(connection, [site]).get(site, [])


def courses_at(connection: Connection, sites: Collection[str]) -> dict[str, list[Course]]:
    """Return the courses of each site that has any, by id."""
    own, found = training_courses.c, dict[str, list[Course]]()
    query = select(training_courses).where(own.site.in_(sorted(sites))).order_by(own.id)
    for row in connection.execute(query).mappings():
        found.setdefault(row["site"], []).append(course_of(dict(row)))
    return found


def course_row(connection: Connection, site: str, course: str) -> dict[str, Any] | None:
    """Return the row of a course, None without one."""
    own = training_courses.c
    query = select(training_courses).where(own.site == site, own.id == course)
    row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def newest(connection: Connection, sites: Collection[str]) -> Mapping[str, Mapping[tuple[str, str], Record]]:
    """Return the record of the latest day of each site, by (course, person)."""
    own, found = training_records.c, dict[str, dict[tuple[str, str], Record]]()
    query = select(training_records).where(own.site.in_(sorted(sites))).order_by(own.held_on, own.recorded_ns)
    for row in connection.execute(query).mappings().all():
        found.setdefault(row["site"], {})[row["course"], row["person"]] = Record(**row)
    return found


def write(connection: Connection, table: Table, before: Mapping[str, Any] | None, row: Mapping[str, Any]) -> RowChange:
    """Insert a row, or update the row of the same key; return the change for the journal."""
    if before is None:
        connection.execute(insert(table).values(row))
        return added(table, row)
    same = [column == row[column.name] for column in table.primary_key.columns]
    connection.execute(update(table).where(*same).values(row))
    return changed(table, before, row)


def write_records(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> tuple[int, list[RowChange]]:
    """Write records that differ from the stored ones; return the number of new ones, and all changes."""
    new, changes = 0, []
    for row in rows:
        query = select(training_records).where(training_records.c.id == row["id"])
        before = connection.execute(query).mappings().first()
        if before is not None and all(before[name] == row[name] for name in SAME):
            continue
        new += before is None
        changes.append(write(connection, training_records, None if before is None else dict(before), row))
    return new, changes
