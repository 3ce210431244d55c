"""Acts of tickets from the journal: check, assignment, submission, acceptance and re-check."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from alerts.database import journal
from alerts.database.journal import Event
from alerts.database.schema import journal as journal_table

from .tickets import AGAIN

CHUNK = 500
"""Tickets of one query; SQLite bounds the parameters of a statement."""
ACTS: Mapping[str, str] = {
    "ticket.register": "checked",
    "ticket.grade": "checked",
    "ticket.declare_major": "checked",
    "ticket.assign": "assigned",
    "ticket.submit": "submitted",
    "ticket.accept": "accepted",
    "ticket.reject": "accepted",
    "ticket.close": "rechecked",
}
"""Kind of a journal entry -> the act that it is. A later entry replaces an earlier one."""
REPAIR = ("submitted", "accepted", "rechecked")
"""Acts of a repair; a relapse or a reopening begins another repair."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act. by: account or `system`; kind: of the journal entry; fields: as the person gave them."""

    kind: str
    by: str
    at_ns: int
    fields: Mapping[str, Any]

    @property
    def note(self) -> str:
        """Return the note of the person, "" without one."""
        return str(self.fields.get("note", ""))


Acts = Mapping[str, Act]


def acts_of(connection: Connection, tickets: Collection[str], *, before_ns: int | None = None) -> dict[str, Acts]:
    """Return the newest act of each sort, for each ticket. before_ns: only acts before this time."""
    found: dict[str, dict[str, Act]] = {one: {} for one in tickets}
    for event in _events(connection, sorted(found)):
        if before_ns is not None and event.at_ns >= before_ns:
            continue
        own = found[event.subject]
        if event.kind in AGAIN:
            for name in REPAIR:
                own.pop(name, None)
        else:
            own[ACTS[event.kind]] = Act(event.kind, event.actor, event.at_ns, event.facts.get("fields", {}))
    return dict(found)


def _events(connection: Connection, tickets: Sequence[str]) -> Iterator[Event]:
    own = journal_table.c
    for begin in range(0, len(tickets), CHUNK):
        chunk = tickets[begin : begin + CHUNK]
        query = select(own.seq, own.body).where(own.subject.in_(chunk), own.kind.in_((*ACTS, *AGAIN)))
        for row in connection.execute(query.order_by(own.seq)):
            yield journal.entry(row.seq, row.body)
