"""Messages that go out without a database: kept in memory, a worker for each channel, tried until received."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import structlog

from alerts.model import Notice

from .channels.contract import Channel
from .outbox import CONSOLE, settled
from .sent_ids import SentIds

WAITING_MAX = 2_000
RECENT_MAX = 200
TURN_S = 0.25


class MemoryOutbox:
    """Delivers from memory what cannot wait for the database. Methods may be called from several threads.

    A channel that hangs holds up no other. At most `waiting_max` messages wait for each channel; of more the oldest
    are given up, and counted. Ids and waits between tries are those of the outbox. A restart forgets what waits.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        clock: Callable[[], int],
        *,
        delivered: SentIds | None = None,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        """delivered: shared with the outbox, so that each message goes out by one of them."""
        self._clock, self._waiting_max = clock, waiting_max
        self._delivered = SentIds() if delivered is None else delivered
        self._channels = tuple(channels)
        self._waiting: dict[str, deque[Notice]] = {channel.name: deque() for channel in channels}
        self._accepted: deque[str] = deque(maxlen=waiting_max * (len(self._channels) + 1))
        self._recent: deque[Notice] = deque(maxlen=RECENT_MAX)
        self._news = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, args=(channel,), name=f"messenger-{channel.name}", daemon=True)
            for channel in channels
        ]
        self.sent_total = self.failed_total = self.dropped_total = 0

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is under way and end."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(15)

    def send(self, notices: Iterable[Notice]) -> int:
        """Take messages over for delivery, each id once; how many were new."""
        with self._news:
            known = set(self._accepted)
            fresh = [notice for notice in notices if notice.id not in known and notice.id not in self._delivered]
            for notice in fresh:
                self._accepted.append(notice.id)
                self._keep(notice)
            self._news.notify_all()
        return len(fresh)

    @property
    def waiting(self) -> int:
        """How many messages wait for a try."""
        with self._news:
            return sum(map(len, self._waiting.values()))

    def recent(self) -> list[Notice]:
        """The newest messages that were meant for the screen, the newest first."""
        with self._news:
            return list(reversed(self._recent))

    def _keep(self, notice: Notice) -> None:
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
        log = structlog.get_logger(part="messenger", channel=channel.name)
        while True:
            notice = self._next(channel.name)
            if notice is None:
                return
            try:
                receipt = self._delivered.through(channel, notice)
                after = settled(notice, receipt, self._clock())
            except Exception as error:
                log.exception("delivery failed, will try again", error=f"{type(error).__name__}")
                after = replace(notice, attempts=notice.attempts + 1, next_ns=self._clock() + 5_000_000_000)
            self._settle(after)

    def _settle(self, notice: Notice) -> None:
        with self._news:
            if notice.state == "pending":
                self._waiting[notice.channel].append(notice)
            elif notice.state == "sent":
                self.sent_total += 1
            else:
                self.failed_total += 1

    def _next(self, channel: str) -> Notice | None:
        """The message that is due the longest, taken out of the line; waits for one; None at the end."""
        with self._news:
            while not self._stopping:
                line, now_ns = self._waiting[channel], self._clock()
                due = [notice for notice in line if notice.next_ns <= now_ns]
                if due:
                    first = min(due, key=lambda notice: notice.next_ns)
                    line.remove(first)
                    return first
                self._news.wait(TURN_S)
        return None
