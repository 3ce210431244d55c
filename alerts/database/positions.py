"""How far the detection log has been taken in, lane by lane; moved in the transaction of the effects."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from ingest import Priority

from .schema import cursors

CURSORS = {Priority.ORDINARY: "detections", Priority.URGENT: "detections_urgent"}
"""Names of the positions up to which every entry is in; with `_rows`, how much of the next one is."""


def position(connection: Connection, lane: Priority) -> int:
    """The last log position that is in; 0 at the beginning."""
    return _value(connection, CURSORS[lane]) or 0


def rows_done(connection: Connection, lane: Priority, cursor: int) -> int | None:
    """How many rows of the entry at `cursor`, the next of its lane, are in; None when it is in."""
    if cursor <= position(connection, lane):
        return None
    return _value(connection, f"{CURSORS[lane]}_rows") or 0


def advance(connection: Connection, lane: Priority, cursor: int, *, rows: int, whole: bool) -> None:
    """So many rows of the entry at `cursor` are in; whole: all of them."""
    name = CURSORS[lane]
    if whole:
        _set(connection, name, cursor)
    _set(connection, f"{name}_rows", 0 if whole else rows)


def _value(connection: Connection, name: str) -> int | None:
    found = connection.scalar(select(cursors.c.position).where(cursors.c.name == name))
    return None if found is None else int(found)


def _set(connection: Connection, name: str, value: int) -> None:
    if not connection.execute(update(cursors).where(cursors.c.name == name).values(position=value)).rowcount:
        connection.execute(insert(cursors).values(name=name, position=value))
