"""The loop of every stage: read the log after the cursor, process the entries, advance the cursor."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import structlog

EntryT = TypeVar("EntryT", bound="Positioned")
EntryS_co = TypeVar("EntryS_co", bound="Positioned", covariant=True)
EntryP_contra = TypeVar("EntryP_contra", bound="Positioned", contravariant=True)

ENTRIES_PER_TURN = 256
WAIT_S = 0.25
BACKOFF_S_MAX = 2.0
LOGGED_EVERY_S = 60.0
"""Interval between log messages of one lasting or flapping error: they may be written to a full disk."""
EASE_S, ENTRIES_EASY = 1.0, 32
"""Pause after a full turn, and entries of a turn, while other parts load: a stage with a backlog must not slow them."""
YIELD_S = 0.02
"""Pause before a new entry for a stage with rests: the stages without, on the path of an alarm, run first."""


class Positioned(Protocol):
    """An entry with a position in a log."""

    @property
    def seq(self) -> int:
        """Position, from 1."""
        ...


class Source(Protocol[EntryS_co]):
    """A log to read from; several pumps may read one."""

    def read(self, after: int, *, limit: int = 64) -> Sequence[EntryS_co]:
        """Return at most `limit` entries after position `after`, in order."""
        ...

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry after `after` (True) or the time is over (False)."""
        ...

    def head(self) -> int:
        """Return the last position."""
        ...

    def end(self) -> int:
        """Return the last position of the whole log, of which the source may be a lane."""
        ...


class Stage(Protocol[EntryP_contra]):
    """One step of the flow behind a log.

    Invariants: `process` makes its effects and the cursor durable together, or raises with neither. Entries that were
    processed before change nothing.
    """

    name: str

    def recover(self) -> int:
        """Restore the last durable state, at start and after a failure; return the cursor."""
        ...

    def process(self, entries: Sequence[EntryP_contra]) -> None:
        """Process the entries, in order."""
        ...

    def idle(self) -> None:
        """Run short periodic work after each turn, with entries or without."""
        ...


class Pump(Generic[EntryT]):
    """Runs one stage on one source in a thread; retries with back-off after a failure."""

    def __init__(self, source: Source[EntryT], stage: Stage[EntryT], *, rest_s: float = 0.0) -> None:
        """rest_s: pause after a turn, for a stage that works better on fewer, larger batches."""
        self.name = stage.name
        self.failures_total = 0
        self.last_error = ""
        self.cursor = 0
        self._source = source
        self._rest_s = rest_s
        self._stage = stage
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._turned_ns = time.monotonic_ns()
        self._recovered = False
        self._thread = threading.Thread(target=self._run, name=f"pump-{stage.name}", daemon=True)
        self._logged_error, self._logged_s = "", 0.0
        self._log = structlog.get_logger(stage=stage.name)

    def start(self, *, hurry: threading.Event | None = None) -> None:
        """Start the thread. hurry: until it is set, the stage pauses after each full turn."""
        if hurry is None:
            self._hurry.set()
        else:
            self._hurry = hurry
        self._thread.start()

    def stop(self, *, timeout_s: float = 10) -> None:
        """Finish the present turn and stop; later entries wait in the log."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def head(self) -> int:
        """Return the last position of the log."""
        return self._source.head()

    def lag(self) -> int:
        """Return the number of log entries that the stage has not processed."""
        return max(0, self.head() - self.cursor)

    def healthy(self, *, stalled_s: float = 30) -> bool:
        """Return True once the stage has recovered, while the thread runs and its last turn did not fail.

        A stage whose cursor is behind the end of its log would pass over new entries: it is not healthy.
        """
        stalled = (time.monotonic_ns() - self._turned_ns) / 1e9 > stalled_s
        works = self._recovered and self._thread.is_alive() and not self.last_error and not stalled
        try:
            return works and self.cursor <= self._source.end()
        except (OSError, sqlite3.Error):  # the log does not answer
            return False

    def _run(self) -> None:
        wait_s = 0.1
        while not self._stopping.is_set():
            try:
                if not self._recovered:
                    self.cursor, self._recovered = self._stage.recover(), True
                self._turn()
                wait_s, self.last_error = 0.1, ""
            except Exception as error:  # noqa: BLE001 - the one place that may: logged, counted, cursor not advanced
                self._recovered = False
                self._failed(error)
                self._stopping.wait(wait_s)
                wait_s = min(wait_s * 2, BACKOFF_S_MAX)
            self._turned_ns = time.monotonic_ns()

    def _turn(self) -> None:
        easy = not self._hurry.is_set()
        limit = ENTRIES_EASY if easy else ENTRIES_PER_TURN
        entries = self._source.read(self.cursor, limit=limit)
        if entries:
            self._stage.process(entries)
            self.cursor = entries[-1].seq
        self._stage.idle()
        if not entries:
            if self._source.wait(self.cursor, WAIT_S) and self._rest_s:
                self._stopping.wait(min(YIELD_S, self._rest_s))
        elif easy and len(entries) == limit:
            self._hurry.wait(EASE_S)
        elif self._rest_s and len(entries) < limit:
            self._stopping.wait(self._rest_s)

    def _failed(self, error: Exception) -> None:
        self.failures_total += 1
        self.last_error = f"{type(error).__name__}: {error}"
        now_s = time.monotonic()
        if self.last_error != self._logged_error or now_s - self._logged_s > LOGGED_EVERY_S:
            self._logged_error, self._logged_s = self.last_error, now_s
            self._log.error("stage failed; retries", error=self.last_error, cursor=self.cursor, exc_info=True)
