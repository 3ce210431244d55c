"""Stages behind the logs: store, detection and alerts, each with its own durable cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ingest import Catalog, Priority, RetentionPlan, Store, concat

from .clock import Clock
from .data_folder.journal_head import note_head
from .detection.lane import AnchorKeeper, DetectionLane
from .latest import Latest
from .log import DetectionEntry, DetectionLog, Entry
from .log.shared_catalog import LogCatalog

if TYPE_CHECKING:  # loaded only by the processes that use them
    from prometheus_client import Histogram

    from alerts import AlertDispatch


ROWS_AT_ONCE = 65_536
SNAPSHOT_EVERY_NS = 10_000_000_000
SNAPSHOT_SHARE = 50  # saving takes at most a fiftieth of the time, however large the state
TICK_EVERY_NS, CLOSE_EVERY_NS, DAY_NS = 1_000_000_000, 60_000_000_000, 86_400_000_000_000
RETAIN_EVERY_S = 3_600.0
STORE = "store"
ALERT, ALERT_URGENT = "alert", "alert_urgent"
"""Alert stages, one for each lane of the detection log."""


class StoreStage:
    """Telemetry log -> time-series store. The store writes rows and cursor in one transaction."""

    name = STORE

    def __init__(
        self,
        store: Store,
        latest: Latest,
        catalog: LogCatalog,
        clock: Clock,
        *,
        end: int,
        keep: Callable[[], RetentionPlan],
        retain_logs: Callable[[int], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """keep: returns the current retention plan; retain_logs: called once an hour with the wall clock in ns.

        end: last position of the log when this process opened it. monotonic: counts the hours, in seconds from the
        start.
        """
        self._end: int | None = end
        self._store, self._latest, self._clock, self._keep = store, latest, clock, keep
        self._catalog, self._retain_logs, self._monotonic = catalog, retain_logs, monotonic
        self._retained_s, self._retain_ns = monotonic(), 0
        self._more = False

    def recover(self) -> int:
        """Return the cursor of the store; the first call sets it back to the end that the log had at the start."""
        cursor = self._store.cursor()
        if self._end is not None and cursor > self._end:
            self._store.rewind(self._end)
            cursor = self._end
        self._end = None  # from now on the store follows this log
        return cursor

    def process(self, entries: Sequence[Entry]) -> None:
        """Write the readings of all entries at once."""
        batch = concat([entry.batch for entry in entries])
        self._catalog.refresh(batch.sensor, batch.metric)
        self._store.write(batch, cursor=entries[-1].seq)
        self._latest.update(batch)

    def idle(self) -> None:
        """Start retention of store and logs once an hour; runs one short step a turn, so that writes continue between.

        A wall clock that is wrong for minutes drops no reading.
        """
        if not self._more and self._monotonic() - self._retained_s > RETAIN_EVERY_S:
            self._retained_s, self._retain_ns, self._more = self._monotonic(), self._clock(), True
            self._retain_logs(self._retain_ns)
        if self._more:
            self._more = self._store.retain(self._keep(), now_ns=self._retain_ns).more


class DetectStage:
    """Telemetry log -> detectors -> detection log.

    The stage saves its state with its cursor every ten seconds, or at longer intervals while the state is large.
    After a crash it scores the entries behind that cursor again. Detections already written are recognised by their
    source position and not written twice. Rules that changed meanwhile have written nothing there: they begin, without
    state, behind the last written position.
    """

    def __init__(self, lane: DetectionLane, detections: DetectionLog, catalog: LogCatalog, *, clock: Clock) -> None:
        """lane: restored by `recover`, in the pump's thread."""
        self.name = lane.name
        self._lane, self._detections, self._catalog, self._clock = lane, detections, catalog, clock
        self._anchors = AnchorKeeper(lane, detections, clock=clock)
        self._cursor = self._saved = self._written = 0
        self._saved_ns = self._pause_ns = 0
        self._held: set[str] = set()

    def recover(self) -> int:
        """Return the cursor of the newest snapshot, or the beginning of the log if none can be read."""
        self._cursor = self._lane.restore(self._detections)
        if self._cursor and self._lane.fresh_rules:
            import structlog  # not before the first message is received

            log = structlog.get_logger(stage=self.name)
            log.info("rules start without state", position=self._cursor, rules=list(self._lane.fresh_rules))
        self._saved, self._saved_ns = self._cursor, self._clock()
        self._written = self._detections.source(self.name)
        self._held = set()
        if self._cursor:
            self._hold()
        if not self._held:
            fresh = not self._cursor or bool(self._lane.fresh_rules)
            self._anchors.follow(self._cursor, since=self._written if fresh else 0, fresh=fresh)
        return self._cursor

    def _hold(self) -> None:
        """Hold rules without state while the entries are scored again whose detections are written."""
        if self._lane.fresh_rules and self._cursor < self._written:
            self._held.update(self._lane.fresh_rules)
            self._lane.detector.hold()

    def _release(self) -> None:
        """Begin the held rules behind the last written position."""
        self._lane.load(self._lane.snapshot(without=self._held))
        self._held = set()
        self._anchors.follow(self._cursor, since=self._cursor, fresh=True)

    def process(self, entries: Sequence[Entry]) -> None:
        """Score the entries and append their detections, once."""
        for run in self._runs(entries):
            last = run[-1].seq
            for entry in run:
                self._catalog.refresh(entry.batch.sensor, entry.batch.metric)
            found = self._lane.score([(entry.priority, entry.batch) for entry in run])
            if len(found) and last > self._written:
                self._detections.append(found, source=last, stage=self.name, priority=self._lane.priority)
                self._written = last
            self._cursor = last
            if self._held and last >= self._written:
                self._release()

    def idle(self) -> None:
        """Apply edits of recipe and sheets; keep an anchor a day; save the state if the last snapshot is old."""
        if self._held:  # an edit now would restore their state of before the last written position
            return
        changed = self._lane.follow_edits()
        if changed:
            self._hold()
        if self._held:
            return
        self._anchors.follow(self._cursor, since=self._cursor, fresh=changed)
        now_ns = self._clock()
        if self._cursor > self._saved and abs(now_ns - self._saved_ns) > max(SNAPSHOT_EVERY_NS, self._pause_ns):
            begun_ns = time.monotonic_ns()
            self._detections.snapshot(self._cursor, self._lane.snapshot(), stage=self.name)
            self._saved, self._saved_ns = self._cursor, now_ns
            self._pause_ns = SNAPSHOT_SHARE * (time.monotonic_ns() - begun_ns)

    def _runs(self, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
        """Yield consecutive entries to score as one batch: all of them written before, or none.

        The size of a batch does not change the detections. Its cost depends little on its size, so a stage with a
        backlog scores larger batches.
        """
        for _, alike in groupby(entries, lambda entry: entry.seq <= self._written):
            run: list[Entry] = []
            rows = 0
            for entry in alike:
                run.append(entry)
                rows += len(entry.batch)
                if rows >= ROWS_AT_ONCE:
                    yield run
                    run, rows = [], 0
            if run:
                yield run


class AlertStage:
    """A lane of the detection log -> hazards, tickets and notices; effects and cursor move in one transaction."""

    def __init__(
        self,
        dispatch: AlertDispatch,
        catalog: Catalog,
        refresh: LogCatalog,
        latency: Histogram,
        head: Path,
        *,
        lane: Priority,
        end: int,
    ) -> None:
        """latency: observes the seconds from arrival to the database; head: file for the end of the journal.

        end: last position of the detection log when this process opened it.

        The stage of the urgent lane runs the timers, so that a burst of ordinary detections does not delay them.
        """
        self.name = ALERT_URGENT if lane is Priority.URGENT else ALERT
        self._dispatch, self._catalog, self._refresh = dispatch, catalog, refresh
        self._latency, self._head, self._lane = latency, head, lane
        self._ticked_ns = 0
        self._end: int | None = end

    def recover(self) -> int:
        """Return the cursor of this lane; the first call sets it back to the end that the log had at the start."""
        cursor = self._dispatch.cursor(self._lane)
        if self._end is not None and cursor > self._end:
            self._dispatch.rewind(self._lane, self._end)
            cursor = self._end
        self._end = None  # from now on the database follows this log
        return cursor

    def process(self, entries: Sequence[DetectionEntry]) -> None:
        """Apply the detections of each entry."""
        for entry in entries:
            self._refresh.refresh(entry.detections.sensor, entry.detections.metric)
            if self._dispatch.apply(entry.detections, self._catalog, cursor=entry.seq, lane=self._lane):
                waited_ns = self._dispatch.clock() - int(entry.detections.arrival_ns.max())
                self._latency.observe(max(0.0, waited_ns / 1e9))

    def idle(self) -> None:
        """Urgent lane: run the timers once a second, then write the end of the journal.

        Ordinary lane: close proved tickets once a minute. Their proofs read the store, which must be open.
        """
        urgent, now_ns = self._lane is Priority.URGENT, self._dispatch.clock()
        if abs(now_ns - self._ticked_ns) < (TICK_EVERY_NS if urgent else CLOSE_EVERY_NS):
            return
        if urgent:
            self._ticked_ns = now_ns
            self._refresh.follow()
            self._dispatch.tick(now_ns, self._catalog, closings=False)
            note_head(self._head, self._dispatch.tip())
        elif self._dispatch.readings is not None:
            self._ticked_ns = now_ns
            self._dispatch.close_proved(now_ns)
