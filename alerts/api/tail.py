"""The journal's end, followed once for all listeners of the live stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError

from alerts import AlertDispatch, Event

KEPT = 2_000
PAUSE_S = 0.2


class Tail:
    """Reads new journal entries and wakes the listeners; keeps the last KEPT for those that come back."""

    def __init__(self, desk: AlertDispatch, condition: Callable[[], int]) -> None:
        """condition: version of what the service says of itself, which stands in no journal."""
        self._queries, self._condition = desk.queries, condition
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._news = asyncio.Condition()
        self.seq = 0
        self.oldest = 1
        self.condition = 0

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
            condition = self._condition()
            if fresh or condition != self.condition:
                await self._publish(fresh, condition)
            else:
                await asyncio.sleep(PAUSE_S)

    async def _publish(self, fresh: Sequence[Event], condition: int) -> None:
        async with self._news:
            self.condition = condition
            if fresh:
                self._kept.extend(fresh)
                self.seq = fresh[-1].seq
                self.oldest = self._kept[0].seq
            self._news.notify_all()

    async def after(self, seq: int, *, condition: int, timeout_s: float) -> list[Event]:
        """Kept entries behind `seq`; waits at most timeout_s for the first, or for another version of the condition."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(lambda: self.seq > seq or self.condition != condition)
        except TimeoutError:
            return []
        return [event for event in self._kept if event.seq > seq]
