"""Receives messages for degraded mode by a transient session and buffers them until scored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ingest import Frame
from ingest.mqtt import FirstArrivals, MqttSettings, TransientSession, urgent_filters

from .faults import Source

BUFFERED_MAX = 200_000
DUPLICATED_AFTER_NS = 10_000_000_000
"""Age at which the durable session has received a message as well, while there is no backlog."""


class Sessions(NamedTuple):
    """Transient sessions, one for every message and one for life-safety messages."""

    all: TransientSession
    urgent: TransientSession

    @classmethod
    def of(cls, settings: MqttSettings, filters: Callable[[], Sequence[str]]) -> Sessions:
        """Return both sessions; filters: returns the subscriptions of the durable session."""
        urgent = TransientSession(settings, lambda: urgent_filters(filters()))
        return cls(TransientSession(settings, filters), urgent)


class Receiver:
    """Buffer of at most 200,000 messages with their arrival times. One thread works with it."""

    def __init__(self, source: Source, sessions: Sessions, arrivals: FirstArrivals, clock: Callable[[], int]) -> None:
        """source: holds the messages of the durable session; arrivals: shared with that session."""
        self._source, self._sessions, self._arrivals, self._clock = source, sessions, arrivals, clock
        self._session, self._urgent_alone = sessions.all, False
        self._buffer: deque[tuple[Sequence[Frame], int]] = deque()
        self._buffered = 0
        self._fed = self._mark = 0

    @property
    def connected(self) -> bool:
        """Whether the present session is subscribed."""
        return self._session.subscribed

    @property
    def errors_total(self) -> int:
        """Failed attempts of both sessions."""
        return sum(session.errors_total for session in self._sessions)

    @property
    def forgotten_total(self) -> int:
        """Messages of one session dropped from the match of both for lack of memory."""
        return self._arrivals.forgotten_total

    def start(self, *, urgent_alone: bool) -> None:
        """Choose the session that the next `receive` connects."""
        self._urgent_alone = urgent_alone
        self._session = self._sessions.urgent if urgent_alone else self._sessions.all

    def receive(self, *, keep: bool) -> int:
        """Buffer the messages since the last call; return the number of messages dropped for lack of space.

        Blocks for at most a tenth of a second. keep: whether a flow needs messages that the durable session has as
        well.
        """
        connected_before = self._session.subscribed
        frames = self._session.receive()
        now_ns = self._clock()
        if self._session.subscribed and not connected_before:
            chunks = self._source.unstored()
            self._mark = max(self._mark, chunks[-1].number if chunks else 0)
            self._arrivals.begin(urgent_alone=self._urgent_alone)
        new = self._arrivals.receive(frames, now_ns) if frames else []
        if new:
            self._buffer.append((new, now_ns))
            self._buffered += len(new)
        dropped = 0
        while self._buffered > BUFFERED_MAX:
            dropped += self._drop_oldest()
        while not keep and self._buffer and now_ns - self._buffer[0][1] > DUPLICATED_AFTER_NS:
            self._drop_oldest()
        return dropped

    def restart(self) -> None:
        """Yield messages of the durable session again: a new flow has none of them."""
        self._fed = 0

    def drain(self) -> Iterator[tuple[Sequence[Frame], int]]:
        """Yield messages with their arrival, each once.

        Messages of the durable session that are not durable and that this session has not received come first. With
        life-safety messages alone there are none: the log works.
        """
        for chunk in () if self._urgent_alone else self._source.unstored():
            if chunk.number > self._fed:
                self._fed = chunk.number
                if chunk.number <= self._mark or not chunk.known:
                    yield chunk.frames, chunk.arrival_ns
        while self._buffer:
            frames, arrival_ns = self._buffer.popleft()
            self._buffered -= len(frames)
            yield frames, arrival_ns

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe to topics that a format asks for."""
        self._session.subscribe(topics)

    def stop(self) -> None:
        """Close the session and empty the buffer."""
        self._session.close()
        self._arrivals.end()
        self._buffer.clear()
        self._buffered = self._mark = 0

    def _drop_oldest(self) -> int:
        frames, _ = self._buffer.popleft()
        self._buffered -= len(frames)
        return len(frames)
