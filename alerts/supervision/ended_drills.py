"""Ended drills of schools in a span."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, literal_column, select

from alerts.database import journal
from alerts.database.schema import journal as journal_table

DRILL_ENDED = "drill.ended"


def ended_drills(connection: Connection, sites: Collection[str] | None, begin_ns: int, end_ns: int) -> Counter[str]:
    """Return the number of drills of each school that ended in a span. sites: None for all."""
    own = journal_table.c
    ended: ColumnElement[str] = literal_column(f"'{DRILL_ENDED}'")  # a literal, which the partial index needs
    query = select(own.seq, own.body).where(own.kind == ended, own.seq > journal.last_before(connection, begin_ns))
    found: Counter[str] = Counter()
    for row in connection.execute(query):
        event = journal.entry(row.seq, row.body)
        if event.at_ns < end_ns and (sites is None or event.site in sites):
            found[event.site] += 1
    return found
