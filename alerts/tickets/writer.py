"""Tickets in the database: rows, journal entries and notices of each change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from alerts.dangers.kinds import danger_kinds
from alerts.database import journal, rows
from alerts.database.schema import dangers, ticket_numbers, tickets
from alerts.model import Danger, Hazard, Ticket, identity
from alerts.notices.writer import NoticeWriter, TicketStep
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry

from .deadlines import deadline
from .loop import loop
from .zone_people import person_of

_NEXT_NUMBER = (
    update(ticket_numbers)
    .where(ticket_numbers.c.site == bindparam("the_site"), ticket_numbers.c.year == bindparam("the_year"))
    .values(last=ticket_numbers.c.last + 1)
    .returning(ticket_numbers.c.last)
)
"""Built once: building a statement costs more than its execution."""


GRADING = (("registered", "register"), ("graded", "grade"))
"""States of a new ticket with their actions: the service registers and grades it."""
NEW_WORK = frozenset(("ticket.assign", "ticket.transfer", "ticket.hand_over"))
"""Kinds of the journal entries whose notice states the work of the fixer."""


class TicketChange(NamedTuple):
    """One change of a ticket; before: None for a new one."""

    before: Ticket | None
    after: Ticket
    kind: str
    facts: Mapping[str, Any]


class TicketWriter:
    """Writes tickets within the caller's transaction."""

    def __init__(self, connection: Connection, registry: Registry, notices: NoticeWriter) -> None:
        self._connection, self._registry, self._notices = connection, registry, notices

    def of(self, danger: str) -> Ticket:
        """Return the ticket of a danger."""
        return rows.record(Ticket, self._connection.execute(select(tickets).where(tickets.c.danger == danger)).one())

    def open(
        self, danger: Danger, grade: Grade, actor: str, *, hazard: Hazard | None, graded: bool = True, now_ns: int
    ) -> Ticket:
        """Add a ticket; return it. graded: it is registered and graded at once, by one write of its row."""
        ticket = self._new(danger, grade, hazard, now_ns=now_ns)
        facts = {"number": ticket.number, "danger": danger.id, "grade": grade.colour, "source": danger.source}
        facts |= {"hazard": hazard.id} if hazard else {}
        changes = [TicketChange(None, ticket, "ticket.opened", facts)]
        for state, action in GRADING if graded else ():
            before, ticket = ticket, replace(ticket, state=state, version=ticket.version + 1)
            changes.append(TicketChange(before, ticket, f"ticket.{action}", {"from": before.state, "to": state}))
        rows.add(self._connection, tickets, ticket)
        self._record(changes, actor, now_ns=now_ns)
        return ticket

    def _new(self, danger: Danger, grade: Grade, hazard: Hazard | None, *, now_ns: int) -> Ticket:
        zone = self._registry.zones.get((danger.site, danger.zone))
        return Ticket(
            id=identity("ticket", hazard.id if hazard else danger.id),
            number=self._number(danger.site, now_ns),
            danger=danger.id,
            hazard=hazard.id if hazard else None,
            site=danger.site,
            zone=danger.zone,
            place=danger.place,
            kind=hazard.kind if hazard else danger.cause,
            grade=grade,
            major=False,
            state="found",
            opened_ns=now_ns,
            due_ns=self.due(danger, grade, now_ns=now_ns),
            overdue=False,
            supervised=False,
            fulfilled=False,
            relapses=0,
            fixer="",
            fixers=(),
            acceptor=person_of(self._connection, zone, "officer"),
            accepted_ns=None,
            closed_ns=None,
            close_reason="",
            overridden=False,
            proposal=None,
            fulfilment={},
            reported={},
            take_due_ns=None,
            take_late=False,
            paused_ns=None,
            paused_until_ns=None,
            supervision={},
            version=1,
        )

    def due(self, danger: Danger, grade: Grade, *, major: bool = False, now_ns: int) -> int:
        """Return the deadline of a danger of this grade from now."""
        by_clock = danger_kinds()[danger.cause].life_safety or major or grade is Grade.RED
        return deadline(now_ns, loop().due_ns[grade], self._registry, by_clock=by_clock)

    def take_due(self, danger: Danger, ticket: Ticket, *, now_ns: int) -> int:
        """Return the latest time to take an assigned ticket over."""
        by_clock = danger_kinds()[danger.cause].life_safety or ticket.major or ticket.grade is Grade.RED
        return deadline(now_ns, loop().take_ns[ticket.grade], self._registry, by_clock=by_clock)

    def save(
        self, before: Ticket, ticket: Ticket, kind: str, actor: str, facts: Mapping[str, Any], *, now_ns: int
    ) -> Ticket:
        """Write a changed ticket with its journal entry and notices; return it."""
        rows.save(self._connection, tickets, ticket)
        self._record([TicketChange(before, ticket, kind, facts)], actor, now_ns=now_ns)
        return ticket

    def _number(self, site: str, now_ns: int) -> str:
        """Return the site's next ticket number of the year, such as school-1-2026-000123."""
        year = datetime.fromtimestamp(now_ns / 1e9, UTC).year
        number = self._connection.scalar(_NEXT_NUMBER, {"the_site": site, "the_year": year})
        if number is None:
            number = 1
            self._connection.execute(insert(ticket_numbers).values(site=site, year=year, last=number))
        return f"{site}-{year}-{number:06d}"

    def _record(self, changes: Sequence[TicketChange], actor: str, *, now_ns: int) -> None:
        entries = [
            journal.Entry(
                now_ns,
                actor,
                one.kind,
                one.after.site,
                one.after.id,
                one.facts,
                [rows.change(tickets, one.before, one.after)],
            )
            for one in changes
        ]
        numbers = journal.append_all(self._connection, entries)
        self._notices.tickets(
            [
                TicketStep(one.kind, one.after, loop().states[one.after.state], number, self._work(one))
                for one, number in zip(changes, numbers, strict=True)
            ],
            now_ns=now_ns,
        )

    def _work(self, change: TicketChange) -> dict[str, str]:
        """Return place, danger and task of a fixer, {} for another change. Without a note the task is the proof."""
        if change.kind not in NEW_WORK:
            return {}
        own, ticket = dangers.c, change.after
        danger = self._connection.execute(select(own.cause, own.text).where(own.id == ticket.danger)).one()
        place, kind = self._registry.place_name(ticket.site, ticket.place), danger_kinds()[danger.cause]
        note = change.facts.get("fields", {}).get("note", "")
        grade = {"zh": "重大隐患" if ticket.major else "一般隐患", "en": "major" if ticket.major else "general"}
        return {
            "zh": f"{place['zh']}：{danger.text['zh'] or kind.zh}，{grade['zh']}；{note or kind.text['zh']}",
            "en": f"{place['en']}: {danger.text['en'] or kind.en}, {grade['en']}; {note or kind.text['en']}",
        }
