"""Tail of the event journal, read once for all listeners of the live stream."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from itertools import takewhile

import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from alerts import AlertDispatch, Event

EVENTS_MAX = 2_000
PAUSE_S = 1.0
"""Longest time between two reads: for entries of another process, and for the condition."""
FRESH_S = 3.0
"""A journal that has not been read for this time stops the heartbeat: its listeners may miss an alarm."""


async def pause(stopped: asyncio.Event, seconds: float) -> None:
    """Wait for some seconds, at most until the event is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopped.wait()


class Tail:
    """Reads new journal entries and notifies the listeners. Keeps the last EVENTS_MAX for reconnecting clients."""

    def __init__(self, dispatch: AlertDispatch, condition: Callable[[], int]) -> None:
        """condition: version of the service's condition, which the journal does not contain."""
        self._queries, self._commits, self._condition = dispatch.queries, dispatch.commits, condition
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._changed, self._stopped, self._woken = asyncio.Condition(), asyncio.Event(), asyncio.Event()
        self.seq = 0
        self.oldest = 1
        self.condition = 0
        self._read_s = float("-inf")

    async def run(self) -> None:
        """Read new entries until `stop`; retries while the database is unavailable."""
        loop = asyncio.get_running_loop()

        def wake(_channels: Collection[str]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._woken.set)

        self._commits.add(wake)
        try:
            await self._follow()
        finally:
            self._commits.remove(wake)

    async def _follow(self) -> None:
        begun = False
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                if not begun:
                    self.seq = await to_thread.run_sync(self._queries.head)
                    self.oldest, begun = self.seq + 1, True
                fresh = await to_thread.run_sync(lambda: self._queries.events(after=self.seq))
                self._read_s = time.monotonic()
            except SQLAlchemyError as error:
                structlog.get_logger(part="http").warning("live stream cannot read the journal", error=str(error))
                fresh = []
            condition = self._condition()
            if fresh or condition != self.condition:
                await self._publish(fresh, condition)
            else:
                await pause(self._woken, PAUSE_S)

    def stop(self) -> None:
        """End `run` after its present read: a cancelled read would keep its database connection."""
        self._stopped.set()
        self._woken.set()

    def fresh(self) -> bool:
        """Return whether the journal has just been read."""
        return time.monotonic() - self._read_s < FRESH_S

    def lacks(self, seq: int) -> bool:
        """Return whether an entry behind `seq` is not kept, or `seq` is of another journal."""
        return seq > self.seq or seq < self.oldest - 1

    async def _publish(self, fresh: Sequence[Event], condition: int) -> None:
        async with self._changed:
            self.condition = condition
            if fresh:
                self._events.extend(fresh)
                self.seq = fresh[-1].seq
                self.oldest = self._events[0].seq
            self._changed.notify_all()

    async def after(self, seq: int, *, condition: int, timeout_s: float) -> list[Event]:
        """Return kept entries behind `seq`; waits at most timeout_s for one, or for another condition version."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self.seq > seq or self.condition != condition)
        except TimeoutError:
            return []
        return list(takewhile(lambda event: event.seq > seq, reversed(self._events)))[::-1]
