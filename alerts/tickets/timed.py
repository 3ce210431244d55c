"""Changes of tickets by time: overdue, late take-over, end of a pause, closing after the observation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from alerts.dangers.kinds import danger_kinds
from alerts.database import rows
from alerts.database.schema import tickets
from alerts.model import Ticket

from .changes import resumed
from .tickets import DONE, Tickets

SHORTEST_NS = min(kind.observing_ns for kind in danger_kinds().values())
CLOSINGS_MAX = 50
"""Tickets that one call proves at most: a proof reads the store. The next call continues behind them."""


def timed_changes(connection: Connection, ticketing: Tickets, *, now_ns: int, slow: bool = True) -> None:
    """Apply changes that are due within the caller's transaction, but no closing.

    slow: also those without an index, which need no second: pauses and take-over times.
    """
    _mark_overdue(connection, ticketing, now_ns)
    if slow:
        _resume(connection, ticketing, now_ns)
        _mark_untaken(connection, ticketing, now_ns)


class Closings:
    """Finds observed tickets whose danger is proved to have ended. One thread uses it."""

    def __init__(self) -> None:
        self._behind = ""

    def proved(self, connection: Connection, ticketing: Tickets, *, now_ns: int) -> list[Ticket]:
        """Return the tickets to close; this reads the store."""
        own = tickets.c
        query = select(tickets).where(
            own.state == "observing", own.accepted_ns < now_ns - SHORTEST_NS, own.id > self._behind
        )
        rows_found = connection.execute(query.order_by(own.id).limit(CLOSINGS_MAX)).all()
        found = [rows.record(Ticket, row) for row in rows_found]
        self._behind = found[-1].id if len(found) == CLOSINGS_MAX else ""
        return [ticket for ticket in found if _ends(ticketing, ticket, now_ns)]


def close(connection: Connection, ticketing: Tickets, proved: Sequence[Ticket], *, now_ns: int) -> None:
    """Close tickets within the caller's transaction, unless they or their hazards have changed since their proof."""
    for ticket in proved:
        row = connection.execute(select(tickets).where(tickets.c.id == ticket.id)).first()
        if row is None or rows.record(Ticket, row) != ticket or not _ends(ticketing, ticket, now_ns):
            continue
        closed = replace(ticket, state="closed", closed_ns=now_ns, close_reason="proved", version=ticket.version + 1)
        facts = {"from": "observing", "to": "closed"}
        ticketing.writer.save(ticket, closed, "ticket.close", "system", facts, now_ns=now_ns)


def _ends(ticketing: Tickets, ticket: Ticket, now_ns: int) -> bool:
    """Return whether the danger is proved to have ended, and its observation too; only then readings are queried."""
    danger = ticketing.dangers.find(ticket.danger)
    shown = ticketing.shown(danger)
    end_ns = max(ticket.accepted_ns or 0, shown.cleared_ns or 0) + danger_kinds()[danger.cause].observing_ns
    return not shown.active and end_ns < now_ns and ticketing.proof(danger, ticket, now_ns=now_ns).holds


def _resume(connection: Connection, ticketing: Tickets, now_ns: int) -> None:
    for row in connection.execute(select(tickets).where(tickets.c.paused_until_ns <= now_ns)).all():
        ticket = rows.record(Ticket, row)
        moved = replace(ticket, **resumed(ticket, ticket.paused_until_ns or now_ns), version=ticket.version + 1)
        facts = {"from": ticket.state, "to": ticket.state}
        ticketing.writer.save(ticket, moved, "ticket.resume", "system", facts, now_ns=now_ns)


def _mark_overdue(connection: Connection, ticketing: Tickets, now_ns: int) -> None:
    own = tickets.c
    late = select(tickets).where(own.due_ns < now_ns, ~own.overdue, own.state.not_in(DONE), own.paused_ns.is_(None))
    for row in connection.execute(late).all():
        ticket = rows.record(Ticket, row)
        overdue = replace(ticket, overdue=True, version=ticket.version + 1)
        ticketing.writer.save(ticket, overdue, "ticket.overdue", "system", {"due_ns": ticket.due_ns}, now_ns=now_ns)


def _mark_untaken(connection: Connection, ticketing: Tickets, now_ns: int) -> None:
    """Mark tickets that nobody took over in time."""
    own = tickets.c
    untaken = select(tickets).where(own.state == "assigned", own.take_due_ns < now_ns, ~own.take_late)
    untaken = untaken.where(own.paused_ns.is_(None))
    for row in connection.execute(untaken).all():
        ticket = rows.record(Ticket, row)
        marked = replace(ticket, take_late=True, version=ticket.version + 1)
        facts = {"take_due_ns": ticket.take_due_ns}
        ticketing.writer.save(ticket, marked, "ticket.take_late", "system", facts, now_ns=now_ns)
