"""Order of the write transactions of one process: ordinary detections let every other writer pass."""

from __future__ import annotations

import threading
from collections import deque

ORDINARY_WAIT_S = 10.0
"""Longest wait of an ordinary transaction for the other writers."""


class WriteTurns:
    """One write transaction at a time. An ordinary one starts only while no other one waits; these come in order.

    A database accepts one writer at a time, and on SQLite a waiting writer polls: without turns a busy lane of
    detections would exclude timers, deliveries and people until their limits. Without their order a thread that writes
    repeatedly would do the same: it takes the next turn before another one starts.
    """

    def __init__(self) -> None:
        self._held = False
        self._waiting = deque[object]()
        self._changed = threading.Condition()

    def enter(self, wait_s: float, *, ordinary: bool = False) -> bool:
        """Wait for the turn; return whether it came in time. wait_s: limit of a writer that is not ordinary."""
        with self._changed:
            if ordinary:
                return self._taken(ORDINARY_WAIT_S, None)
            place = object()
            self._waiting.append(place)
            try:
                return self._taken(wait_s, place)
            finally:
                self._waiting.remove(place)
                self._changed.notify_all()

    def leave(self) -> None:
        """End the turn."""
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def _taken(self, wait_s: float, first: object | None) -> bool:
        """Wait until nobody has the turn and `first` waits longest; None: nobody waits."""
        if not self._changed.wait_for(lambda: not self._held and next(iter(self._waiting), None) is first, wait_s):
            return False
        self._held = True
        return True
