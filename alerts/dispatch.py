"""Entry point of the alert service for detections and user actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, select

from detectors import DetectionBatch, Phase
from ingest import Catalog, Priority

from .database import journal, rows
from .database.deferred_audit import DeferredAudit, Note
from .database.engine import ALARM_LOCK_WAIT_MS
from .database.idempotency import IdempotencyKeys
from .database.positions import advance, rows_done, set_back
from .database.schema import hazards
from .database.write_priority import WritePriority
from .errors import NotFound
from .hazards.bindings import Bindings, assigned, ignored_sensors
from .hazards.decommissioned import ends
from .hazards.findings import Observation, observations
from .hazards.lifecycle import HazardLifecycle
from .hazards.renames import follow
from .model import Hazard, Ticket
from .notices.channels.contract import Channel
from .notices.outbox import NoticeWriter
from .people.access import Actor, require
from .queries import Queries
from .risk.causes import causes
from .risk.registry import Registry
from .tickets.tickets import Tickets

_Bindings = tuple[Mapping[tuple[str, str], str], Mapping[tuple[str, str], str]]  # places, ignored sensors
ENDS_EVERY_NS = 60_000_000_000
ROWS_PER_TRANSACTION = 32
"""Detections of one transaction; other writers run between two transactions."""


class AlertDispatch:
    """Applies detections and user actions to the database. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        clock: Callable[[], int],
        *,
        channels: Sequence[Channel] = (),
    ) -> None:
        self.engine, self.registry, self.clock = engine, registry, clock
        self._alarm_engine = engine.execution_options(lock_wait_ms=ALARM_LOCK_WAIT_MS)
        self._channels = tuple(channels)
        self._turns = WritePriority()
        self._ended_ns = 0
        self.queries = Queries(engine)
        self.idempotency_keys = IdempotencyKeys(engine, clock)
        self.deferred_audit = DeferredAudit(self._alarm_engine)
        self.bindings = Bindings(engine, registry, clock)

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

        Hazards, tickets, notices and the position commit together, a few rows at a time. People and the
        urgent lane write between two transactions of a storm. A position that is applied already changes nothing.
        """
        applied = 0
        bindings: _Bindings | None = None
        while True:
            with self._turns.of(lane), self._alarm_engine.begin() as connection:
                begin = rows_done(connection, lane, cursor)
                if begin is None:
                    return applied
                rows = range(begin, min(begin + ROWS_PER_TRANSACTION, len(detections)))
                seen, bindings = self._observed(connection, detections, catalog, rows, bindings)
                self._accept(connection, seen)
                whole = rows.stop >= len(detections)
                advance(connection, lane, cursor, rows=rows.stop, whole=whole)
            applied += len(rows)
            if whole:
                return applied

    def _observed(
        self,
        connection: Connection,
        detections: DetectionBatch,
        catalog: Catalog,
        rows: range,
        bindings: _Bindings | None,
    ) -> tuple[list[Observation], _Bindings]:
        """Return the observations of these rows, under the names of the sensors in the database, and the bindings."""
        while True:
            number, now_ns = catalog.renamed, self.clock()
            if follow(connection, catalog, now_ns) or bindings is None:
                bindings = assigned(connection), ignored_sensors(connection)
            places, foreign = bindings
            seen = observations(detections, catalog, self.registry, assigned=places, now_ns=now_ns, rows=rows)
            found = [one for one in seen if not _passed_over(one, foreign)]
            if catalog.renamed == number:  # the intake renames sensors in its own thread
                return found, bindings

    def _accept(self, connection: Connection, seen: Iterable[Observation]) -> None:
        lifecycle = self._lifecycle(connection)
        for observation in seen:
            lifecycle.accept(observation)

    def tick(self, now_ns: int, catalog: Catalog | None = None) -> None:
        """Apply deadlines, ends of observation and renamings; end findings of decommissioned devices once a minute.

        Also writes deferred audit entries.
        """
        self.deferred_audit.settle()
        with self._alarm_engine.begin() as connection:
            if catalog is not None:
                follow(connection, catalog, now_ns)
                if abs(now_ns - self._ended_ns) >= ENDS_EVERY_NS:
                    self._ended_ns = now_ns
                    self._accept(connection, ends(connection, catalog, assigned(connection), now_ns))
            self._ticketing(connection).tick(now_ns)

    def act(self, ticket_id: str, action: str, actor: Actor, fields: Mapping[str, Any], *, version: int) -> Ticket:
        """Apply one step of the closed loop by a person. Raises the errors of `Tickets.act`."""
        with self.engine.begin() as connection:
            return self._ticketing(connection).act(
                ticket_id, action, actor, fields, version=version, now_ns=self.clock()
            )

    def acknowledge(self, hazard_id: str, actor: Actor, *, undo: bool = False) -> Hazard:
        """Acknowledge the hazard, or undo that. Raises NotFound and Forbidden."""
        require(actor, "acknowledge")
        with self.engine.begin() as connection:
            row = connection.execute(select(hazards).where(hazards.c.id == hazard_id)).first()
            if row is None or not actor.sees(row.site):
                raise NotFound("hazard", hazard_id)
            hazard = rows.record(Hazard, row)
            if undo == (hazard.acknowledged_by is None):
                return hazard
            now_ns = self.clock()
            by, at_ns = (None, None) if undo else (actor.username, now_ns)
            before = hazard
            hazard = replace(hazard, acknowledged_by=by, acknowledged_ns=at_ns, version=hazard.version + 1)
            rows.save(connection, hazards, hazard)
            kind = "hazard.unacknowledged" if undo else "hazard.acknowledged"
            journal.append(
                connection,
                at_ns=now_ns,
                actor=actor.username,
                kind=kind,
                site=hazard.site,
                subject=hazard.id,
                facts={"grade": hazard.grade.colour},
                rows=[rows.change(hazards, before, hazard)],
            )
            return hazard

    def note(self, kind: str, actor: str, *, site: str, subject: str, facts: Mapping[str, Any]) -> None:
        """Write an audit entry: a sign-in, an export, a change of an account. See `DeferredAudit`."""
        self.deferred_audit.write(Note(self.clock(), kind, actor, site, subject, facts))

    def tip(self) -> tuple[int, str]:
        """Return sequence number and digest of the last journal entry."""
        return self.queries.tip()

    def verify(self, heads: Iterable[tuple[int, str]] = ()) -> journal.AuditReport:
        """Verify the whole journal; see `journal.verify`."""
        return journal.verify(self.engine, heads=heads)

    def _lifecycle(self, connection: Connection) -> HazardLifecycle:
        post = NoticeWriter(connection, self._channels, self.registry)
        return HazardLifecycle(connection, Tickets(connection, self.registry, post), post, self.registry)

    def _ticketing(self, connection: Connection) -> Tickets:
        return Tickets(connection, self.registry, NoticeWriter(connection, self._channels, self.registry))


def _passed_over(observation: Observation, foreign: Mapping[tuple[str, str], str]) -> bool:
    """Return whether the sensor is ignored. Life safety is never ignored, and an open finding may always clear."""
    seen = observation.finding
    theirs = (seen.site, seen.sensor) in foreign and not causes()[seen.kind].life_safety
    return theirs and observation.phase is not Phase.CLEAR
