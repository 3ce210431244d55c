"""Tickets as of a past time, by the journal: a later relapse does not change a signed quarter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from alerts.database import journal
from alerts.database.schema import journal as journal_table
from alerts.model import Ticket

CHUNK = 500
"""Tickets of one query; SQLite bounds the parameters of a statement."""
COLUMNS = (
    "state",
    "major",
    "closed_ns",
    "accepted_ns",
    "overdue",
    "overridden",
    "relapses",
    "fulfilment",
    "supervised",
)
"""Columns of a ticket that a later step changes and a form or figure counts."""


def as_of(connection: Connection, found: Sequence[Ticket], at_ns: int) -> list[Ticket]:
    """Return the tickets with the values that they had at a time, in their order.

    A ticket of version 0.1.0 keeps the present values of columns that its journal entries do not state.
    """
    last = journal.last_before(connection, at_ns)
    if last == journal.head(connection):
        return [*found]
    former: dict[str, Mapping[str, Any]] = {}
    for begin in range(0, len(found), CHUNK):
        ids = [one.id for one in found[begin : begin + CHUNK]]
        former |= _former(connection, _changed(connection, ids, last), last)
    return [replace(one, **former.get(one.id, {})) for one in found]


def _changed(connection: Connection, ids: Sequence[str], last: int) -> list[str]:
    """Return the tickets with an entry behind `last`."""
    own = journal_table.c
    return [*connection.scalars(select(own.subject).where(own.subject.in_(ids), own.seq > last).distinct())]


def _former(connection: Connection, ids: Sequence[str], last: int) -> dict[str, Mapping[str, Any]]:
    own = journal_table.c
    query = select(own.seq, own.body, own.subject).where(own.subject.in_(ids), own.seq <= last).order_by(own.seq)
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in connection.execute(query):
        for table, key, columns in journal.rows_of(row.body):
            if table == "tickets" and key == row.subject and columns:
                found[key] |= {name: columns[name] for name in COLUMNS if name in columns}
    return dict(found)
