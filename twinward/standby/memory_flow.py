"""The flow in memory: messages -> readings -> detections -> pages, from the end of the durable flow.

It works on copies: the catalogue (codes added here are never used elsewhere), the detectors' state (the newest
snapshot and the log behind it, as after a restart) and the alert database (`FallbackDispatch`). It writes nothing to
disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts import FallbackDispatch, Notice
from detectors import DetectionBatch
from ingest import Frame, IngestError, Priority, split_by_priority
from twinward.flow import Origin
from twinward.log.shared_catalog import LogCatalog

ENTRIES_A_TURN = 64


class MemoryFlow:
    """The flow of one emergency, driven by one thread.

    blank: the source that could not be read, "log" or "database", or "". Without the log, the flow has the sensors
    but no detector state. Without the database, open hazards open again. refused_total: detections that the alerts
    rejected.
    """

    def __init__(self, origin: Origin, *, urgent_alone: bool = False) -> None:
        """Read the logs to their end, which takes as long as a start.

        urgent_alone: score life-safety readings only; the durable flow scores the rest, offline sensors included.
        """
        self.notices: list[Notice] = []
        self.blank = ""
        self.refused_total = 0
        self._origin, self._urgent_alone = origin, urgent_alone
        self._dispatch: FallbackDispatch
        try:
            self._begin(readable=True)
            self._catch_up()
        except (sqlite3.Error, OSError, IngestError) as error:
            self._note_blank("log", error)
            self._begin(readable=False)
            self._skip_to_recent()

    def accept(self, frames: Sequence[Frame], arrival_ns: int) -> list[str]:
        """Score messages; pages gather in `notices`. Return topics that a format asks to subscribe to."""
        self._intake.accept(frames, arrival_ns)
        self._score(arrival_ns)
        return self._intake.drain_outgoing().subscriptions  # the durable session makes the requests

    def tick(self, now_ns: int) -> None:
        """Advance event time while no message arrives."""
        self._intake.tick(now_ns)
        self._score(now_ns)

    def read_log(self) -> int:
        """Score entries that the log received since the last call, at most 64 a lane; return their number.

        A telemetry log that was not readable at the start is not read.
        """
        number = 0
        if not self._cursors:
            return 0
        for lane in self._lanes:
            entries = lane.source.read(self._cursors[lane.name], limit=ENTRIES_A_TURN)
            for entry in entries:
                self._refresh.refresh(entry.batch.sensor, entry.batch.metric)
                found = lane.score([(entry.priority, entry.batch)])
                if len(found) and entry.seq > self._written[lane.name]:
                    self._apply(found)
                self._cursors[lane.name] = entry.seq
            number += len(entries)
        return number

    def drain_notices(self) -> list[Notice]:
        """Return the pages since the last call."""
        taken, self.notices = self.notices, []
        return taken

    def close(self) -> None:
        """Release the database in memory."""
        self._dispatch.close()

    def _begin(self, *, readable: bool) -> None:
        origin = self._origin
        self._catalog = origin.catalog()
        self._refresh = LogCatalog(origin.log, self._catalog, shared=False)
        self._intake = origin.intake(self._catalog, readable)
        lanes = origin.lanes(self._catalog)
        self._lanes = lanes[:1] if self._urgent_alone else lanes
        self._cursors, self._written = dict[str, int](), dict[str, int]()
        for lane in self._lanes:
            lane.reset()
        try:
            self._dispatch = origin.dispatch(readable)
        except SQLAlchemyError as error:
            self._note_blank("database", error)
            self._dispatch = origin.dispatch(False)

    def _note_blank(self, source: str, error: Exception) -> None:
        self.blank = source
        structlog.get_logger(part="standby").warning("starts without state", unreadable=source, error=str(error))

    def _catch_up(self) -> None:
        """Apply detections that the database lacks, then score readings that the detectors lack.

        Without the database, apply the last detections: those of the moment before are in no other place.
        """
        detections = self._origin.detections
        self.notices += self._dispatch.drain_notices()
        for priority in (Priority.URGENT, Priority.ORDINARY):
            lane = detections.lane(priority)
            after = self._dispatch.cursors[priority] if not self.blank else max(0, lane.head() - ENTRIES_A_TURN)
            while entries := lane.read(after, limit=ENTRIES_A_TURN):
                for entry in entries:
                    self._refresh.refresh(entry.detections.sensor, entry.detections.metric)
                    self._apply(entry.detections)
                after = entries[-1].seq
        for stage in self._lanes:
            self._written[stage.name] = detections.source(stage.name)
            self._cursors[stage.name] = stage.restore(detections)
        while self.read_log():
            pass

    def _skip_to_recent(self) -> None:
        """Continue shortly before the end of the telemetry log, if it is readable: detections alone are damaged.

        Alarms of the scored entries that were sent before have the ids of sent notices.
        """
        try:
            heads = {lane.name: lane.source.end() for lane in self._lanes}
        except (sqlite3.Error, OSError):
            return
        self._cursors = {name: max(0, head - ENTRIES_A_TURN) for name, head in heads.items()}
        self._written = dict(self._cursors)

    def _apply(self, found: DetectionBatch) -> None:
        """Apply detections to the alerts. An error costs this batch only: it may be the fault of the durable stage."""
        try:
            self.notices += self._dispatch.apply(found, self._catalog)
        except Exception:  # noqa: BLE001 - see the docstring; counted and logged
            self.refused_total += len(found)
            structlog.get_logger(part="standby").exception("detections not applied", rows=len(found))

    def _score(self, now_ns: int) -> None:
        sealed = self._intake.seal(now_ns)
        if sealed is None or not len(sealed.batch):
            return
        parts = split_by_priority(sealed.batch, sealed.urgent)
        for lane in self._lanes:
            found = lane.score(parts)
            if len(found):
                self._apply(found)
