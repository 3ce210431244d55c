"""Tickets that wait for a person: the list "needs you"."""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, and_, cast, false, or_, select

from alerts.database.schema import dangers, tickets
from alerts.people.access import Actor, allowed

from .loop import FINAL


def waiting(actor: Actor) -> ColumnElement[bool]:
    """Return the condition of the tickets on which the next step belongs to a role of the actor.

    An officer registers, grades, assigns, reviews and decides proposals; a fixer works on the own ones; a bureau
    countersigns. Overdue tickets need the officer too.
    """
    own = tickets.c
    conditions: list[ColumnElement[bool]] = [false()]
    if allowed(actor, "ticket_officer"):
        untaken = and_(own.take_late, own.state == "assigned")
        turn = own.state.in_(("found", "registered", "graded", "submitted", "in_review"))
        others = ~cast(own.fixers, String).contains(f'"{actor.username}"', autoescape=True)
        conditions.append(or_(and_(turn, others), and_(own.overdue, own.state.not_in(FINAL)), untaken))
    if allowed(actor, "ticket_fixer"):
        conditions.append(and_(own.fixer == actor.username, own.state.in_(("assigned", "taken", "rectifying"))))
    if allowed(actor, "ticket_countersign"):
        conditions.append(
            and_(own.proposal.is_not(None), cast(own.proposal, String) != "null", own.state.not_in(FINAL))
        )
    return or_(*conditions)


def standing_within(begin_ns: int, end_ns: int) -> ColumnElement[bool]:
    """Return the condition of the tickets that opened before the end of a span and were open within it."""
    own = tickets.c
    return and_(own.opened_ns < end_ns, or_(own.closed_ns.is_(None), own.closed_ns >= begin_ns))


def found_by(source: str) -> ColumnElement[bool]:
    """Return the condition of the tickets whose danger has this source."""
    return tickets.c.danger.in_(select(dangers.c.id).where(dangers.c.source == source))


def marked(*, major: bool | None, supervised: bool | None) -> list[ColumnElement[bool]]:
    """Return the conditions of tickets with or without these marks; None for any."""
    wanted = ((tickets.c.major, major), (tickets.c.supervised, supervised))
    return [column if value else ~column for column, value in wanted if value is not None]
