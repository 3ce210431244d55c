"""Wakes readers of the database after each commit that concerns them.

A transaction that appends to the journal or queues a notice wakes them: they need not poll. Each gets the channels of
the queued notices, so that a notice wakes only the worker of its channel. Other processes wake no reader, so a reader
also polls at an interval.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Engine, event

_MARK = "twinward.wrote"
Listener = Callable[[Collection[str]], object]
"""Called with the channels whose notices the transaction queued."""


def mark_written(connection: Connection, channel: str | None = None) -> None:
    """Mark the transaction of this connection: its end wakes the listeners. channel: of a queued notice."""
    channels: set[str] = connection.info.setdefault(_MARK, set())
    if channel is not None:
        channels.add(channel)


class Commits:
    """Listeners of one engine, which has one such object. Methods may be called from several threads.

    A listener runs in the thread of the transaction, after its end, and must not block. After a rollback it runs too.
    """

    def __init__(self, engine: Engine) -> None:
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        event.listen(engine, "checkin", self._returned)

    def add(self, listener: Listener) -> None:
        """Call the listener after each marked transaction from now on."""
        with self._lock:
            self._listeners = [*self._listeners, listener]

    def remove(self, listener: Listener) -> None:
        """Call the listener no longer."""
        with self._lock:
            self._listeners = [one for one in self._listeners if one != listener]

    def _returned(self, _connection: Any, record: Any) -> None:
        """Wake the listeners when a connection with a mark returns to the pool, which ends its transaction."""
        channels: Collection[str] | None = record.info.pop(_MARK, None)
        if channels is not None:
            for listener in self._listeners:
                listener(channels)
