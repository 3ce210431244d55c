"""The flow in memory, from where its durable part stopped: messages -> readings -> detections -> what pages people.

Everything is a copy: the catalogue (codes that are given here are never seen elsewhere), the detectors' state (the
saved one, brought up to the log's end as after a restart), the desk (`FallbackDispatch`). Nothing is written anywhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alerts import FallbackDispatch, Notice
from alerts.notices.channels import Channel
from detectors import DetectionBatch, DetectorSet, build, urgent
from ingest import Catalog, Frame, IngestError, Intake, Priority, TelemetryBatch, parted
from ingest.decode import FOREIGN, decoders
from twinward.clock import Clock
from twinward.log import DetectionLog, Entry, TelemetryLog
from twinward.pump import Source
from twinward.settings import Settings
from twinward.stages import DETECT, DETECT_URGENT, LogCatalog
from twinward.tables import Tables

ENTRIES_A_TURN = 64
KEYS_MAX = 100_000
"""Message keys that the intake in memory knows from the log, to drop what a device repeats."""


class DetectionLane:
    """One stage of detection in memory: where it reads, its detectors, how far it is."""

    def __init__(self, name: str, source: Source[Entry], make: Callable[[], DetectorSet], *, overhears: bool) -> None:
        """name, overhears: as of the stage that it stands for."""
        self.name, self.source, self.overhears = name, source, overhears
        self._make = make
        self.detector = make()
        self.cursor = self.written = 0

    def restore(self, detections: DetectionLog) -> None:
        """The state that the stage saved last; another recipe's or version's is not taken, and the log judged anew."""
        self.written = detections.source(self.name)
        saved = detections.latest_snapshot(self.name)
        if saved is not None:
            try:
                self.detector.restore(saved[1])
                self.cursor = saved[0]
            except ValueError:
                self.detector = self._make()

    def judge(self, priority: Priority, batch: TelemetryBatch) -> DetectionBatch | None:
        """What the stage would find; None for what another one judges."""
        if priority is Priority.URGENT and self.overhears:
            return self.detector.overhear(batch)
        if priority is Priority.ORDINARY and not self.overhears:
            return None
        return self.detector.update(batch)


@dataclass(frozen=True)
class Origin:
    """What the flow is made of and starts from. Each function gives a new one that shares nothing that changes.

    catalog: what the service knows; intake: given whether the log can be read; desk: likewise; judges: the stages of
    detection, the urgent one first.
    """

    log: TelemetryLog
    detections: DetectionLog
    catalog: Callable[[], Catalog]
    intake: Callable[[Catalog, bool], Intake]
    judges: Callable[[Catalog], tuple[DetectionLane, ...]]
    desk: Callable[[bool], FallbackDispatch]


def origin(
    settings: Settings,
    tables: Tables,
    clock: Clock,
    *,
    catalog: Catalog,
    logs: tuple[TelemetryLog, DetectionLog],
    desk: tuple[Engine, Sequence[Channel], Callable[[], bool]],
) -> Origin:
    """The origin of a service's flows.

    catalog: the service's own; desk: its database, its channels, whether its own outbox cannot send now.
    """
    log, detections = logs
    engine, channels, stuck = desk
    recipe, calendar, registry = tables.recipe, tables.calendar, tables.registry

    def intake(known: Catalog, readable: bool) -> Intake:  # noqa: FBT001 - as Origin says
        return Intake(
            known,
            decoders(settings.intake.formats or FOREIGN, lorawan=tables.lorawan),
            settings=replace(settings.intake, keys_max=KEYS_MAX),
            batch=settings.batch,
            recent_keys=log.recent_keys(KEYS_MAX) if readable else (),
            memory=log.memory() if readable else (),
        )

    def stand_in(readable: bool) -> FallbackDispatch:  # noqa: FBT001 - as Origin says
        return FallbackDispatch(engine if readable else None, registry, clock, channels=channels, pending=stuck())

    def judges(known: Catalog) -> tuple[DetectionLane, ...]:
        first = DetectionLane(
            DETECT_URGENT, log.urgent(), partial(build, urgent(recipe), known, calendar), overhears=False
        )
        return first, DetectionLane(DETECT, log, partial(build, recipe, known, calendar), overhears=True)

    return Origin(log, detections, catalog.copy, intake, judges, stand_in)


def subscriptions(settings: Settings) -> list[str]:
    """The topic filters of the formats that are taken in, for a process without the log's session."""
    return Intake(Catalog(), decoders(settings.intake.formats or FOREIGN)).subscriptions


