"""Cursors in the detection log per lane, advanced in the transaction of the effects."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from ingest import Priority

from .schema import cursors

CURSORS = {Priority.ORDINARY: "detections", Priority.URGENT: "detections_urgent"}
"""Name of each lane's position; with the suffix `_rows`, the number of applied rows of the next entry."""


def position(connection: Connection, lane: Priority) -> int:
    """Return the highest position that is applied completely; 0 at the beginning."""
    return _value(connection, CURSORS[lane]) or 0


def rows_done(connection: Connection, lane: Priority, cursor: int) -> int | None:
    """Return the number of applied rows of the lane's next entry, at `cursor`; None if all are applied."""
    if cursor <= position(connection, lane):
        return None
    return _value(connection, f"{CURSORS[lane]}_rows") or 0


def advance(connection: Connection, lane: Priority, cursor: int, *, rows: int, whole: bool) -> None:
    """Record the applied rows of the entry at `cursor`; whole: all are applied."""
    name = CURSORS[lane]
    if whole:
        _set(connection, name, cursor)
    _set(connection, f"{name}_rows", 0 if whole else rows)


def set_back(connection: Connection, lane: Priority, cursor: int) -> None:
    """Record that the log of the lane ends at `cursor`, before the present position."""
    _set(connection, CURSORS[lane], cursor)
    _set(connection, f"{CURSORS[lane]}_rows", 0)


def renamed(connection: Connection) -> int:
    """Return the number of the last renaming of a sensor that is applied; 0 without one."""
    return _value(connection, "renamed") or 0


def set_renamed(connection: Connection, number: int) -> None:
    """Record that the renamings up to this number are applied."""
    _set(connection, "renamed", number)


def _value(connection: Connection, name: str) -> int | None:
    found = connection.scalar(select(cursors.c.position).where(cursors.c.name == name))
    return None if found is None else int(found)


def _set(connection: Connection, name: str, value: int) -> None:
    if not connection.execute(update(cursors).where(cursors.c.name == name).values(position=value)).rowcount:
        connection.execute(insert(cursors).values(name=name, position=value))
