"""Read access to the alert database, cut to the sites that the actor may see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Engine, Select, String, Table, case, cast, func, select
from sqlalchemy.exc import SQLAlchemyError

from detectors import WATCHDOG
from ingest import Priority

from .alarm_load import annunciations
from .database import journal, rows
from .database.journal import Event
from .database.keyset import Page
from .database.positions import position
from .database.schema import ENDED, cursors, findings, hazards, notices, standing, tickets
from .database.schema import journal as journal_table
from .errors import NotFound
from .hazards import bindings, course
from .hazards.minimised import shown_hazards
from .model import Finding, Hazard, Notice, RuleCount, Ticket
from .notices.channels.routes import SUPERVISION
from .notices.writer import CONSOLE
from .orders import AUDIT_ORDER, FINDING_ORDER, HAZARD_ORDER, NOTICE_ORDER, TICKET_ORDER
from .people.access import Actor, minimised, require
from .people.persons import persons, taking_part
from .risk.causes import causes, off_wall
from .tickets.links import TicketLink, links_of
from .tickets.loop import FINAL

Record = TypeVar("Record", Finding, Hazard, Ticket, Notice)
Conditions = Sequence[ColumnElement[bool]]
FINDINGS_OF_HAZARD_MAX = 200
"""Newest findings of one hazard that a list or a page shows."""

DEVICE_FAULT = "sensor_health"
"""Cause of the faults of a device itself."""


class Queries:
    """Reads. Each method opens one short read transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(writes=False)

    def cursor(self, lane: Priority) -> int:
        """Return the position in the detection log up to which the lane's entries are applied, 0 at the start."""
        with self._engine.connect() as connection:
            return position(connection, lane)

    def hazards(
        self, actor: Actor, *, site: str | None, active: bool | None, page: Page, kind: str | None = None
    ) -> list[Hazard]:
        """Return hazards in HAZARD_ORDER. active: True for those that still require a person, False for the others.

        kind: only this one. Without it, those that require a person are those of the wall.
        """
        query = self._scoped(hazards, actor, site)
        if kind is not None:
            query = query.where(hazards.c.kind == kind)
        elif active:
            query = query.where(hazards.c.kind.not_in(sorted(off_wall())))
        if active is not None:
            # a cleared hazard that nobody acknowledged still requires a person
            query = query.where(standing < ENDED if active else standing == ENDED)
        return shown_hazards(self._records(Hazard, HAZARD_ORDER.page(query, page)), actor)

    def hazard(self, hazard_id: str, actor: Actor) -> Hazard:
        """Return one hazard. Raises NotFound."""
        return self._one(Hazard, hazards, hazard_id, actor)

    def hazards_by_id(self, hazard_ids: Sequence[str], actor: Actor) -> dict[str, Hazard]:
        """Return hazards by id; those out of scope are missing."""
        query = self._scoped(hazards, actor, None).where(hazards.c.id.in_(hazard_ids))
        return {hazard.id: hazard for hazard in shown_hazards(self._records(Hazard, query), actor)}

    def findings(
        self,
        actor: Actor,
        *,
        site: str | None,
        hazard: str | None,
        page: Page,
        sensor: str | None = None,
        rule: str | None = None,
    ) -> list[Finding]:
        """Return detections, the newest first. hazard, sensor, rule: only those of this one."""
        query = self._scoped(findings, actor, site)
        for column, wanted in ((findings.c.hazard, hazard), (findings.c.sensor, sensor), (findings.c.rule, rule)):
            if wanted is not None:
                query = query.where(column == wanted)
        return self._records(Finding, FINDING_ORDER.page(query, page))

    def rule_counts(self, actor: Actor, *, site: str | None, since_ns: int) -> dict[str, RuleCount]:
        """Return the counts of detections without drills, by rule."""
        column = findings.c
        recent = func.sum(case((column.decided_ns >= since_ns, 1), else_=0))
        active = func.sum(case((column.active, 1), else_=0))
        query = self._scoped(findings, actor, site).where(~column.drill).group_by(column.rule)
        query = query.with_only_columns(column.rule, func.count(), recent, active, func.max(column.decided_ns))
        with self._engine.connect() as connection:
            return {rule: RuleCount(*map(int, counts)) for rule, *counts in connection.execute(query)}

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

    def predicting(self, hazard_ids: Sequence[str]) -> dict[str, Finding]:
        """Return the newest active finding with a forecast of each hazard. The caller has checked their scope."""
        stated = cast(findings.c.evidence, String).like('%"forecast"%')
        query = select(findings).where(findings.c.hazard.in_(hazard_ids), findings.c.active, stated)
        return {finding.hazard: finding for finding in self._records(Finding, query.order_by(findings.c.decided_ns))}

    def tickets(
        self, actor: Actor, *, site: str | None, state: str | None, grade: int | None, page: Page, only: Conditions = ()
    ) -> list[Ticket]:
        """Return tickets, the newest first. only: further conditions, see `tickets.worklist`."""
        query = self._scoped(tickets, actor, site)
        if state is not None:
            query = query.where(tickets.c.state == state)
        if grade is not None:
            query = query.where(tickets.c.grade == grade)
        return self._records(Ticket, TICKET_ORDER.page(query.where(*only), page))

    def ticket(self, ticket_id: str, actor: Actor) -> Ticket:
        """Return one ticket. Raises NotFound."""
        return self._one(Ticket, tickets, ticket_id, actor)

    def persons(self, rows: Sequence[Ticket], actor: Actor) -> dict[str, str]:
        """Return the person of each account that takes part in these tickets, and of the actor's."""
        with self._engine.connect() as connection:
            return persons(connection, taking_part(rows, actor))

    def tickets_of(self, hazard_ids: Sequence[str]) -> dict[str, TicketLink]:
        """Return the ticket of each hazard that has one. The caller has checked the scope of the hazards."""
        with self._engine.connect() as connection:
            return links_of(connection, hazard_ids)

    def notices(self, actor: Actor, *, site: str | None, page: Page) -> list[Notice]:
        """Return notices, the newest first; for a bureau those of supervision orders. Raises Forbidden."""
        require(actor, "see_notices")
        shown = self._scoped(notices, actor, site).where(notices.c.channel != WATCHDOG)
        if minimised(actor):
            shown = shown.where(notices.c.type.in_(sorted(SUPERVISION)), notices.c.channel == CONSOLE)
        return self._records(Notice, NOTICE_ORDER.page(shown, page))

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

    def annunciations_since(self, actor: Actor, *, site: str, since_ns: int) -> int:
        """Return the number of pages of a site since a time. Raises NotFound for a site out of scope."""
        if not actor.sees(site):
            raise NotFound("site", site)
        with self._engine.connect() as connection:
            return annunciations.count(connection, site=site, since_ns=since_ns)

    def alarm_record(self, actor: Actor, *, site: str, since_ns: int, until_ns: int) -> annunciations.Record:
        """Return the pages of a site within a span of time. Raises NotFound for a site out of scope."""
        if not actor.sees(site):
            raise NotFound("site", site)
        with self._engine.connect() as connection:
            return annunciations.record(connection, site=site, since_ns=since_ns, until_ns=until_ns)

    def tip(self) -> tuple[int, str]:
        """Return seq and digest of the journal's last entry."""
        with self._engine.connect() as connection:
            return journal.tip(connection)

    def head(self) -> int:
        """Return the seq of the journal's last entry."""
        with self._engine.connect() as connection:
            return journal.head(connection)

    def open_hazards(
        self, actor: Actor, *, site: str | None, at_ns: int | None, sites: Collection[str] | None = None
    ) -> list[Hazard]:
        """Return the hazards open at a time (None: now) with their grade of then, without drills. sites: only these."""
        query = self._scoped(hazards, actor, site).where(~hazards.c.drill)
        if sites is not None:
            query = query.where(hazards.c.site.in_(sorted(sites)))
        if at_ns is None:
            return shown_hazards(self._records(Hazard, query.where(hazards.c.active)), actor)
        # by findings and journal: the hazard row holds only the present state
        until = findings.c.cleared_ns.is_(None) | (findings.c.cleared_ns > at_ns)
        then = select(findings.c.hazard).where(findings.c.first_ns <= at_ns, until)
        found = shown_hazards(self._records(Hazard, query.where(hazards.c.id.in_(then))), actor)
        with self._engine.connect() as connection:
            entries = journal.read_all(connection, [hazard.id for hazard in found])
            return [course.as_of(hazard, entries[hazard.id], at_ns) for hazard in found]

    def assigned(self, sites: Collection[str] | None = None) -> dict[tuple[str, str], str]:
        """Return (site, sensor) -> place, as assigned by people. sites: only these."""
        with self._engine.connect() as connection:
            return bindings.assigned(connection, sites)

    def ignored(self, sites: Collection[str] | None = None) -> dict[tuple[str, str], str]:
        """Return (site, sensor) -> reason, for sensors that people ignore. sites: only these."""
        with self._engine.connect() as connection:
            return bindings.ignored_sensors(connection, sites)

    def active_sensors(self, sites: Collection[str]) -> dict[tuple[str, str], tuple[str, bool]]:
        """Return (site, sensor) -> kind and drill of its active finding: a danger, else a drill, else a device fault.

        Of several, the one with the highest level.
        """
        columns = (findings.c.site, findings.c.sensor, findings.c.kind, findings.c.drill, findings.c.level)
        with self._engine.connect() as connection:
            near = findings.c.site.in_(sorted(sites))
            found = connection.execute(select(*columns).where(findings.c.active, near)).all()
        ranked = sorted(found, key=lambda row: (_prominence(row.kind, drill=row.drill), row.level))
        return {(row.site, row.sensor): (row.kind, row.drill) for row in ranked}

    def battery_ends(self, sites: Collection[str]) -> dict[tuple[str, str], Finding]:
        """Return (site, sensor) -> the active finding that predicts the end of its battery."""
        query = select(findings).where(findings.c.active, ~findings.c.drill, findings.c.detector == "battery")
        query = query.where(findings.c.site.in_(sorted(sites)))
        return {(finding.site, finding.sensor): finding for finding in self._records(Finding, query)}

    def counts(self) -> dict[str, int]:
        """Return the numbers of active hazards without drills and of open tickets, for the metrics."""
        open_hazards = select(func.count()).select_from(hazards).where(hazards.c.active, ~hazards.c.drill)
        open_tickets = select(func.count()).select_from(tickets).where(~tickets.c.state.in_(FINAL))
        with self._engine.connect() as connection:
            counted = {"hazards": open_hazards, "tickets": open_tickets}
            return {name: int(connection.scalar(query) or 0) for name, query in counted.items()}

    def ready(self) -> bool:
        """Return whether the database responds."""
        with suppress(SQLAlchemyError), self._engine.connect() as connection:  # an error would stop the process
            return connection.scalar(select(func.count()).select_from(cursors)) is not None
        return False

    def _scoped(self, table: Table, actor: Actor, site: str | None) -> Select[Any]:
        """Return a query on the table, cut to the actor's sites. Every list passes here."""
        require(actor, "see")
        query = select(table)
        scope: list[ColumnElement[bool]] = [] if actor.sites is None else [table.c.site.in_(actor.sites)]
        if site is not None:
            scope.append(table.c.site == site)
        return query.where(*scope)

    def _records(self, cls: type[Record], query: Select[Any]) -> list[Record]:
        with self._engine.connect() as connection:
            return rows.records(cls, connection.execute(query).all())

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


def _newest_ids(hazard_ids: Sequence[str]) -> Select[Any]:
    """Return a query for the ids of each hazard's newest findings."""
    order = (findings.c.decided_ns.desc(), findings.c.id)
    rank = func.row_number().over(partition_by=findings.c.hazard, order_by=order).label("rank")
    ranked = select(findings.c.id, rank).where(findings.c.hazard.in_(hazard_ids)).subquery()
    return select(ranked.c.id).where(ranked.c.rank <= FINDINGS_OF_HAZARD_MAX)
