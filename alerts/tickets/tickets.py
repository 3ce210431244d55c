"""Tickets opened by hazards and persons, advanced by people, closed by proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, select

from alerts.dangers import guide
from alerts.dangers.dangers import Dangers
from alerts.dangers.kinds import danger_kinds
from alerts.dangers.proof import Proof, Readings, seen
from alerts.dangers.proving import hazards_of, prove
from alerts.database import journal, rows
from alerts.database.schema import dangers, tickets
from alerts.database.schema import journal as journal_table
from alerts.errors import Invalid, NotFound, Stale
from alerts.model import Danger, Hazard, Proposal, Ticket
from alerts.notices.writer import NoticeWriter
from alerts.people.access import Actor, require
from alerts.people.persons import persons, taking_part
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry

from .case import Case
from .changes import REOPENED, UNPAUSED, Changes
from .guards import by_clock
from .loop import CLOSE, COUNTERSIGN, FINAL, Step, loop
from .writer import TicketWriter

_STANDING = (
    select(tickets)
    .join(dangers, dangers.c.id == tickets.c.danger)
    .where(*(dangers.c[name] == bindparam(f"the_{name}") for name in ("site", "place", "cause")))
    .where(
        dangers.c.merged_into.is_(None),
        tickets.c.state.not_in(sorted(FINAL))
        | ((tickets.c.state == "closed") & (tickets.c.closed_ns >= bindparam("since_ns"))),
    )
    .order_by(dangers.c.found_ns.desc(), dangers.c.id)
    .limit(1)
)
"""Statement of each new hazard. It is built once: building it costs more than its execution."""


class Tickets:
    """Writes tickets and their dangers within the caller's transaction. readings: None where no store is at hand."""

    def __init__(
        self, connection: Connection, registry: Registry, post: NoticeWriter, readings: Readings | None = None
    ) -> None:
        self._connection, self._readings = connection, readings
        self.dangers = Dangers(connection, registry)
        self.writer = TicketWriter(connection, registry, post)
        self._changes = Changes(connection, registry, self.writer)

    def update_ticket(self, hazard: Hazard, *, relapsed: bool, raised: bool, now_ns: int) -> Ticket | None:
        """Open (from yellow up), re-grade or reopen the ticket of the hazard's danger; return it, None without one."""
        danger = self.dangers.of_hazard(hazard.id)
        if danger is None:
            worth = hazard.grade <= Grade.YELLOW and not hazard.drill and hazard.active
            return self._found(hazard, now_ns) if worth else None
        ticket = self.writer.of(danger.id)
        again = relapsed or (raised and ticket.overridden)
        return self._continued(danger, ticket, hazard, again=again, now_ns=now_ns)

    def standing(self, site: str, place: str, cause: str, now_ns: int) -> tuple[Danger, Ticket] | None:
        """Return the open danger of a place and cause, or one that was closed within its relapse window."""
        since_ns = now_ns - danger_kinds()[cause].relapse_ns
        wanted = {"the_site": site, "the_place": place, "the_cause": cause, "since_ns": since_ns}
        row = self._connection.execute(_STANDING, wanted).first()
        return None if row is None else (self.dangers.find(row.danger), rows.record(Ticket, row))

    def _found(self, hazard: Hazard, now_ns: int) -> Ticket:
        """Open a ticket, or join the danger that stands at this place for this cause."""
        if (same := self.standing(hazard.site, hazard.place, hazard.cause, now_ns)) is not None:
            danger, ticket = self.dangers.join(same[0], hazard, now_ns), same[1]
            return self._continued(danger, ticket, hazard, again=True, now_ns=now_ns)
        danger = self.dangers.add_by_hazard(hazard, now_ns)
        return self.writer.open(danger, hazard.grade, "system", hazard=hazard, now_ns=now_ns)

    def _continued(self, danger: Danger, ticket: Ticket, hazard: Hazard, *, again: bool, now_ns: int) -> Ticket:
        if again and ticket.state in DONE:
            return self.relapse(danger, ticket, min(ticket.grade, hazard.grade), "system", now_ns=now_ns)
        return self.regraded(danger, ticket, hazard.grade, "system", now_ns=now_ns)

    def regraded(
        self, danger: Danger, ticket: Ticket, grade: Grade, actor: str, *, due_ns: int | None = None, now_ns: int
    ) -> Ticket:
        """Return an open ticket with this grade if it is graver, and a deadline that is never later than before.

        due_ns: a deadline that holds too. One that runs by the clock from now on does not stay paused.
        """
        if ticket.state in FINAL:
            return ticket
        sooner_ns = ticket.due_ns if due_ns is None else min(ticket.due_ns, due_ns)
        if grade < ticket.grade:
            sooner_ns = min(sooner_ns, self.writer.due(danger, grade, now_ns=now_ns))
        grown = replace(ticket, grade=min(grade, ticket.grade), due_ns=sooner_ns)
        if grown == ticket:
            return ticket
        unpaused = UNPAUSED if by_clock(danger_kinds()[danger.cause], grown) else {}
        grown = replace(grown, version=ticket.version + 1, **unpaused)
        facts = {"grade": grown.grade.colour}
        return self.writer.save(ticket, grown, "ticket.regraded", actor, facts, now_ns=now_ns)

    def relapse(self, danger: Danger, ticket: Ticket, grade: Grade, actor: str, *, now_ns: int) -> Ticket:
        """Reopen the same file: the danger returned while observed, or within its relapse window after closing."""
        again = replace(
            ticket,
            **REOPENED,
            state="graded",
            grade=grade,
            relapses=ticket.relapses + 1,
            due_ns=self.writer.due(danger, grade, major=ticket.major, now_ns=now_ns),
            overdue=False,
            proposal=None,
            version=ticket.version + 1,
        )
        facts = {"from": ticket.state, "to": "graded"}
        return self.writer.save(ticket, again, "ticket.relapsed", actor, facts, now_ns=now_ns)

    def act(
        self, ticket_id: str, action: str, actor: Actor, fields: Mapping[str, Any], *, version: int, now_ns: int
    ) -> Ticket:
        """Apply one step of the loop by a person.

        A step that needs a second person becomes the ticket's proposal; `countersign` by that person applies it.
        Raises NotFound (also for a foreign site), Forbidden, Stale, GuardFailed, Invalid; none changes anything.
        """
        ticket = self.find(ticket_id, actor)
        known = loop().steps.get(action)
        if known is None:
            raise NotFound("action", action)
        require(actor, known.operation)
        step = loop().step(ticket.state, action)
        if version != ticket.version:
            raise Stale(version, ticket.version)
        values = loop().checked(step, fields, now_ns=now_ns)
        case = self.case(ticket, actor, values, now_ns=now_ns, sensed=action in {CLOSE, COUNTERSIGN})
        loop().guard(step, case)
        if action == COUNTERSIGN:
            proposal = case.proposal
            step = loop().step(case.ticket.state, proposal.action)
            return self._apply(step, replace(case, fields=proposal.fields), {"proposed_by": proposal.by})
        if operation := step.second_operation(ticket, actor):
            return self._propose(step, case, operation)
        return self._apply(step, case, {})

    def case(self, ticket: Ticket, actor: Actor, values: Mapping[str, Any], *, now_ns: int, sensed: bool) -> Case:
        """Return the input of the guards. sensed: whether the proof reads the store; a closing alone needs that."""
        known = persons(self._connection, taking_part([ticket], actor))
        danger = self.dangers.find(ticket.danger)
        proof = self.proof(danger, ticket, now_ns=now_ns, sensed=sensed)
        return Case(ticket, danger, actor, proof, values, known, now_ns)

    def shown(self, danger: Danger) -> Proof:
        """Return the part of a danger's proof that its hazards alone show."""
        return seen(hazards_of(self._connection, danger.id))

    def proof(self, danger: Danger, ticket: Ticket, *, now_ns: int, sensed: bool = True) -> Proof:
        """Return the proof of a ticket's danger at a time.

        A test and a photo count from the opening of the ticket, or from its last reopening: those of a former repair
        prove nothing.
        """
        evidence, readings = hazards_of(self._connection, danger.id), self._readings if sensed else None
        since_ns = self._begun_ns(ticket)
        return prove(self._connection, danger, evidence, readings, since_ns=since_ns, now_ns=now_ns)

    def _begun_ns(self, ticket: Ticket) -> int:
        own = journal_table.c
        again = select(own.seq, own.body).where(own.subject == ticket.id, own.kind.in_(AGAIN))
        row = self._connection.execute(again.order_by(own.seq.desc()).limit(1)).first()
        return ticket.opened_ns if row is None else journal.entry(row.seq, row.body).at_ns

    def _apply(self, step: Step, case: Case, facts: Mapping[str, Any]) -> Ticket:
        ticket, actor = case.ticket, case.actor.username
        moved = replace(ticket, state=step.target(ticket.state), version=ticket.version + 1)
        if step.action not in _BESIDE_PROPOSAL:
            moved = replace(moved, proposal=None)
        moved = replace(moved, **self._changes.of(case, step))
        self._cite(step, case)
        if step.action == "merge":
            self._merge(case)
        facts = {"from": ticket.state, "to": moved.state, "fields": case.fields, **facts}
        return self.writer.save(ticket, moved, f"ticket.{step.action}", actor, facts, now_ns=case.now_ns)

    def _propose(self, step: Step, case: Case, operation: str) -> Ticket:
        """Keep the step as the ticket's proposal, in place of an earlier one."""
        ticket, actor = case.ticket, case.actor.username
        proposal = Proposal(step.action, case.fields, actor, operation, case.now_ns)
        moved = replace(ticket, proposal=proposal, version=ticket.version + 1)
        facts = {"from": ticket.state, "to": ticket.state, "fields": {"action": step.action, **case.fields}}
        return self.writer.save(ticket, moved, "ticket.propose", actor, facts, now_ns=case.now_ns)

    def _cite(self, step: Step, case: Case) -> None:
        """Change the clauses of the danger: a major one cites a clause, a dismissed candidate none."""
        if step.action == "dismiss_candidate":
            self.dangers.cite(case.danger, (), case.actor.username, case.now_ns)
        elif step.action == "declare_major" and (clause := case.fields.get("clause")):
            if clause not in (known := guide.clauses(self._connection)):
                raise Invalid({"clause": f"one of {', '.join(known)}"}, zh={"clause": f"没有条款 {clause!r}"})
            if clause not in case.danger.clauses:
                self.dangers.cite(case.danger, (*case.danger.clauses, clause), case.actor.username, case.now_ns)

    def _merge(self, case: Case) -> None:
        wanted = str(case.fields["into"])
        same = (tickets.c.id == wanted) | (tickets.c.number == wanted)
        row = self._connection.execute(select(tickets).where(same, tickets.c.site == case.ticket.site)).first()
        if row is None or row.id == case.ticket.id or row.state in FINAL:
            raise Invalid(
                {"into": "id or number of another open ticket of this site"}, zh={"into": "本校另一张未结工单的编号"}
            )
        ticket, into, actor = case.ticket, rows.record(Ticket, row), case.actor.username
        self.dangers.merge(case.danger, self.dangers.find(into.danger), actor, case.now_ns)
        danger = self.dangers.find(into.danger)
        self.regraded(danger, into, ticket.grade, actor, due_ns=ticket.due_ns, now_ns=case.now_ns)

    def find(self, ticket_id: str, actor: Actor) -> Ticket:
        """Return the ticket. Raises NotFound, also for a site outside the actor's scope."""
        row = self._connection.execute(select(tickets).where(tickets.c.id == ticket_id)).first()
        if row is None or not actor.sees(row.site):
            raise NotFound("ticket", ticket_id)
        return rows.record(Ticket, row)


AGAIN = ("ticket.relapsed", "ticket.reopen")
"""Kinds of the journal entries that begin the rectification again."""
DONE = tuple(FINAL | {"observing"})
_BESIDE_PROPOSAL = frozenset(("comment", "supervise", "answer", "return_answer", "lift", "report", "resume"))
"""Actions that leave the ticket's proposal as it is."""
