"""Read access to the alert database, cut to the sites that the actor may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Engine, Select, Table, case, func, select

from ingest import Priority

from .database import journal, rows
from .database.journal import Event
from .database.keyset import Column, Order, Page
from .database.positions import position
from .database.schema import cursors, findings, hazards, notices, tickets
from .database.schema import journal as journal_table
from .errors import NotFound
from .hazards import bindings
from .model import Finding, Hazard, Notice, Ticket
from .people.access import Actor, require
from .people.persons import persons, taking_part
from .risk.causes import causes
from .risk.grading import Grade
from .tickets.loop import FINAL

Record = TypeVar("Record", Finding, Hazard, Ticket, Notice)
FINDINGS_OF_HAZARD_MAX = 200
"""Newest findings of one hazard that a list or a page shows."""

DEVICE_FAULT = "sensor_health"
"""Cause of the faults of a device itself."""

HAZARD_ORDER: Order[Hazard] = Order(
    "hazards",
    (
        Column(case((hazards.c.active, 0), else_=1), int),
        Column(case((hazards.c.acknowledged_by.is_(None), 0), else_=1), int),
        Column(hazards.c.grade, int),
        Column(hazards.c.opened_ns, int, descending=True),
        Column(hazards.c.id, str),
    ),
    lambda hazard: (
        int(not hazard.active),
        int(hazard.acknowledged_by is not None),
        int(hazard.grade),
        hazard.opened_ns,
        hazard.id,
    ),
)
"""Active before cleared, unacknowledged before acknowledged, then by grade, then the newest first."""

FINDING_ORDER: Order[Finding] = Order(
    "detections",
    (Column(findings.c.decided_ns, int, descending=True), Column(findings.c.id, str)),
    lambda finding: (finding.decided_ns, finding.id),
)
TICKET_ORDER: Order[Ticket] = Order(
    "tickets",
    (Column(tickets.c.opened_ns, int, descending=True), Column(tickets.c.number, str, descending=True)),
    lambda ticket: (ticket.opened_ns, ticket.number),
)
NOTICE_ORDER: Order[Notice] = Order(
    "notices",
    (Column(notices.c.created_ns, int, descending=True), Column(notices.c.id, str)),
    lambda notice: (notice.created_ns, notice.id),
)
AUDIT_ORDER: Order[Event] = Order(
    "audit", (Column(journal_table.c.seq, int, descending=True),), lambda event: (event.seq,)
)


class Queries:
    """Reads. Each method opens one short read transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(writes=False)

    def cursor(self, lane: Priority) -> int:
        """Return the position in the detection log up to which the lane's entries are applied, 0 at the start."""
        with self._engine.connect() as connection:
            return position(connection, lane)

    def hazards(self, actor: Actor, *, site: str | None, active: bool | None, page: Page) -> list[Hazard]:
        """Return hazards in HAZARD_ORDER. active: True for those that still require a person, False for the others."""
        query = self._scoped(hazards, actor, site)
        if active is not None:
            # a cleared hazard that nobody acknowledged still requires a person
            standing = hazards.c.active | hazards.c.acknowledged_by.is_(None)
            query = query.where(standing if active else ~standing)
        return self._records(Hazard, HAZARD_ORDER.page(query, page))

    def hazard(self, hazard_id: str, actor: Actor) -> Hazard:
        """Return one hazard. Raises NotFound."""
        return self._one(Hazard, hazards, hazard_id, actor)

    def hazards_by_id(self, hazard_ids: Sequence[str], actor: Actor) -> dict[str, Hazard]:
        """Return hazards by id; those out of scope are missing."""
        query = self._scoped(hazards, actor, None).where(hazards.c.id.in_(hazard_ids))
        return {hazard.id: hazard for hazard in self._records(Hazard, query)}

    def findings(
        self, actor: Actor, *, site: str | None, hazard: str | None, page: Page, sensor: str | None = None
    ) -> list[Finding]:
        """Return detections, the newest first. hazard, sensor: only those of one hazard or sensor."""
        query = self._scoped(findings, actor, site)
        if hazard is not None:
            query = query.where(findings.c.hazard == hazard)
        if sensor is not None:
            query = query.where(findings.c.sensor == sensor)
        return self._records(Finding, FINDING_ORDER.page(query, page))

    def findings_of(self, hazard_ids: Sequence[str], actor: Actor) -> dict[str, list[Finding]]:
        """Return the newest findings of each hazard, at most FINDINGS_OF_HAZARD_MAX each, the newest first."""
        found: dict[str, list[Finding]] = {hazard_id: [] for hazard_id in hazard_ids}
        query = self._scoped(findings, actor, None).where(findings.c.id.in_(_newest_ids(hazard_ids)))
        for finding in self._records(Finding, query.order_by(findings.c.decided_ns.desc(), findings.c.id)):
            found[finding.hazard].append(finding)
        return found

    def sensors_of(self, hazard_ids: Sequence[str], actor: Actor) -> dict[str, list[tuple[str, str]]]:
        """Return the (sensor, metric) pairs of each hazard's newest findings, sorted."""
        columns = (findings.c.hazard, findings.c.sensor, findings.c.metric)
        query = self._scoped(findings, actor, None).where(findings.c.id.in_(_newest_ids(hazard_ids)))
        found: dict[str, list[tuple[str, str]]] = {hazard_id: [] for hazard_id in hazard_ids}
        with self._engine.connect() as connection:
            for row in connection.execute(query.with_only_columns(*columns).distinct()):
                found[row.hazard].append((row.sensor, row.metric))
        return {hazard_id: sorted(pairs) for hazard_id, pairs in found.items()}

    def tickets(
        self, actor: Actor, *, site: str | None, state: str | None, grade: int | None, page: Page
    ) -> list[Ticket]:
        """Return tickets, the newest first."""
        query = self._scoped(tickets, actor, site)
        if state is not None:
            query = query.where(tickets.c.state == state)
        if grade is not None:
            query = query.where(tickets.c.grade == grade)
        return self._records(Ticket, TICKET_ORDER.page(query, page))

    def ticket(self, ticket_id: str, actor: Actor) -> Ticket:
        """Return one ticket. Raises NotFound."""
        return self._one(Ticket, tickets, ticket_id, actor)

    def persons(self, rows: Sequence[Ticket], actor: Actor) -> dict[str, str]:
        """Return the person of each account that takes part in these tickets, and of the actor's."""
        with self._engine.connect() as connection:
            return persons(connection, taking_part(rows, actor))

    def tickets_of(self, hazard_ids: Sequence[str]) -> dict[str, Ticket]:
        """Return the ticket of each hazard that has one. The caller has checked the scope of the hazards."""
        query = select(tickets).where(tickets.c.hazard.in_(hazard_ids))
        return {ticket.hazard: ticket for ticket in self._records(Ticket, query)}

    def notices(self, actor: Actor, *, site: str | None, page: Page) -> list[Notice]:
        """Return notices, the newest first. Raises Forbidden."""
        require(actor, "see_notices")
        return self._records(Notice, NOTICE_ORDER.page(self._scoped(notices, actor, site), page))

    def history(self, subject: str) -> list[Event]:
        """Return the journal entries of one subject, in order. The caller has checked the scope of the subject."""
        with self._engine.connect() as connection:
            return journal.read(connection, subject=subject)

    def audit(self, actor: Actor, *, page: Page) -> list[Event]:
        """Return journal entries of the actor's sites, the newest first. Raises Forbidden."""
        require(actor, "see_audit")
        query = select(journal_table.c.seq, journal_table.c.body)
        if actor.sites is not None:
            query = query.where(journal_table.c.site.in_(actor.sites))
        with self._engine.connect() as connection:
            return [journal.entry(row.seq, row.body) for row in connection.execute(AUDIT_ORDER.page(query, page))]

    def events(self, *, after: int, limit: int = 200) -> list[Event]:
        """Return journal entries behind seq `after`, in order, of all sites: the live stream filters them."""
        with self._engine.connect() as connection:
            return journal.read(connection, after=after, limit=limit)

    def tip(self) -> tuple[int, str]:
        """Return seq and digest of the journal's last entry."""
        with self._engine.connect() as connection:
            return journal.tip(connection)

    def head(self) -> int:
        """Return the seq of the journal's last entry."""
        with self._engine.connect() as connection:
            return journal.head(connection)

    def open_hazards(self, actor: Actor, *, site: str | None, at_ns: int | None) -> list[Hazard]:
        """Return the hazards open at a time (None: now) with their grade of that time, without drills."""
        query = self._scoped(hazards, actor, site).where(~hazards.c.drill)
        if at_ns is None:
            return self._records(Hazard, query.where(hazards.c.active))
        # by findings and journal: the hazard row holds only the present state
        until = findings.c.cleared_ns.is_(None) | (findings.c.cleared_ns > at_ns)
        standing = select(findings.c.hazard).where(findings.c.first_ns <= at_ns, until)
        found = self._records(Hazard, query.where(hazards.c.id.in_(standing)))
        with self._engine.connect() as connection:
            return [_as_of(hazard, journal.read(connection, subject=hazard.id), at_ns) for hazard in found]

    def assigned(self) -> dict[tuple[str, str], str]:
        """Return (site, sensor) -> place, as assigned by people."""
        with self._engine.connect() as connection:
            return bindings.assigned(connection)

    def ignored(self) -> dict[tuple[str, str], str]:
        """Return (site, sensor) -> reason, for sensors that people ignore."""
        with self._engine.connect() as connection:
            return bindings.ignored_sensors(connection)

    def active_sensors(self) -> dict[tuple[str, str], tuple[str, bool]]:
        """Return (site, sensor) -> kind and drill of its active finding: a danger, else a drill, else a device fault.

        Of several, the one with the highest level.
        """
        columns = (findings.c.site, findings.c.sensor, findings.c.kind, findings.c.drill, findings.c.level)
        with self._engine.connect() as connection:
            found = connection.execute(select(*columns).where(findings.c.active)).all()
        ranked = sorted(found, key=lambda row: (_prominence(row.kind, drill=row.drill), row.level))
        return {(row.site, row.sensor): (row.kind, row.drill) for row in ranked}

    def battery_ends(self) -> dict[tuple[str, str], Finding]:
        """Return (site, sensor) -> the active finding that predicts the end of its battery."""
        query = select(findings).where(findings.c.active, ~findings.c.drill, findings.c.detector == "battery")
        return {(finding.site, finding.sensor): finding for finding in self._records(Finding, query)}

    def counts(self) -> dict[str, int]:
        """Return the numbers of active hazards and of open tickets, for the metrics."""
        open_hazards = select(func.count()).select_from(hazards).where(hazards.c.active)
        unfinished = ~tickets.c.state.in_(FINAL)
        open_tickets = select(func.count()).select_from(tickets).where(unfinished)
        with self._engine.connect() as connection:
            return {
                "hazards": int(connection.scalar(open_hazards) or 0),
                "tickets": int(connection.scalar(open_tickets) or 0),
            }

    def ready(self) -> bool:
        """Return whether the database responds."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(cursors)) is not None

    def _scoped(self, table: Table, actor: Actor, site: str | None) -> Select[Any]:
        """Return a query on the table, cut to the actor's sites. Every list passes here."""
        require(actor, "see")
        query = select(table)
        scope: list[ColumnElement[bool]] = []
        if actor.sites is not None:
            scope.append(table.c.site.in_(actor.sites))
        if site is not None:
            scope.append(table.c.site == site)
        return query.where(*scope)

    def _records(self, cls: type[Record], query: Select[Any]) -> list[Record]:
        with self._engine.connect() as connection:
            return [rows.record(cls, row) for row in connection.execute(query)]

    def _one(self, cls: type[Record], table: Table, identity: str, actor: Actor) -> Record:
        found = self._records(cls, self._scoped(table, actor, None).where(table.c.id == identity))
        if not found:
            raise NotFound(cls.__name__.lower(), identity)
        return found[0]


def _prominence(kind: str, *, drill: bool) -> int:
    """Return the rank of a finding in the state of its sensor; the highest is shown."""
    if drill:
        return 1
    return 0 if causes()[kind].name == DEVICE_FAULT else 2


def _as_of(hazard: Hazard, history: Sequence[Event], at_ns: int) -> Hazard:
    """Return the hazard with the grade of its last detection up to a time; of its first one without any before."""
    graded = [event for event in history if "likelihood" in event.facts]
    until = [event for event in graded if int(event.facts.get("last_ns", event.facts["event_ns"])) <= at_ns]
    if not graded:
        return hazard
    return replace(hazard, grade=Grade[(until or graded[:1])[-1].facts["grade"].upper()])


def _newest_ids(hazard_ids: Sequence[str]) -> Select[Any]:
    """Return a query for the ids of each hazard's newest findings."""
    order = (findings.c.decided_ns.desc(), findings.c.id)
    rank = func.row_number().over(partition_by=findings.c.hazard, order_by=order).label("rank")
    ranked = select(findings.c.id, rank).where(findings.c.hazard.in_(hazard_ids)).subquery()
    return select(ranked.c.id).where(ranked.c.rank <= FINDINGS_OF_HAZARD_MAX)
