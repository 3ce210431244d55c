"""Entry point of the alert service for detections and user actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine

from detectors import DetectionBatch
from ingest import Catalog, Priority

from .alarm_discipline import AlarmDiscipline
from .cameras.cameras import Cameras
from .dangers.place_codes import PlaceCodes
from .dangers.proof import Proof, Readings
from .dangers.queries import DangerQueries
from .database import journal
from .database.commits import Commits
from .database.deferred_audit import DeferredAudit, Note
from .database.engine import ALARM_LOCK_WAIT_MS
from .database.idempotency import IdempotencyKeys
from .database.positions import advance, rows_done, set_back
from .documents.archives import YearArchives
from .documents.sources import Sources
from .drills.drills import Drills
from .drills.planned import PlannedDrills
from .emergency_orders.order_notices import OrderNotices
from .emergency_orders.orders import EmergencyOrders
from .emergency_orders.receipts import OrderReceipts
from .errors import NotFound
from .escalations.assembly import EscalationParts
from .handover.handovers import Handovers
from .hazards import steps
from .hazards.bindings import Bindings, assigned, ignored_sensors, passed_over
from .hazards.comments import HazardComments
from .hazards.decommissioned import ends
from .hazards.findings import Observation, observations
from .hazards.lifecycle import HazardLifecycle
from .hazards.renames import follow
from .inspections.assembly import InspectionParts
from .model import Hazard, Ticket
from .notices.channels.contract import Channel
from .notices.watchdog import queue_alarm, real_rows
from .notices.writer import NoticeWriter
from .people.access import Actor, require
from .plans.plans import Plans
from .posts.posts import Posts
from .queries import Queries
from .register.live import LiveGrades
from .register.store import Register
from .risk.registry import Registry
from .sensor_tests.sensor_tests import SensorTests
from .supervision.schools import Supervision
from .tickets.intake import Intake
from .tickets.ticket_tests import TicketTests
from .tickets.tickets import Tickets
from .tickets.timed import Closings, close, timed_changes
from .training.training import Training

_Bindings = tuple[Mapping[tuple[str, str], str], Mapping[tuple[str, str], str]]  # places, ignored sensors
ENDS_EVERY_NS = SLOW_EVERY_NS = 60_000_000_000
ROWS_PER_TRANSACTION, TRANSACTION_S = 32, 0.1
"""Detections of a transaction at most, and its aimed duration before the commit; other writers run between two."""
PAUSE_SHARE = 0.25
"""Pause of the ordinary lane after a transaction, as a share of its duration: for writers of other processes."""


class AlertDispatch:
    """Applies detections and user actions to the database. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        clock: Callable[[], int],
        *,
        channels: Sequence[Channel] = (),
        escalating: EscalationParts | None = None,
    ) -> None:
        """escalating: rosters and escalations with their own settings; by default those of the channels.

        The attribute `readings` is set once the store is open: before, a proof checks no condition on readings.
        """
        self.engine, self.registry, self.clock = engine, registry, clock
        self._alarm_engine = engine.execution_options(lock_wait_ms=ALARM_LOCK_WAIT_MS)
        self._channels, self._ordinary_engine = tuple(channels), self._alarm_engine.execution_options(ordinary=True)
        self._closings, self._ended_ns, self._slow_ns = Closings(), 0, 0
        self.readings: Readings | None = None
        self.place_codes, self.hazard_comments = PlaceCodes(engine), HazardComments(engine, clock)
        self.intake = Intake(engine, registry, clock, self._ticketing, codes=self.place_codes)
        self.sensor_tests = SensorTests(self._ordinary_engine, clock, lambda: self.readings)
        self.ticket_tests = TicketTests(engine, registry, self.sensor_tests, self._ticketing)
        self.danger_queries, self.queries, self.commits = DangerQueries(engine), Queries(engine), Commits(engine)
        self.idempotency_keys, self.deferred_audit = IdempotencyKeys(engine, clock), DeferredAudit(self._alarm_engine)
        self.plans, self.bindings = Plans(engine, registry, clock), Bindings(engine, registry, clock)
        self.escalating = escalating or EscalationParts.of(engine, registry, clock, channels)
        duty = (router := self.escalating.started.router).duty
        self.acknowledgements = OrderReceipts(engine, self.escalating.acknowledgements, duty, clock)
        self.handovers, self.cameras = Handovers(engine, registry, clock), Cameras(engine, clock)
        self.training = Training(engine, rosters := self.escalating.rosters, clock)
        self.register, self.live_grades = Register(engine, registry, clock), LiveGrades(engine, clock, self.training)
        self.posts = Posts(engine, clock, (rosters, self.training), self._ticketing, registry)
        self.papers = Sources(engine, registry, clock, register=self.register, rosters=rosters)
        self.year_archives = YearArchives(engine, registry, clock, self.papers)
        used = self.register, self.live_grades, self.intake, self.place_codes
        self.inspections = InspectionParts(engine, registry, clock, used, self._accept)
        self.emergency_orders = EmergencyOrders(engine, registry, clock, OrderNotices(channels, registry, duty))
        accept, post, orders, answer = self._accept, self._post, self.emergency_orders, self._answered
        self.discipline = AlarmDiscipline(self._alarm_engine, registry, clock, accept=accept, post=post, router=router)
        self.supervision = Supervision(engine, registry, clock, self.discipline.live_zones)
        self.drills = Drills(engine, registry, clock, accept=accept, acknowledge=answer, orders=orders, router=router)
        self.drill_plans = PlannedDrills(engine, registry, clock, drills=self.drills, router=router)

    def cursor(self, lane: Priority = Priority.ORDINARY) -> int:
        """Return the highest position of this lane of the detection log that is applied completely."""
        return self.queries.cursor(lane)

    def rewind(self, lane: Priority, position: int) -> None:
        """Set the position of a lane back to the end of a log that was lost or restored; audited."""
        with self._alarm_engine.begin() as connection:
            before = self.queries.cursor(lane)
            set_back(connection, lane, position)
            facts = {"lane": lane.name.lower(), "before": before, "after": position}
            journal.append(
                connection,
                at_ns=self.clock(),
                actor="system",
                kind="service.rewound",
                site="",
                subject="detections",
                facts=facts,
            )

    def apply(
        self, detections: DetectionBatch, catalog: Catalog, *, cursor: int, lane: Priority = Priority.ORDINARY
    ) -> int:
        """Apply the detections of log position `cursor` and return their number; positions come in order.

        Hazards, tickets, notices and the position commit together, a few rows at a time. People, timers, deliveries
        and the urgent lane write between two transactions of a storm. A position that is applied already changes
        nothing.
        """
        ordinary = lane is Priority.ORDINARY
        engine = self._ordinary_engine if ordinary else self._alarm_engine
        applied, at_once = 0, ROWS_PER_TRANSACTION
        bindings: _Bindings | None = None
        while True:
            with engine.begin() as connection:
                begun_s, begin = time.monotonic(), rows_done(connection, lane, cursor)
                if begin is None:
                    return applied
                rows = range(begin, min(begin + at_once, len(detections)))
                real, beats = real_rows(detections, rows)
                if beats:
                    queue_alarm(connection, self.clock())
                seen, bindings = self._observed(connection, detections, catalog, real, bindings)
                self._accept(connection, seen)
                whole = rows.stop >= len(detections)
                advance(connection, lane, cursor, rows=rows.stop, whole=whole)
                worked_s = time.monotonic() - begun_s
            applied += len(rows)
            if whole:
                return applied
            at_once = max(1, min(ROWS_PER_TRANSACTION, int(len(rows) * TRANSACTION_S / worked_s)))
            if ordinary:
                time.sleep(PAUSE_SHARE * (time.monotonic() - begun_s))

    def _observed(
        self,
        connection: Connection,
        detections: DetectionBatch,
        catalog: Catalog,
        rows: Sequence[int],
        bindings: _Bindings | None,
    ) -> tuple[list[Observation], _Bindings]:
        """Return the observations of these rows, under the names of the sensors in the database, and the bindings."""
        sites = {catalog[code].site for code in {*detections.sensor.tolist()}}
        while True:
            number, now_ns = catalog.renamed, self.clock()
            if follow(connection, catalog, now_ns) or bindings is None:
                bindings = assigned(connection, sites), ignored_sensors(connection, sites)
            places, foreign = bindings
            seen = observations(detections, catalog, self.registry, assigned=places, now_ns=now_ns, rows=rows)
            found = [one for one in seen if not passed_over(one, foreign)]
            if catalog.renamed == number:  # the intake renames sensors in its own thread
                return found, bindings

    def _accept(self, connection: Connection, seen: Sequence[Observation]) -> None:
        post = self._post(connection)
        ticketing = Tickets(connection, self.registry, post, self.readings)
        HazardLifecycle(connection, ticketing, post, self.registry).accept_all(seen)

    def tick(self, now_ns: int, catalog: Catalog | None = None, *, closings: bool = True) -> None:
        """Apply deadlines and renamings; end findings of decommissioned devices once a minute.

        Also starts planned drills, stores orders sent from memory and deferred audit entries. closings: `close_proved`.
        """
        self.emergency_orders.settle()
        self.deferred_audit.settle()
        with self._alarm_engine.begin() as connection:
            if catalog is not None:
                follow(connection, catalog, now_ns)
                if abs(now_ns - self._ended_ns) >= ENDS_EVERY_NS:
                    self._ended_ns = now_ns
                    self._accept(connection, [*ends(connection, catalog, assigned(connection), now_ns)])
            slow = self.readings is None or abs(now_ns - self._slow_ns) >= SLOW_EVERY_NS
            timed_changes(connection, self._ticketing(connection), now_ns=now_ns, slow=slow)
        self.discipline.tick(now_ns, catalog)
        self.drill_plans.settle(now_ns)
        if slow:
            self._slow_ns = now_ns
            with self._alarm_engine.begin() as connection:  # a fault of live grading must not undo the deadlines
                self.live_grades.settle(connection, now_ns)
            self.inspections.settle(now_ns)
        if closings:
            self.close_proved(now_ns)

    def close_proved(self, now_ns: int) -> None:
        """Store the results of sensor tests; close observed tickets whose danger is proved to have ended.

        The proofs read the store, which may take seconds, before the write transaction: no alarm waits for them.
        """
        self.sensor_tests.settle(now_ns)
        self.discipline.cover(now_ns, self.readings)
        with self.engine.execution_options(writes=False).connect() as connection:
            proved = self._closings.proved(connection, self._ticketing(connection), now_ns=now_ns)
        if proved:
            with self._ordinary_engine.begin() as connection:
                without = Tickets(connection, self.registry, self._post(connection))
                close(connection, without, proved, now_ns=now_ns)

    def act(self, ticket_id: str, action: str, actor: Actor, fields: Mapping[str, Any], *, version: int) -> Ticket:
        """Apply one step of the closed loop by a person. Raises the errors of `Tickets.act`."""
        with self.engine.begin() as connection:
            return self._ticketing(connection).act(
                ticket_id, action, actor, fields, version=version, now_ns=self.clock()
            )

    def proof(self, ticket: Ticket, actor: Actor) -> Proof:
        """Return the proof of a ticket's danger, now. Raises NotFound for a ticket out of scope."""
        with self.engine.execution_options(writes=False).connect() as connection:
            ticketing = self._ticketing(connection)
            present = ticketing.find(ticket.id, actor)
            return ticketing.proof(ticketing.dangers.find(present.danger), present, now_ns=self.clock())

    def acknowledge(self, hazard_id: str, actor: Actor, *, undo: bool = False) -> Hazard:
        """Acknowledge the hazard, or undo that. Raises NotFound and Forbidden.

        An acknowledgement stops the escalation. The holder renews its time by another one.
        """
        require(actor, "acknowledge")
        with self.engine.begin() as connection:
            return self._answered(connection, hazard_id, actor, undo=undo)

    def acknowledge_all(self, hazard_ids: Sequence[str], actor: Actor) -> list[Hazard]:
        """Acknowledge several hazards, all or none. Raises NotFound and Forbidden."""
        require(actor, "acknowledge")
        with self.engine.begin() as connection:
            return [self._answered(connection, one, actor) for one in hazard_ids]

    def step(self, hazard_id: str, name: str, actor: Actor) -> Hazard:
        """Record a step of an alarm's checklist, and acknowledge it. Raises NotFound and Forbidden."""
        require(actor, "acknowledge")
        with self.engine.begin() as connection:
            hazard = self._answered(connection, hazard_id, actor)
            steps.record(connection, hazard, name, actor, now_ns=self.clock())
            self.escalating.taking.confirm(connection, hazard.id)
            return hazard

    def _answered(self, connection: Connection, hazard_id: str, actor: Actor, *, undo: bool = False) -> Hazard:
        taking = self.escalating.taking
        hazard = taking.hazard(connection, hazard_id)
        if not actor.sees(hazard.site):
            raise NotFound("hazard", hazard_id)
        if not undo:
            return taking.take(connection, hazard, self.escalating.by_account(connection, actor, hazard.site))
        if hazard.acknowledged_by is None:
            return hazard
        return taking.release(connection, hazard, actor=actor.username, kind="hazard.unacknowledged")

    def note(self, kind: str, actor: str, *, site: str, subject: str, facts: Mapping[str, Any]) -> None:
        """Write an audit entry: a sign-in, an export, a change of an account. See `DeferredAudit`."""
        self.deferred_audit.write(Note(self.clock(), kind, actor, site, subject, facts))

    def tip(self) -> tuple[int, str]:
        """Return sequence number and digest of the last journal entry."""
        return self.queries.tip()

    def verify(self, heads: Iterable[tuple[int, str]] = ()) -> journal.AuditReport:
        """Verify the whole journal; see `journal.verify`."""
        return journal.verify(self.engine, heads=heads)

    def _ticketing(self, connection: Connection) -> Tickets:
        return Tickets(connection, self.registry, self._post(connection), self.readings)

    def _post(self, connection: Connection) -> NoticeWriter:
        return NoticeWriter(connection, self._channels, self.registry, pager=self.escalating.started)
