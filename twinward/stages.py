"""The stages behind the logs: store, detection and alerts, each with its own durable cursor."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors import DetectionBatch
from ingest import Catalog, Priority, RetentionPlan, Store, TelemetryBatch, concat

from .clock import Clock
from .latest import Latest
from .log import DetectionEntry, DetectionLog, Entry, TelemetryLog

if TYPE_CHECKING:  # a process that does without them loads none
    from prometheus_client import Histogram

    from alerts import AlertDispatch
    from detectors import DetectorSet

ROWS_AT_ONCE = 65_536
SNAPSHOT_EVERY_NS = 10_000_000_000
SNAPSHOT_SHARE = 50  # a large state is saved so seldom that saving takes a fiftieth of the time
TICK_EVERY_NS = 1_000_000_000
RETAIN_EVERY_S = 3_600.0
DAY_NS = 86_400_000_000_000
DETECT, DETECT_URGENT = "detect", "detect_urgent"
"""The two stages of detection: urgent entries have one of their own, so that they wait behind nothing."""
ALERT, ALERT_URGENT = "alert", "alert_urgent"
"""The same behind them."""


class LogCatalog:
    """Keeps a catalogue abreast of what another process writes to the log; does nothing where the object is shared."""

    def __init__(self, log: TelemetryLog, catalog: Catalog, *, shared: bool) -> None:
        self._log, self._catalog, self._shared = log, catalog, shared
        self._lock = threading.Lock()

    def refresh(self, sensors: NDArray[np.int32], metrics: NDArray[np.int16]) -> None:
        """Take in what the log knows and the catalogue does not yet of these sensor and metric codes."""
        if self._shared or not len(sensors):
            return
        with self._lock:
            if int(sensors.max()) >= len(self._catalog) or not self._catalog.knows(int(metrics.max())):
                self._catalog.load(*self._log.catalog())
                self._catalog.drain_changes()  # they are durable: this is where they come from


class StoreStage:
    """Log -> time-series store. The store keeps rows and cursor in one transaction; upkeep goes by short steps."""

    name = "store"

    def __init__(
        self,
        store: Store,
        latest: Latest,
        catalog: LogCatalog,
        clock: Clock,
        *,
        keep: Callable[[], RetentionPlan],
        trim: Callable[[int], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """keep: the rules of retention as they stand now; trim: called once an hour with the present time.

        monotonic: seconds that no step of the clock changes; the hours are counted by it, the first from the start.
        """
        self._store, self._latest, self._clock, self._keep = store, latest, clock, keep
        self._catalog, self._trim, self._monotonic = catalog, trim, monotonic
        self._retained_s, self._retain_ns = monotonic(), 0
        self._more = False

    def recover(self) -> int:
        """Cursor of the store."""
        return self._store.cursor()

    def process(self, entries: Sequence[Entry]) -> None:
        """Write the readings of all entries at once."""
        batch = concat([entry.batch for entry in entries])
        self._catalog.refresh(batch.sensor, batch.metric)
        self._store.write(batch, cursor=entries[-1].seq)
        self._latest.update(batch)

    def idle(self) -> None:
        """Once an hour, upkeep of the store begins, one short step a turn, so that writes go on between the steps.

        A clock that is wrong for minutes costs no reading.
        """
        if not self._more and self._monotonic() - self._retained_s > RETAIN_EVERY_S:
            self._retained_s, self._retain_ns, self._more = self._monotonic(), self._clock(), True
            self._trim(self._retain_ns)
        if self._more:
            self._more = self._store.retain(self._keep(), now_ns=self._retain_ns).more


class DetectStage:
    """Telemetry log -> detectors -> detection log.

    The state is saved every ten seconds, or more seldom while it is large, together with the position that it stands
    for; after a crash the entries behind it are judged again, and what had been written before is recognised by its
    source position and not written twice.
    """

    def __init__(
        self,
        make: Callable[[], DetectorSet],
        detections: DetectionLog,
        catalog: LogCatalog,
        *,
        clock: Clock,
        name: str = DETECT,
        overhears: bool = True,
    ) -> None:
        """make: called by `recover`, in the pump's thread; loads and warms what it needs.

        name: the state is kept under it; overhears: another stage judges the urgent entries, this one listens.
        """
        self.name = name
        self._make, self._detections, self._catalog, self._clock = make, detections, catalog, clock
        self._overhears = overhears
        self._detector: DetectorSet
        self._cursor = self._saved = self._written = 0
        self._saved_ns = self._rest_ns = 0

    def recover(self) -> int:
        """The newest snapshot that fits this recipe, or the beginning of the log."""
        self._detector = self._make()
        self._cursor = 0
        snapshot = self._detections.latest_snapshot(self.name)
        if snapshot is not None:
            source, state = snapshot
            try:
                self._detector.restore(state)
                self._cursor = source
            except ValueError:  # another recipe or version: judge the kept log anew
                self._detector = self._make()
        self._detector.sync()
        self._saved, self._saved_ns = self._cursor, self._clock()
        self._written = self._detections.source(self.name)
        return self._cursor

    def process(self, entries: Sequence[Entry]) -> None:
        """Judge every entry, those that belong together at once; write what was found, once."""
        for run in self._runs(entries):
            batch, last = concat([entry.batch for entry in run]), run[-1]
            self._catalog.refresh(batch.sensor, batch.metric)
            found = self._judge(batch, last.priority)
            if len(found) and last.seq > self._written:
                priority = Priority.ORDINARY if self._overhears else Priority.URGENT
                self._detections.append(found, source=last.seq, stage=self.name, priority=priority)
                self._written = last.seq
            self._cursor = last.seq

    def _runs(self, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
        """Entries of one priority in a row, all of them written before or none: batches do not change what is found.

        Judging a batch costs much the same whatever it holds, so a stage that is behind takes larger ones.
        """
        for _, alike in groupby(entries, lambda entry: (entry.priority, entry.seq <= self._written)):
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

    def idle(self) -> None:
        """Save the state when it is old."""
        now_ns = self._clock()
        if self._cursor > self._saved and abs(now_ns - self._saved_ns) > max(SNAPSHOT_EVERY_NS, self._rest_ns):
            begun_ns = time.monotonic_ns()
            self._detections.snapshot(self._cursor, self._detector.snapshot(), stage=self.name)
            self._saved, self._saved_ns = self._cursor, now_ns
            self._rest_ns = SNAPSHOT_SHARE * (time.monotonic_ns() - begun_ns)

    def _judge(self, batch: TelemetryBatch, priority: Priority) -> DetectionBatch:
        if self._overhears and priority is Priority.URGENT:
            return self._detector.overhear(batch)
        return self._detector.update(batch)


class AlertStage:
    """A lane of the detection log -> hazards, tickets and notices; effects and cursor move in one transaction."""

    def __init__(
        self,
        desk: AlertDispatch,
        catalog: Catalog,
        refresh: LogCatalog,
        latency: Histogram,
        head: Path,
        *,
        lane: Priority,
    ) -> None:
        """latency: gets the seconds from arrival to the database; head: file for the journal's noted end.

        What goes by time is done by the urgent lane's stage: a storm of detections does not hold it up.
        """
        self.name = ALERT_URGENT if lane is Priority.URGENT else ALERT
        self._desk, self._catalog, self._refresh = desk, catalog, refresh
        self._latency, self._head, self._lane = latency, head, lane
        self._ticked_ns = 0

    def recover(self) -> int:
        """Cursor of the desk."""
        return self._desk.cursor(self._lane)

    def process(self, entries: Sequence[DetectionEntry]) -> None:
        """Apply the detections of each entry."""
        for entry in entries:
            self._refresh.refresh(entry.detections.sensor, entry.detections.metric)
            if self._desk.apply(entry.detections, self._catalog, cursor=entry.seq, lane=self._lane):
                waited_ns = self._desk.clock() - int(entry.detections.arrival_ns.max())
                self._latency.observe(max(0.0, waited_ns / 1e9))

    def idle(self) -> None:
        """Once a second, what goes by time: deadlines and observation; then note where the journal ends."""
        now_ns = self._desk.clock()
        if self._lane is Priority.URGENT and abs(now_ns - self._ticked_ns) >= TICK_EVERY_NS:
            self._ticked_ns = now_ns
            self._desk.tick(now_ns)
            note_head(self._head, self._desk.tip())


def note_head(path: Path, tip: tuple[int, str]) -> None:
    """Write (seq, digest) of the journal's last entry beside the database, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(tip), encoding="utf-8")
    fresh.replace(path)


def noted_head(path: Path) -> tuple[int, str] | None:
    """What `note_head` wrote last, None when there is nothing."""
    if not path.exists():
        return None
    seq, digest = json.loads(path.read_text(encoding="utf-8"))
    return int(seq), str(digest)
