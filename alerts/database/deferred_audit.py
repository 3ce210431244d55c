"""Entries of the audit that wait in memory while the journal takes no writes: what was looked at or signed in to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine

from . import journal
from .storage_faults import UNWRITTEN

WAITING_MAX = 1_000
SPARED = frozenset(("session.refused",))
"""Kinds that a guesser can make: half of the room is not for them, and beyond it they are counted only."""


class Note(NamedTuple):
    """One entry as it is to be written. at_ns: when it happened."""

    at_ns: int
    kind: str
    actor: str
    site: str
    subject: str
    facts: Mapping[str, Any]


class DeferredAudit:
    """Writes entries to the journal, at once or as soon as that goes. Methods may be called from several threads.

    A late entry has the time of what it tells of and `written_late` among its facts. A restart forgets what waits.
    """

    def __init__(self, engine: Engine, *, waiting_max: int = WAITING_MAX) -> None:
        """waiting_max: entries that may wait; a further one raises what the database raised."""
        self._engine, self._waiting_max = engine, waiting_max
        self._waiting: deque[Note] = deque()
        self._lock = threading.Lock()
        self.dropped_total = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, note: Note) -> None:
        """Write one entry; raises what the database raised when it has to wait and there is no room."""
        try:
            with self._engine.begin() as connection:
                _append(connection, note, late=False)
        except UNWRITTEN:
            if not self._kept(note):
                raise

    def settle(self) -> int:
        """Write what waits, in order, in one transaction; how many entries that were."""
        if not self._waiting:
            return 0
        with self._lock:
            waiting = list(self._waiting)
        with self._engine.begin() as connection:
            for note in waiting:
                _append(connection, note, late=True)
        with self._lock:
            for _ in waiting:
                self._waiting.popleft()
        return len(waiting)

    def _kept(self, note: Note) -> bool:
        with self._lock:
            spared = note.kind in SPARED
            room = len(self._waiting) < (self._waiting_max // 2 if spared else self._waiting_max)
            if room:
                self._waiting.append(note)
            else:
                self.dropped_total += 1
            return room or spared


def _append(connection: Connection, note: Note, *, late: bool) -> None:
    facts = dict(note.facts) | ({"written_late": True} if late else {})
    journal.append(connection, **note._asdict() | {"facts": facts})
