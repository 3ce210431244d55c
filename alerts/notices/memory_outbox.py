"""Outbox in memory for degraded mode: one worker per channel, retries until delivery."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace

import structlog
from cachetools import FIFOCache

from alerts.model import Notice

from .bounded import LIMIT_S, Bounded
from .channels.contract import Channel
from .outbox import after_attempt
from .sent_ids import SentIds
from .withdrawals import ALL_CLEAR
from .writer import CONSOLE

WAITING_MAX = 2_000
RECENT_MAX = 200
TURN_S = 0.25


class MemoryOutbox:
    """Delivers notices that cannot wait for the database. Methods may be called from several threads.

    A channel that hangs delays no other. At most `waiting_max` notices wait per channel; beyond that the oldest are
    dropped and counted. Ids and retry times equal those of the outbox. A restart loses waiting notices.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        clock: Callable[[], int],
        *,
        delivered: SentIds | None = None,
        waiting_max: int = WAITING_MAX,
        limit_s: float = LIMIT_S,
    ) -> None:
        """delivered: shared with the outbox, so that one of them sends each notice. limit_s: of one delivery."""
        self._clock, self._waiting_max = clock, waiting_max
        self._delivered = SentIds() if delivered is None else delivered
        self._channels = tuple(Bounded(channel, limit_s=limit_s) for channel in channels)
        self._waiting: dict[str, deque[Notice]] = {channel.name: deque() for channel in channels}
        self._accepted: FIFOCache[str, None] = FIFOCache(waiting_max * (len(self._channels) + 1))
        self._recent: deque[Notice] = deque(maxlen=RECENT_MAX)
        self._ended: FIFOCache[str, None] = FIFOCache(waiting_max)
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, args=(channel,), name=f"memory-outbox-{channel.name}", daemon=True)
            for channel in self._channels
        ]
        self.sent_total = self.failed_total = self.dropped_total = 0

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish running deliveries and stop the workers."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(15)

    def send(self, notices: Iterable[Notice]) -> int:
        """Accept notices for delivery, each id once; return the number of new ones."""
        with self._changed:
            known = self._accepted
            fresh = [notice for notice in notices if notice.id not in known and notice.id not in self._delivered]
            for notice in fresh:
                known[notice.id] = None
                self._queue(notice)
            self._changed.notify_all()
        return len(fresh)

    def end_order(self, order: str) -> None:
        """Deliver no notice that begins this order from now on."""
        with self._changed:
            self._ended[order] = None

    @property
    def waiting(self) -> int:
        """Return the number of waiting notices."""
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def recent(self) -> list[Notice]:
        """Return the newest notices of the console, newest first."""
        with self._changed:
            return list(reversed(self._recent))

    def _queue(self, notice: Notice) -> None:
        if notice.channel == CONSOLE:
            self._recent.append(notice)
            return
        line = self._waiting.get(notice.channel)
        if line is None:
            return
        if len(line) >= self._waiting_max:
            line.popleft()
            self.dropped_total += 1
        line.append(notice)

    def _run(self, channel: Channel) -> None:
        log = structlog.get_logger(part="memory outbox", channel=channel.name)
        while True:
            notice = self._next(channel.name)
            if notice is None:
                return
            try:
                receipt = self._delivered.deliver_once(channel, notice)
                after = after_attempt(notice, receipt, self._clock())
            except Exception as error:
                log.exception("delivery failed; the worker retries", error=f"{type(error).__name__}")
                after = replace(notice, attempts=notice.attempts + 1, next_ns=self._clock() + 5_000_000_000)
            self._settle(after)

    def _settle(self, notice: Notice) -> None:
        with self._changed:
            if notice.state == "pending":
                self._waiting[notice.channel].append(notice)
            elif notice.state == "sent":
                self.sent_total += 1
            else:
                self.failed_total += 1

    def _next(self, channel: str) -> Notice | None:
        """Remove and return the notice that has been due longest; wait for one. None after the stop."""
        with self._changed:
            while not self._stopping:
                line, now_ns = self._waiting[channel], self._clock()
                for notice in [one for one in line if _begins(one, self._ended)]:
                    line.remove(notice)
                due = [notice for notice in line if notice.next_ns <= now_ns]
                if due:
                    first = min(due, key=lambda notice: notice.next_ns)
                    line.remove(first)
                    return first
                self._changed.wait(TURN_S)
        return None


def _begins(notice: Notice, orders: Container[str]) -> bool:
    """Return whether the notice begins one of the orders."""
    return notice.body.get("action") != ALL_CLEAR and notice.body.get("order", "") in orders
