"""The journal's end, followed once for all listeners of the live stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from alerts import AlertDesk, Event

KEPT = 2_000
PAUSE_S = 0.2


class Tail:
    """Reads new journal entries and wakes the listeners; keeps the last KEPT for those that come back."""

    def __init__(self, desk: AlertDesk) -> None:
        self._queries = desk.queries
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._news = asyncio.Condition()
        self.seq = 0
        self.oldest = 1

    async def follow(self) -> None:
        """Until cancelled: read what is new. A database that is away is asked again."""
        self.seq = await to_thread.run_sync(self._queries.head)
        self.oldest = self.seq + 1
        while True:
            try:
                fresh = await to_thread.run_sync(lambda: self._queries.events(after=self.seq))
            except SQLAlchemyError as error:
                structlog.get_logger(part="http").warning("live stream cannot read the journal", error=str(error))
                fresh = []
            if fresh:
                await self._publish(fresh)
            else:
                await asyncio.sleep(PAUSE_S)

    async def _publish(self, fresh: Sequence[Event]) -> None:
        async with self._news:
            self._kept.extend(fresh)
            self.seq = fresh[-1].seq
            self.oldest = self._kept[0].seq
            self._news.notify_all()

    async def after(self, seq: int, *, timeout_s: float) -> list[Event]:
        """Kept entries behind `seq`; waits for the first at most timeout_s, then gives none."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: self.seq > seq)
        except TimeoutError:
            return []
        return [event for event in self._kept if event.seq > seq]
