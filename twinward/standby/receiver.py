"""Receives messages for degraded mode by a transient session and buffers them until scored."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ingest import Frame
from ingest.mqtt import FirstArrivals, MqttSettings, TransientSession, status_topic, urgent_filters

from .faults import Source

BUFFERED_MAX = 200_000
DUPLICATED_AFTER_NS = 10_000_000_000
"""Age at which the durable session has received a message as well, while there is no backlog."""


class Sessions(NamedTuple):
    """Transient sessions, one for every message and one for life-safety messages.

    The first also receives `status`, the topic of the durable session's status.
    """

    all: TransientSession
    urgent: TransientSession
    status: str = ""

    @classmethod
    def of(cls, settings: MqttSettings, filters: Callable[[], Sequence[str]], *, shared: bool = False) -> Sessions:
        """Return both sessions; filters: returns the subscriptions of the durable session.

        shared: other nodes may have the durable session. Without them its status is not received: a broker may refuse
        that subscription, and some end the session then.
        """
        urgent = TransientSession(settings, lambda: urgent_filters(filters()))
        if not shared:
            return cls(TransientSession(settings, filters), urgent)
        status = status_topic(settings)
        return cls(TransientSession(settings, lambda: [*filters(), status]), urgent, status)


class Receiver:
    """Buffer of at most 200,000 messages with their arrival times. One thread works with it."""

    def __init__(
        self,
        source: Source,
        sessions: Sessions,
        arrivals: FirstArrivals,
        clock: Callable[[], int],
        *,
        entitled: Callable[[], bool] = lambda: True,
    ) -> None:
        """source: holds the messages of the durable session; arrivals: shared with that session.

        entitled: whether this process may have the durable session; else its status is that of another node.
        """
        self._entitled, self._online = entitled, False
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
    def replaced(self) -> bool:
        """Whether another node has the durable session: it pages."""
        return self._online and not self._entitled()

    @property
    def errors_total(self) -> int:
        """Failed attempts of both sessions."""
        return self._sessions.all.errors_total + self._sessions.urgent.errors_total

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
        frames = self._sift(self._session.receive())
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

    def _sift(self, frames: list[Frame]) -> list[Frame]:
        """Note the status of the durable session; return the other messages."""
        if not self._sessions.status:
            return frames
        status = self._sessions.status.encode()
        for frame in frames:
            if frame[2] == status:
                self._online = frame[3] == b"online" and not self._entitled()
        return [frame for frame in frames if frame[2] != status]

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
        self._online = False

    def _drop_oldest(self) -> int:
        frames, _ = self._buffer.popleft()
        self._buffered -= len(frames)
        return len(frames)
