"""Tickets in the database: opened by hazards, advanced by people, closed by sensor evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from alerts.database import journal, rows
from alerts.database.schema import findings, hazards, ticket_numbers, tickets
from alerts.errors import Invalid, NotFound, Stale
from alerts.hazards.findings import sensors_behind
from alerts.model import Hazard, Ticket, identity
from alerts.notices.outbox import NoticeWriter
from alerts.people.access import Actor, require
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry

from .loop import FINAL, GUARDS, Case, loop


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
        if again and ticket.state in FINAL | {"observing"}:
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
        values = loop().checked(step, fields)
        GUARDS[step.guard](Case(ticket, actor, hazard, values, blind=self._blind(hazard)))
        changes = self._changes(ticket, action, actor, values, now_ns=now_ns)
        moved = replace(ticket, state=step.target(ticket.state), **changes)
        facts = {"from": ticket.state, "to": moved.state, "fields": values}
        moved = replace(moved, version=ticket.version + 1)
        return self._save(ticket, moved, f"ticket.{action}", actor.username, facts, now_ns=now_ns)

    def find(self, ticket_id: str, actor: Actor) -> tuple[Ticket, Hazard]:
        """Return the ticket and its hazard. Raises NotFound, also for a site outside the actor's scope."""
        row = self._connection.execute(select(tickets).where(tickets.c.id == ticket_id)).first()
        if row is None or not actor.sees(row.site):
            raise NotFound("ticket", ticket_id)
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
            ticket = rows.record(Ticket, row)
            if not self._proved(ticket):
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
            accepted_ns=None,
            closed_ns=None,
            close_reason="",
            overridden=False,
            version=ticket.version + 1,
        )
        return self._save(
            ticket, again, "ticket.relapsed", "system", {"from": ticket.state, "to": "graded"}, now_ns=now_ns
        )

    def _changes(
        self, ticket: Ticket, action: str, actor: Actor, values: Mapping[str, Any], *, now_ns: int
    ) -> dict[str, Any]:
        """Return the changes of an action besides the state."""
        changes: dict[str, Any] = {}
        if action == "assign":
            fixer = self._fixer(ticket, values)
            fixers = tuple(dict.fromkeys((*ticket.fixers, fixer)))
            changes |= {"fixer": fixer, "fixers": fixers, "due_ns": values.get("due", ticket.due_ns)}
        elif action == "accept":
            changes |= {"acceptor": actor.username, "accepted_ns": now_ns}
        elif action == "close":
            overridden = bool(values.get("override")) and not self._proved(ticket)
            changes |= {"closed_ns": now_ns, "close_reason": values["reason"], "overridden": overridden}
        elif action == "mark_false":
            changes |= {"closed_ns": now_ns, "close_reason": "false_report"}
        elif action == "reopen":
            changes |= {"closed_ns": None, "accepted_ns": None, "close_reason": "", "overridden": False}
        elif action == "extend":
            changes |= {"due_ns": values["due"], "overdue": values["due"] < now_ns}
        else:
            flags = {"declare_major": "major", "fulfil": "fulfilled", "supervise": "supervised"}
            changes |= {flags[action]: True} if action in flags else {}
        return changes

    def _proved(self, ticket: Ticket) -> bool:
        row = self._connection.execute(select(hazards).where(hazards.c.id == ticket.hazard)).one()
        hazard = rows.record(Hazard, row)
        return not hazard.active and not self._blind(hazard)

    def _blind(self, hazard: Hazard) -> bool:
        """Return whether a sensor of the hazard is faulty, stuck, tampered with or offline, also behind a gateway."""
        saw = select(findings.c.sensor).where(findings.c.hazard == hazard.id)
        silent = select(findings.c.evidence).where(
            findings.c.site == hazard.site, findings.c.kind == GATEWAY_SILENT, findings.c.active
        )
        offline = {name for evidence in self._connection.scalars(silent) for name in sensors_behind(evidence)}
        if offline and offline.intersection(self._connection.scalars(saw)):
            return True
        fault = select(findings.c.id).where(
            findings.c.site == hazard.site,
            findings.c.sensor.in_(saw),
            findings.c.kind.in_(UNBELIEVABLE),
            findings.c.hazard != hazard.id,
            findings.c.active,
        )
        return self._connection.execute(fault.limit(1)).first() is not None

    def _fixer(self, ticket: Ticket, values: Mapping[str, Any]) -> str:
        zone = self._registry.zones.get((ticket.site, ticket.zone))
        fixer = str(values.get("fixer") or (zone.fixer if zone else ""))
        if not fixer:
            raise Invalid({"fixer": "is required: this zone has no default fixer"})
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


GATEWAY_SILENT = "gateway_silent"
UNBELIEVABLE = ("sensor_fault", "sensor_silent", "detector_lost", GATEWAY_SILENT, "sensor_stuck", "tamper")
_DONE = tuple(FINAL | {"observing"})
