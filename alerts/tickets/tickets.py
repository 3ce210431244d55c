"""Tickets in the database: opened by hazards, advanced by people, closed by sensor evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from alerts.database import journal, rows
from alerts.database.schema import hazards, ticket_numbers, tickets
from alerts.errors import Invalid, NotFound, Stale
from alerts.model import Hazard, Proposal, Ticket, identity
from alerts.notices.outbox import NoticeWriter
from alerts.people.access import Actor, require
from alerts.people.persons import persons, require_account, taking_part
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry

from .guards import Case
from .loop import COUNTERSIGN, FINAL, Step, loop
from .proof import blind


class Tickets:
    """Writes tickets within the caller's transaction."""

    def __init__(self, connection: Connection, registry: Registry, post: NoticeWriter) -> None:
        self._connection, self._registry, self._notices = connection, registry, post

    def update_ticket(self, hazard: Hazard, *, relapsed: bool, raised: bool, now_ns: int) -> Ticket | None:
        """Open (from yellow up), re-grade or reopen the hazard's ticket; return it, None without one."""
        row = self._connection.execute(select(tickets).where(tickets.c.hazard == hazard.id)).first()
        if row is None:
            worth = hazard.grade <= Grade.YELLOW and not hazard.drill and hazard.active
            return self._open(hazard, now_ns) if worth else None
        ticket = rows.record(Ticket, row)
        again = relapsed or (raised and ticket.overridden)
        if again and ticket.state in _DONE:
            return self._relapse(ticket, hazard, now_ns)
        if hazard.grade < ticket.grade and ticket.state not in FINAL:
            due_ns = min(ticket.due_ns, now_ns + loop().due_ns[hazard.grade])
            grown = replace(ticket, grade=hazard.grade, due_ns=due_ns, version=ticket.version + 1)
            return self._save(ticket, grown, "ticket.regraded", "system", {"grade": hazard.grade.colour}, now_ns=now_ns)
        return ticket

    def act(
        self, ticket_id: str, action: str, actor: Actor, fields: Mapping[str, Any], *, version: int, now_ns: int
    ) -> Ticket:
        """Apply one step of the loop by a person.

        A step that needs a second person becomes the ticket's proposal; `countersign` by that person applies it.
        Raises NotFound (also for a foreign site), Forbidden, Stale, GuardFailed, Invalid; none changes anything.
        """
        ticket, hazard = self.find(ticket_id, actor)
        known = loop().steps.get(action)
        if known is None:
            raise NotFound("action", action)
        require(actor, known.operation)
        step = loop().step(ticket.state, action)
        if version != ticket.version:
            raise Stale(version, ticket.version)
        values = loop().checked(step, fields, now_ns=now_ns)
        case = self._case(ticket, actor, hazard, values, now_ns=now_ns)
        loop().guard(step, case)
        if action == COUNTERSIGN:
            return self._countersign(case)
        if operation := step.second_operation(ticket, actor):
            return self._propose(step, case, operation)
        return self._apply(step, case, {})

    def _case(self, ticket: Ticket, actor: Actor, hazard: Hazard, values: Mapping[str, Any], *, now_ns: int) -> Case:
        known = persons(self._connection, taking_part([ticket], actor))
        sees_nothing = blind(self._connection, hazard)
        return Case(ticket, actor, hazard, values, known, now_ns, loop().observing_ns, blind=sees_nothing)

    def _apply(self, step: Step, case: Case, facts: Mapping[str, Any]) -> Ticket:
        ticket = case.ticket
        moved = replace(ticket, state=step.target(ticket.state), version=ticket.version + 1)
        if step.action not in _BESIDE_PROPOSAL:
            moved = replace(moved, proposal=None)
        moved = replace(moved, **self._changes(step, case))
        facts = {"from": ticket.state, "to": moved.state, "fields": case.fields, **facts}
        return self._save(ticket, moved, f"ticket.{step.action}", case.actor.username, facts, now_ns=case.now_ns)

    def _propose(self, step: Step, case: Case, operation: str) -> Ticket:
        """Keep the step as the ticket's proposal, in place of an earlier one."""
        ticket, actor = case.ticket, case.actor.username
        proposal = Proposal(step.action, case.fields, actor, operation, case.now_ns)
        moved = replace(ticket, proposal=proposal, version=ticket.version + 1)
        facts = {"from": ticket.state, "to": ticket.state, "fields": {"action": step.action, **case.fields}}
        return self._save(ticket, moved, "ticket.propose", actor, facts, now_ns=case.now_ns)

    def _countersign(self, case: Case) -> Ticket:
        """Apply the proposed step by its second person."""
        proposal = case.proposal
        step = loop().step(case.ticket.state, proposal.action)
        return self._apply(step, replace(case, fields=proposal.fields), {"proposed_by": proposal.by})

    def find(self, ticket_id: str, actor: Actor) -> tuple[Ticket, Hazard]:
        """Return the ticket and its hazard. Raises NotFound, also for a site outside the actor's scope."""
        row = self._connection.execute(select(tickets).where(tickets.c.id == ticket_id)).first()
        if row is None or not actor.sees(row.site):
            raise NotFound("ticket", ticket_id)
        return self._pair(row)

    def _pair(self, row: Row[Any]) -> tuple[Ticket, Hazard]:
        hazard = self._connection.execute(select(hazards).where(hazards.c.id == row.hazard)).one()
        return rows.record(Ticket, row), rows.record(Hazard, hazard)

    def tick(self, now_ns: int) -> None:
        """Mark overdue tickets; close observed tickets whose hazard stayed cleared for the observation time."""
        late = select(tickets).where(tickets.c.due_ns < now_ns, ~tickets.c.overdue, ~tickets.c.state.in_(_DONE))
        for row in self._connection.execute(late).all():
            ticket = rows.record(Ticket, row)
            overdue = replace(ticket, overdue=True, version=ticket.version + 1)
            self._save(ticket, overdue, "ticket.overdue", "system", {"due_ns": ticket.due_ns}, now_ns=now_ns)
        quiet_ns = now_ns - loop().observing_ns
        watched = (
            select(tickets)
            .join(hazards, hazards.c.id == tickets.c.hazard)
            .where(tickets.c.state == "observing", tickets.c.accepted_ns < quiet_ns)
            .where(~hazards.c.active, hazards.c.cleared_ns < quiet_ns)
        )
        for row in self._connection.execute(watched).all():
            ticket, hazard = self._pair(row)
            if blind(self._connection, hazard):
                continue
            closed = replace(
                ticket, state="closed", closed_ns=now_ns, close_reason="proved", version=ticket.version + 1
            )
            self._save(ticket, closed, "ticket.close", "system", {"from": "observing", "to": "closed"}, now_ns=now_ns)

    def _open(self, hazard: Hazard, now_ns: int) -> Ticket:
        zone = self._registry.zones.get((hazard.site, hazard.zone))
        ticket = Ticket(
            id=identity("ticket", hazard.id),
            number=self._number(hazard.site, now_ns),
            hazard=hazard.id,
            site=hazard.site,
            zone=hazard.zone,
            place=hazard.place,
            kind=hazard.kind,
            grade=hazard.grade,
            major=False,
            state="found",
            opened_ns=now_ns,
            due_ns=now_ns + loop().due_ns[hazard.grade],
            overdue=False,
            supervised=False,
            fulfilled=False,
            relapses=0,
            fixer="",
            fixers=(),
            acceptor=zone.officer if zone else "",
            accepted_ns=None,
            closed_ns=None,
            close_reason="",
            overridden=False,
            proposal=None,
            version=1,
        )
        rows.add(self._connection, tickets, ticket)
        facts = {"number": ticket.number, "hazard": hazard.id, "grade": hazard.grade.colour}
        self._record(None, ticket, "ticket.opened", "system", facts, now_ns=now_ns)
        for state, action in (("registered", "register"), ("graded", "grade")):
            before, ticket = ticket, replace(ticket, state=state, version=ticket.version + 1)
            self._save(before, ticket, f"ticket.{action}", "system", {"from": before.state, "to": state}, now_ns=now_ns)
        return ticket

    def _number(self, site: str, now_ns: int) -> str:
        """Return the site's next ticket number of the year, such as school-1-2026-000123."""
        year = datetime.fromtimestamp(now_ns / 1e9, UTC).year
        of_year = (ticket_numbers.c.site == site) & (ticket_numbers.c.year == year)
        last = self._connection.scalar(select(ticket_numbers.c.last).where(of_year))
        if last is None:
            self._connection.execute(insert(ticket_numbers).values(site=site, year=year, last=1))
        else:
            self._connection.execute(update(ticket_numbers).where(of_year).values(last=last + 1))
        return f"{site}-{year}-{(last or 0) + 1:06d}"

    def _relapse(self, ticket: Ticket, hazard: Hazard, now_ns: int) -> Ticket:
        again = replace(
            ticket,
            state="graded",
            grade=min(ticket.grade, hazard.grade),
            relapses=ticket.relapses + 1,
            due_ns=now_ns + loop().due_ns[hazard.grade],
            overdue=False,
            fulfilled=False,
            accepted_ns=None,
            closed_ns=None,
            close_reason="",
            overridden=False,
            proposal=None,
            version=ticket.version + 1,
        )
        return self._save(
            ticket, again, "ticket.relapsed", "system", {"from": ticket.state, "to": "graded"}, now_ns=now_ns
        )

    def _changes(self, step: Step, case: Case) -> dict[str, Any]:
        """Return the changes of an action besides the state."""
        ticket, values, now_ns, action = case.ticket, case.fields, case.now_ns, step.action
        changes: dict[str, Any] = {}
        if action == "assign":
            fixer = self._fixer(step, ticket, values)
            fixers = tuple(dict.fromkeys((*ticket.fixers, fixer)))
            due_ns = values.get("due", ticket.due_ns)
            changes |= {"fixer": fixer, "fixers": fixers, "due_ns": due_ns, "overdue": due_ns < now_ns}
        elif action == "accept":
            changes |= {"acceptor": case.actor.username, "accepted_ns": now_ns}
        elif action == "close":
            changes |= {"closed_ns": now_ns, "close_reason": values["reason"], "overridden": case.overridden}
        elif action == "mark_false":
            changes |= {"closed_ns": now_ns, "close_reason": "false_report"}
        elif action == "reopen":
            changes |= {"closed_ns": None, "accepted_ns": None, "close_reason": "", "overridden": False}
            changes |= {"fulfilled": False}
        elif action == "extend":
            changes |= {"due_ns": values["due"], "overdue": False}
        else:
            flags = {"declare_major": "major", "fulfil": "fulfilled", "supervise": "supervised"}
            changes |= {flags[action]: True} if action in flags else {}
        return changes

    def _fixer(self, step: Step, ticket: Ticket, values: Mapping[str, Any]) -> str:
        """Return the given fixer or the zone's. Raises Invalid unless it has an account with role and site."""
        zone = self._registry.zones.get((ticket.site, ticket.zone))
        fixer = str(values.get("fixer") or (zone.fixer if zone else ""))
        if not fixer:
            raise Invalid({"fixer": "is required: this zone has no default fixer"})
        role = next(field.type for field in step.fields if field.name == "fixer").partition(":")[2]
        require_account(self._connection, fixer, role=role, site=ticket.site, field="fixer")
        return fixer

    def _save(
        self, before: Ticket, ticket: Ticket, kind: str, actor: str, facts: Mapping[str, Any], *, now_ns: int
    ) -> Ticket:
        rows.save(self._connection, tickets, ticket)
        self._record(before, ticket, kind, actor, facts, now_ns=now_ns)
        return ticket

    def _record(
        self, before: Ticket | None, ticket: Ticket, kind: str, actor: str, facts: Mapping[str, Any], *, now_ns: int
    ) -> None:
        step = journal.append(
            self._connection,
            at_ns=now_ns,
            actor=actor,
            kind=kind,
            site=ticket.site,
            subject=ticket.id,
            facts=facts,
            rows=[rows.change(tickets, before, ticket)],
        )
        self._notices.ticket(kind, ticket, step=step, now_ns=now_ns)


_DONE = tuple(FINAL | {"observing"})
_BESIDE_PROPOSAL = frozenset(("comment", "supervise"))
"""Actions that leave the ticket's proposal as it is."""
