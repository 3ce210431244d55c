"""Stages behind the logs: store, detection and alerts, each with its own durable cursor."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from detectors import DetectionBatch, ServiceClock, ticks
from ingest import Catalog, Priority, RetentionPlan, Store, TelemetryBatch, concat

from .clock import Clock
from .data_folder.journal_head import note_head
from .latest import Latest
from .log import DetectionEntry, DetectionLog, Entry
from .log.shared_catalog import LogCatalog

if TYPE_CHECKING:  # loaded only by the processes that use them
    from prometheus_client import Histogram

    from alerts import AlertDispatch
    from detectors import DetectorSet

    from .pump import Source

ROWS_AT_ONCE = 65_536
SNAPSHOT_EVERY_NS = 10_000_000_000
SNAPSHOT_SHARE = 50  # saving takes at most a fiftieth of the time, however large the state
TICK_EVERY_NS, DAY_NS = 1_000_000_000, 86_400_000_000_000
RETAIN_EVERY_S = 3_600.0
STORE = "store"
DETECT, DETECT_URGENT, DETECT_OFFLINE = "detect", "detect_urgent", "detect_offline"
"""Detection stages: ordinary readings, urgent readings, offline sensors (over all readings)."""
ALERT, ALERT_URGENT = "alert", "alert_urgent"
"""Alert stages, one for each lane of the detection log."""
LAG_BYTES = 8


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


class DetectionLane:
    """Input and detectors of one detection stage, without the loop: shared by the durable stage and degraded mode.

    `detect_urgent` scores the urgent entries. `detect` scores the ordinary entries. `detect_offline` runs the silence
    rules over all entries. The last two run on the service clock of ordinary readings (`ServiceClock`): `detect`
    receives the clock readings out of the urgent entries, `detect_offline` every reading.
    """

    def __init__(self, name: str, source: Source[Entry], make: Callable[[], DetectorSet]) -> None:
        """name: key of the saved state; source: entries to score; make: returns detectors without state."""
        self.name, self.source = name, source
        self.priority = Priority.URGENT if name == DETECT_URGENT else Priority.ORDINARY
        self._make = make
        self._detector: DetectorSet
        self._clock = ServiceClock()

    def restore(self, detections: DetectionLog) -> int:
        """Return the position of the newest snapshot after restoring it, or 0 if none can be read.

        At 0 the detectors score the kept log again. A rule that is new or changed since the snapshot has no state; it
        scores from the snapshot's position on. Blocks while the kernels load.
        """
        saved = detections.latest_snapshot(self.name)
        if saved is not None:
            with contextlib.suppress(ValueError):
                self._restore(saved[1])
                return saved[0]
        self.reset()
        return 0

    def reset(self) -> None:
        """Replace the detectors by new ones without state."""
        self._detector = self._make()
        self._clock = ServiceClock()
        self._detector.sync()

    @property
    def fresh_rules(self) -> tuple[str, ...]:
        """Names of the rules that were restored without state."""
        return self._detector.fresh_rules

    def snapshot(self) -> bytes:
        """Return the state of the detectors and of their clock."""
        return self._clock.lag_ns.to_bytes(LAG_BYTES, "big") + self._detector.snapshot()

    def score(self, parts: Sequence[tuple[Priority, TelemetryBatch]]) -> DetectionBatch:
        """Return the detections in batches that follow each other in the log, scored as one."""
        return self._detector.update(concat([self._rows(*part) for part in parts]))

    def _rows(self, priority: Priority, batch: TelemetryBatch) -> TelemetryBatch:
        if priority is Priority.ORDINARY:
            return batch if self.priority is Priority.ORDINARY else batch.select(slice(0))
        if self.priority is Priority.URGENT:
            return batch
        aligned = self._clock.align(batch)
        return aligned if self.name == DETECT_OFFLINE else ticks(aligned)

    def _restore(self, state: bytes) -> None:
        self._detector = self._make()
        self._detector.restore(state[LAG_BYTES:])
        self._detector.sync()
        self._clock.lag_ns = int.from_bytes(state[:LAG_BYTES], "big")


class DetectStage:
    """Telemetry log -> detectors -> detection log.

    The stage saves its state with its cursor every ten seconds, or at longer intervals while the state is large.
    After a crash it scores the entries behind that cursor again. Detections already written are recognised by their
    source position and not written twice.
    """

    def __init__(self, lane: DetectionLane, detections: DetectionLog, catalog: LogCatalog, *, clock: Clock) -> None:
        """lane: restored by `recover`, in the pump's thread."""
        self.name = lane.name
        self._lane, self._detections, self._catalog, self._clock = lane, detections, catalog, clock
        self._cursor = self._saved = self._written = 0
        self._saved_ns = self._pause_ns = 0

    def recover(self) -> int:
        """Return the cursor of the newest snapshot, or the beginning of the log if none can be read."""
        self._cursor = self._lane.restore(self._detections)
        if self._cursor and self._lane.fresh_rules:
            import structlog  # not before the first message is received

            log = structlog.get_logger(stage=self.name)
            log.info("rules start without state", position=self._cursor, rules=list(self._lane.fresh_rules))
        self._saved, self._saved_ns = self._cursor, self._clock()
        self._written = self._detections.source(self.name)
        return self._cursor

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

    def idle(self) -> None:
        """Save the state if the last snapshot is old."""
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
        """Run the timers of alerts once a second, then write the end of the journal; urgent lane only."""
        if self._lane is Priority.URGENT and abs((now_ns := self._dispatch.clock()) - self._ticked_ns) >= TICK_EVERY_NS:
            self._ticked_ns = now_ns
            self._refresh.follow()
            self._dispatch.tick(now_ns, self._catalog)
            note_head(self._head, self._dispatch.tip())
