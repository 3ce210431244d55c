"""What people and programs ask the alert service; every answer is cut to the sites that the asking person sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Engine, Select, Table, func, select

from ingest import Priority

from .database import journal, rows
from .database.journal import Event
from .database.positions import position
from .database.schema import cursors, findings, hazards, notices, tickets
from .database.schema import journal as journal_table
from .errors import NotFound
from .hazards import bindings
from .model import Finding, Hazard, Notice, Ticket
from .people.access import Actor, require

Record = TypeVar("Record", Finding, Hazard, Ticket, Notice)


@dataclass(frozen=True, slots=True)
class Page:
    """How much of a list is wanted: at most `limit` rows from `offset` on."""

    limit: int = 100
    offset: int = 0


class Queries:
    """Reads. Each opens a short read transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(writes=False)

    def cursor(self, lane: Priority) -> int:
        """The position of the detection log up to which that lane's entries are in, 0 at the beginning."""
        with self._engine.connect() as connection:
            return position(connection, lane)

    def hazards(self, actor: Actor, *, site: str | None, active: bool | None, page: Page) -> list[Hazard]:
        """Hazards, unacknowledged and grave ones first, then the newest."""
        order = (hazards.c.active.desc(), hazards.c.acknowledged_by.is_not(None), hazards.c.grade)
        query = self._scoped(hazards, actor, site).order_by(*order, hazards.c.opened_ns.desc())
        if active is not None:
            # what has returned but was not acknowledged still wants a person
            standing = hazards.c.active | hazards.c.acknowledged_by.is_(None)
            query = query.where(standing if active else ~standing)
        return self._records(Hazard, query, page)

    def hazard(self, hazard_id: str, actor: Actor) -> Hazard:
        """One hazard. Raises NotFound."""
        return self._one(Hazard, hazards, hazard_id, actor)

    def findings(
        self, actor: Actor, *, site: str | None, hazard: str | None, page: Page, sensor: str | None = None
    ) -> list[Finding]:
        """Detections, the newest first; of one hazard or sensor where given."""
        query = self._scoped(findings, actor, site).order_by(findings.c.decided_ns.desc(), findings.c.id)
        if hazard is not None:
            query = query.where(findings.c.hazard == hazard)
        if sensor is not None:
            query = query.where(findings.c.sensor == sensor)
        return self._records(Finding, query, page)

    def tickets(
        self, actor: Actor, *, site: str | None, state: str | None, grade: int | None, page: Page
    ) -> list[Ticket]:
        """Tickets, the newest first."""
        query = self._scoped(tickets, actor, site).order_by(tickets.c.opened_ns.desc(), tickets.c.number.desc())
        if state is not None:
            query = query.where(tickets.c.state == state)
        if grade is not None:
            query = query.where(tickets.c.grade == grade)
        return self._records(Ticket, query, page)

    def ticket(self, ticket_id: str, actor: Actor) -> Ticket:
        """One ticket. Raises NotFound."""
        return self._one(Ticket, tickets, ticket_id, actor)

    def tickets_of(self, hazard_ids: Sequence[str]) -> dict[str, Ticket]:
        """Hazard id -> its ticket, for hazards that the caller may see."""
        with self._engine.connect() as connection:
            found = connection.execute(select(tickets).where(tickets.c.hazard.in_(hazard_ids))).all()
        return {row.hazard: rows.record(Ticket, row) for row in found}

    def notices(self, actor: Actor, *, site: str | None, page: Page) -> list[Notice]:
        """Messages, the newest first."""
        require(actor, "see_notices")
        order = (notices.c.created_ns.desc(), notices.c.id)
        return self._records(Notice, self._scoped(notices, actor, site).order_by(*order), page)

    def history(self, subject: str) -> list[Event]:
        """Everything the journal tells of a subject, in order; the caller has asked for the subject itself first."""
        with self._engine.connect() as connection:
            return journal.read(connection, subject=subject)

    def audit(self, actor: Actor, *, before: int | None, limit: int) -> list[Event]:
        """The journal backwards, from before seq `before`; sites out of scope are left out."""
        require(actor, "see_audit")
        query = select(journal_table.c.seq).order_by(journal_table.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(journal_table.c.seq < before)
        if actor.sites is not None:
            query = query.where(journal_table.c.site.in_(actor.sites))
        with self._engine.connect() as connection:
            wanted = [row.seq for row in connection.execute(query)]
            return [journal.read(connection, after=seq - 1, limit=1)[0] for seq in wanted]

    def events(self, *, after: int, limit: int = 200) -> list[Event]:
        """The journal forwards, for the live stream, which cuts it to the listener's sites."""
        with self._engine.connect() as connection:
            return journal.read(connection, after=after, limit=limit)

    def tip(self) -> tuple[int, str]:
        """Seq and digest of the journal's last entry."""
        with self._engine.connect() as connection:
            return journal.tip(connection)

    def head(self) -> int:
        """Seq of the journal's last entry."""
        with self._engine.connect() as connection:
            return journal.head(connection)

    def open_grades(self, actor: Actor, *, site: str | None, at_ns: int | None) -> list[tuple[str, str, int, str]]:
        """(site, zone, grade, hazard id) of the hazards that were open at that moment (None: now); drills left out."""
        query = self._scoped(hazards, actor, site).where(~hazards.c.drill)
        if at_ns is None:
            query = query.where(hazards.c.active)
        else:
            # by its findings: a hazard may have cleared and come back since
            until = findings.c.cleared_ns.is_(None) | (findings.c.cleared_ns > at_ns)
            standing = select(findings.c.hazard).where(findings.c.first_ns <= at_ns, until)
            query = query.where(hazards.c.id.in_(standing))
        with self._engine.connect() as connection:
            return [(row.site, row.zone, row.grade, row.id) for row in connection.execute(query)]

    def assigned(self) -> dict[tuple[str, str], str]:
        """(site, sensor) -> place, as people bound them."""
        with self._engine.connect() as connection:
            return bindings.assigned(connection)

    def ignored(self) -> dict[tuple[str, str], str]:
        """(site, sensor) -> why people left it alone."""
        with self._engine.connect() as connection:
            return bindings.left_alone(connection)

    def active_sensors(self) -> dict[tuple[str, str], str]:
        """(site, sensor) -> kind of the gravest finding that is open on it."""
        query = select(findings.c.site, findings.c.sensor, findings.c.kind).where(findings.c.active)
        with self._engine.connect() as connection:
            return {(row.site, row.sensor): row.kind for row in connection.execute(query.order_by(findings.c.level))}

    def battery_ends(self) -> dict[tuple[str, str], Finding]:
        """(site, sensor) -> the open finding that tells when its battery ends."""
        query = select(findings).where(findings.c.active, ~findings.c.drill, findings.c.detector == "battery")
        with self._engine.connect() as connection:
            return {(row.site, row.sensor): rows.record(Finding, row) for row in connection.execute(query)}

    def counts(self) -> dict[str, int]:
        """How many hazards are open and tickets unfinished, for the metrics."""
        open_hazards = select(func.count()).select_from(hazards).where(hazards.c.active)
        unfinished = ~tickets.c.state.in_(("closed", "false_report"))
        open_tickets = select(func.count()).select_from(tickets).where(unfinished)
        with self._engine.connect() as connection:
            return {
                "hazards": int(connection.scalar(open_hazards) or 0),
                "tickets": int(connection.scalar(open_tickets) or 0),
            }

    def ready(self) -> bool:
        """Whether the database answers."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(cursors)) is not None

    def _scoped(self, table: Table, actor: Actor, site: str | None) -> Select[Any]:
        """The one place where a list is cut to the sites of the person."""
        require(actor, "see")
        query = select(table)
        scope: list[ColumnElement[bool]] = []
        if actor.sites is not None:
            scope.append(table.c.site.in_(actor.sites))
        if site is not None:
            scope.append(table.c.site == site)
        return query.where(*scope)

    def _records(self, cls: type[Record], query: Select[Any], page: Page) -> list[Record]:
        with self._engine.connect() as connection:
            found = connection.execute(query.limit(page.limit).offset(page.offset))
            return [rows.record(cls, row) for row in found]

    def _one(self, cls: type[Record], table: Table, identity: str, actor: Actor) -> Record:
        with self._engine.connect() as connection:
            row = connection.execute(self._scoped(table, actor, None).where(table.c.id == identity)).first()
        if row is None:
            raise NotFound(cls.__name__.lower(), identity)
        return rows.record(cls, row)
