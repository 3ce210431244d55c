"""Whose turn it is to write, where both lanes of detections and people want to: life safety hardly waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ingest import Priority

SHARE = 0.25
"""After its turn the ordinary lane leaves the database to others for this part of the time that it took."""


class WritePriority:
    """Urgent turns begin at once; an ordinary one waits while any is wanted, and rests behind itself.

    An embedded database lets one writer in at a time, and whoever waits for it asks now and then: without the rests a
    lane that has much to write would keep everyone out.
    """

    def __init__(self) -> None:
        self._wanted = 0
        self._news = threading.Condition()

    @contextmanager
    def of(self, lane: Priority) -> Iterator[None]:
        """A turn of that lane, for one transaction."""
        if lane is Priority.URGENT:
            with self._urgent():
                yield
            return
        with self._news:
            while self._wanted:
                self._news.wait()
        begun_s = time.monotonic()
        yield
        time.sleep(SHARE * (time.monotonic() - begun_s))

    @contextmanager
    def _urgent(self) -> Iterator[None]:
        with self._news:
            self._wanted += 1
        try:
            yield
        finally:
            with self._news:
                self._wanted -= 1
                self._news.notify_all()