class MemoryFlow:
    """One emergency's flow. Driven by one thread.

    blank: what could not be read, so that the flow begins without it: "log" (then it knows the sensors and no past of
    theirs), "database" (then what is open there opens anew), or "". refused_total: detections that the
    desk did not take.
    """

    def __init__(self, origin: Origin, *, urgent_alone: bool = False) -> None:
        """Catches up with the log, which takes as long as a start does.

        urgent_alone: judge nothing but life safety; what else comes, and who is silent, is left to the durable flow.
        """
        self.notices: list[Notice] = []
        self.blank = ""
        self.refused_total = 0
        self._origin, self._urgent_alone = origin, urgent_alone
        self._desk: FallbackDispatch
        try:
            self._begin(readable=True)
            self._catch_up()
        except (sqlite3.Error, OSError, IngestError) as error:
            self._told_blank("log", error)
            self._begin(readable=False)

    def accept(self, frames: Sequence[Frame], arrival_ns: int) -> list[str]:
        """Judge messages; what pages gathers in `notices`. Gives topics that a format wants to be subscribed to."""
        self._intake.accept(frames, arrival_ns)
        self._judge(arrival_ns)
        return self._intake.drain_outgoing().subscriptions  # its requests are for the session of the log to make

    def tick(self, now_ns: int) -> None:
        """Time goes on while nothing comes."""
        self._intake.tick(now_ns)
        self._judge(now_ns)

    def follow(self) -> int:
        """Judge what the log has got since the last call, at most some entries; how many."""
        number = 0
        for judge in self._judges:
            entries = judge.source.read(judge.cursor, limit=ENTRIES_A_TURN)
            for entry in entries:
                self._refresh.refresh(entry.batch.sensor, entry.batch.metric)
                found = judge.judge(entry.priority, entry.batch)
                if found is not None and len(found) and entry.seq > judge.written:
                    self._apply(found)
                judge.cursor = entry.seq
            number += len(entries)
        return number

    def drain_notices(self) -> list[Notice]:
        """What pages since the last call."""
        taken, self.notices = self.notices, []
        return taken

    def close(self) -> None:
        """Let go of everything."""
        self._desk.close()

    def _begin(self, *, readable: bool) -> None:
        origin = self._origin
        self._catalog = origin.catalog()
        self._refresh = LogCatalog(origin.log, self._catalog, shared=False)
        self._intake = origin.intake(self._catalog, readable)
        judges = origin.judges(self._catalog)
        self._judges = judges[:1] if self._urgent_alone else judges
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
        for priority in (Priority.URGENT, Priority.ORDINARY):
            lane = detections.lane(priority)
            after = lane.head() if self.blank else self._desk.cursors[priority]
            while entries := lane.read(after, limit=ENTRIES_A_TURN):
                for entry in entries:
                    self._refresh.refresh(entry.detections.sensor, entry.detections.metric)
                    self._apply(entry.detections)
                after = entries[-1].seq
        for judge in self._judges:
            judge.restore(detections)
        while self.follow():
            pass

    def _apply(self, found: DetectionBatch) -> None:
        """To the desk. What it cannot take costs these detections only: it may be what the durable stage fails at."""
        try:
            self.notices += self._desk.apply(found, self._catalog)
        except Exception:  # noqa: BLE001 - as the docstring says; counted and logged
            self.refused_total += len(found)
            structlog.get_logger(part="lookout").exception("detections that the desk cannot take", rows=len(found))

    def _judge(self, now_ns: int) -> None:
        sealed = self._intake.seal(now_ns)
        if sealed is None or not len(sealed.batch):
            return
        for priority, batch in parted(sealed.batch, sealed.urgent):
            for judge in self._judges:
                found = judge.judge(priority, batch)
                if found is not None and len(found):
                    self._apply(found)
