"""Audit entries that wait in memory while the journal rejects writes."""

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
"""Kinds that a stranger can cause. They use half of the memory; further entries are only counted."""


class Note(NamedTuple):
    """One entry to write. at_ns: time of the event."""

    at_ns: int
    kind: str
    actor: str
    site: str
    subject: str
    facts: Mapping[str, Any]


class DeferredAudit:
    """Writes entries to the journal immediately or after it accepts writes again. Thread-safe.

    A late entry has the time of its event and the fact `written_late`. A restart loses waiting entries.
    """

    def __init__(self, engine: Engine, *, waiting_max: int = WAITING_MAX) -> None:
        """waiting_max: maximum of waiting entries; a further one raises the database's error."""
        self._engine, self._waiting_max = engine, waiting_max
        self._waiting: deque[Note] = deque()
        self._lock = threading.Lock()
        self.dropped_total = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def write(self, note: Note) -> None:
        """Write one entry, or keep it in memory. Raises the database's error when memory is full."""
        try:
            with self._engine.begin() as connection:
                _append(connection, note, late=False)
        except UNWRITTEN:
            if not self._keep(note):
                raise

    def settle(self) -> int:
        """Write the waiting entries in order in one transaction; return their number."""
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

    def _keep(self, note: Note) -> bool:
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
