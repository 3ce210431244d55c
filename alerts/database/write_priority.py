"""Write priority between the urgent and the ordinary lane of detections."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ingest import Priority

SHARE = 0.25
"""Pause of the ordinary lane after a transaction, as a share of the transaction's duration."""


class WritePriority:
    """An urgent transaction starts immediately. An ordinary one waits for urgent ones and pauses after itself.

    SQLite accepts one writer at a time, and a waiting writer polls. Without the pauses a busy lane would exclude the
    others.
    """

    def __init__(self) -> None:
        self._urgent_waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def of(self, lane: Priority) -> Iterator[None]:
        """Run one transaction of this lane."""
        if lane is Priority.URGENT:
            with self._urgent():
                yield
            return
        with self._changed:
            while self._urgent_waiting:
                self._changed.wait()
        begun_s = time.monotonic()
        yield
        time.sleep(SHARE * (time.monotonic() - begun_s))

    @contextmanager
    def _urgent(self) -> Iterator[None]:
        with self._changed:
            self._urgent_waiting += 1
        try:
            yield
        finally:
            with self._changed:
                self._urgent_waiting -= 1
                self._changed.notify_all()
