"""The flow in memory, from where its durable part stopped: messages -> readings -> detections -> what pages people.

Everything is a copy: the catalogue (codes that are given here are never seen elsewhere), the detectors' state (the
saved one, brought up to the log's end as after a restart), the desk (`StandIn`). Nothing is written anywhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alerts import Notice, Registry, StandIn
from alerts.channels import Channel
from detectors import Calendar, DetectionBatch, Detector, build, load_recipe
from ingest import Catalog, IngestError, Intake
from ingest.decode import FOREIGN, decoders
from ingest.mqtt import Frame

from .clock import Clock
from .log import DetectionLog, TelemetryLog
from .settings import Settings
from .stages import LogCatalog

ENTRIES_A_TURN = 64
KEYS_MAX = 100_000
"""Message keys that the intake in memory knows from the log, to drop what a device repeats."""


@dataclass(frozen=True)
class Origin:
    """What the flow is made of and starts from. Each function gives a new one that shares nothing that changes.

    catalog: from the log where it can be read; intake: given whether the log can be read; desk: likewise.
    """

    log: TelemetryLog
    detections: DetectionLog
    catalog: Callable[[bool], Catalog]
    intake: Callable[[Catalog, bool], Intake]
    detector: Callable[[Catalog], Detector]
    desk: Callable[[bool], StandIn]


def origin(
    settings: Settings,
    registry: Registry,
    clock: Clock,
    *,
    logs: tuple[TelemetryLog, DetectionLog],
    desk: tuple[Engine, Sequence[Channel], Callable[[], bool]],
) -> Origin:
    """The origin of a service's flows. desk: its database, its channels, whether its own outbox cannot send now."""
    log, detections = logs
    engine, channels, stuck = desk
    recipe, calendar = load_recipe(settings.recipe), Calendar.from_table(registry.calendar)

    def catalog(readable: bool) -> Catalog:  # noqa: FBT001 - as Origin says
        made = Catalog(registry.sensors)
        if readable:
            made.load(*log.catalog())
        return made

    def intake(known: Catalog, readable: bool) -> Intake:  # noqa: FBT001 - as Origin says
        return Intake(
            known,
            decoders(settings.intake.formats or FOREIGN, lorawan=settings.lorawan),
            settings=replace(settings.intake, keys_max=KEYS_MAX),
            batch=settings.batch,
            recent_keys=log.recent_keys(KEYS_MAX) if readable else (),
            memory=log.memory() if readable else (),
        )

    def stand_in(readable: bool) -> StandIn:  # noqa: FBT001 - as Origin says
        return StandIn(engine if readable else None, registry, clock, channels=channels, pending=stuck())

    return Origin(log, detections, catalog, intake, lambda known: build(recipe, known, calendar), stand_in)


def subscriptions(settings: Settings) -> list[str]:
    """The topic filters of the formats that are taken in, for a process without the log's session."""
    return Intake(Catalog(), decoders(settings.intake.formats or FOREIGN, lorawan=settings.lorawan)).subscriptions


class MemoryFlow:
    """One emergency's flow. Driven by one thread.

    blank: what could not be read, so that the flow begins without it: "log" (then it knows the declared sensors and
    no past), "database" (then what is open there opens anew), or "". refused_total: detections that the
    desk did not take.
    """

    def __init__(self, origin: Origin) -> None:
        """Catches up with the log, which takes as long as a start does."""
        self.notices: list[Notice] = []
        self.blank = ""
        self.refused_total = 0
        self._origin = origin
        self._cursor = self._written = 0
        self._desk: StandIn
        try:
            self._begin(readable=True)
            self._catch_up()
        except (sqlite3.Error, OSError, IngestError) as error:
            self._told_blank("log", error)
            self._begin(readable=False)

    def take(self, frames: Sequence[Frame], arrival_ns: int) -> list[str]:
        """Judge messages; what pages gathers in `notices`. Gives topics that a format wants to be subscribed to."""
        self._intake.take(frames, arrival_ns)
        self._judge(arrival_ns)
        return self._intake.take_outgoing().subscriptions  # its requests are for the session of the log to make

    def tick(self, now_ns: int) -> None:
        """Time goes on while nothing comes."""
        self._intake.tick(now_ns)
        self._judge(now_ns)

    def follow(self) -> int:
        """Judge what the log has got since the last call, at most some entries; how many."""
        entries = self._origin.log.read(self._cursor, limit=ENTRIES_A_TURN)
        for entry in entries:
            self._refresh.refresh(entry.batch.sensor, entry.batch.metric)
            found = self._detector.update(entry.batch)
            if len(found) and entry.seq > self._written:
                self._apply(found)
            self._cursor = entry.seq
        return len(entries)

    def take_notices(self) -> list[Notice]:
        """What pages since the last call."""
        taken, self.notices = self.notices, []
        return taken

    def close(self) -> None:
        """Let go of everything."""
        self._desk.close()

    def _begin(self, *, readable: bool) -> None:
        origin = self._origin
        self._catalog = origin.catalog(readable)
        self._refresh = LogCatalog(origin.log, self._catalog, shared=False)
        self._intake = origin.intake(self._catalog, readable)
        self._detector = origin.detector(self._catalog)
        self._cursor = self._written = 0
        try:
            self._desk = origin.desk(readable)
        except SQLAlchemyError as error:
            self._told_blank("database", error)
            self._desk = origin.desk(False)

    def _told_blank(self, what: str, error: Exception) -> None:
        self.blank = what
        structlog.get_logger(part="lookout").warning("begins without a past", unreadable=what, error=str(error))

    def _catch_up(self) -> None:
        """Detections that the database has not, then readings that the detectors have not."""
        detections = self._origin.detections
        self.notices += self._desk.posted()
        after = detections.head() if self.blank else self._desk.cursor
        while entries := detections.read(after, limit=ENTRIES_A_TURN):
            for entry in entries:
                self._refresh.refresh(entry.detections.sensor, entry.detections.metric)
                self._apply(entry.detections)
            after = entries[-1].seq
        self._written = detections.source()
        saved = detections.latest_snapshot()
        if saved is not None:
            self._restore(*saved)
        while self.follow():
            pass

    def _apply(self, found: DetectionBatch) -> None:
        """To the desk. What it cannot take costs these detections only: it may be what the durable stage fails at."""
        try:
            self.notices += self._desk.apply(found, self._catalog)
        except Exception:  # noqa: BLE001 - as the docstring says; counted and logged
            self.refused_total += len(found)
            structlog.get_logger(part="lookout").exception("detections that the desk cannot take", rows=len(found))

    def _restore(self, source: int, state: bytes) -> None:
        try:
            self._detector.restore(state)
        except ValueError:  # another recipe or version: judge the kept log anew
            self._detector = self._origin.detector(self._catalog)
        else:
            self._cursor = source

    def _judge(self, now_ns: int) -> None:
        sealed = self._intake.seal(now_ns)
        if sealed is not None and len(sealed.batch):
            found = self._detector.update(sealed.batch)
            if len(found):
                self._apply(found)
