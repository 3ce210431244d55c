"""Receiver of degraded mode: each message once, from the durable session or its own, within a bound."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ingest import Frame
from ingest.mqtt import Chunk, Failing, FirstArrivals, MqttSettings, status_topic
from twinward.standby.receiver import DUPLICATED_AFTER_NS, Receiver, Sessions

NOW_NS = 1_790_000_000_000_000_000


def frame(number: int) -> Frame:
    """Return a message of its own."""
    return (0, 0, b"campus/s/smoke/smoke-1", b'{"seq": %d, "smoke": true}' % number)


class DurableSession:
    """Holds chunks that are not durable."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    def failing(self) -> Failing | None:
        """Return no failure."""

    def unstored(self) -> list[Chunk]:
        """Return the chunks of the test."""
        return list(self.chunks)

    def delay_s(self) -> float:
        """Return no delay."""
        return 0.0


class TransientSession:
    """Returns the frames of the test."""

    def __init__(self) -> None:
        self.subscribed, self.errors_total, self.closed = False, 0, 0
        self.frames: list[Frame] = []

    def receive(self) -> list[Frame]:
        """Connect and return the frames."""
        self.subscribed = True
        frames, self.frames = self.frames, []
        return frames

    def subscribe(self, topics: Sequence[str]) -> None:
        """Accept no topic."""
        assert not topics

    def close(self) -> None:
        """Close the session."""
        self.subscribed, self.closed = False, self.closed + 1


class World:
    """A receiver with its sessions and clock."""

    def __init__(self) -> None:
        self.now_ns, self.durable = NOW_NS, DurableSession()
        self.all, self.urgent = TransientSession(), TransientSession()
        sessions = Sessions(self.all, self.urgent, "campus/x/status")  # type: ignore[arg-type]
        self.entitled, arrivals = True, FirstArrivals()
        self.receiver = Receiver(self.durable, sessions, arrivals, lambda: self.now_ns, entitled=lambda: self.entitled)

    def drained(self) -> list[Frame]:
        """Return the drained messages."""
        return [one for frames, _ in self.receiver.drain() for one in frames]


def test_a_node_alone_asks_for_no_status() -> None:
    """The subscriptions are those of the durable session; two nodes add its status."""
    settings, filters = MqttSettings(), ["campus/+/+/+/telemetry"]
    alone, shared = (Sessions.of(settings, lambda: filters, shared=shared) for shared in (False, True))
    assert [*alone.all._subscriptions()] == filters
    assert [*shared.all._subscriptions()] == [*filters, status_topic(settings)]


def test_messages_of_both_sessions_come_once() -> None:
    """Messages that were not durable at the connect come first; later ones of the durable session, if unknown."""
    world = World()
    world.durable.chunks = [Chunk(1, [frame(1)], NOW_NS, known=False)]
    world.receiver.start(urgent_alone=False)
    world.receiver.receive(keep=True)
    world.all.frames = [frame(2)]
    world.receiver.receive(keep=True)
    world.durable.chunks += [Chunk(2, [frame(2)], NOW_NS, known=True), Chunk(3, [frame(3)], NOW_NS, known=False)]
    assert world.drained() == [frame(1), frame(3), frame(2)]
    assert world.drained() == []
    world.receiver.restart()
    assert world.drained() == [frame(1), frame(3)]


def test_life_safety_alone_leaves_the_durable_session_its_messages() -> None:
    """Ahead of a backlog, the log stores the messages of the durable session; only new ones are scored in memory."""
    world = World()
    world.durable.chunks = [Chunk(1, [frame(1)], NOW_NS, known=False)]
    world.receiver.start(urgent_alone=True)
    world.receiver.receive(keep=True)
    world.urgent.frames = [frame(2)]
    world.receiver.receive(keep=True)
    assert world.drained() == [frame(2)]
    assert not world.all.subscribed


def test_the_buffer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest messages are dropped and counted."""
    monkeypatch.setattr("twinward.standby.receiver.BUFFERED_MAX", 3)
    world = World()
    world.receiver.start(urgent_alone=False)
    dropped = 0
    for number in range(5):
        world.all.frames = [frame(number)]
        dropped += world.receiver.receive(keep=True)
    assert (dropped, world.drained()) == (2, [frame(2), frame(3), frame(4)])


def test_old_messages_are_dropped_while_no_flow_needs_them() -> None:
    """After ten seconds the durable session has received a message as well."""
    for keep, expected in ((False, []), (True, [frame(1)])):
        world = World()
        world.receiver.start(urgent_alone=True)
        world.urgent.frames = [frame(1)]
        world.receiver.receive(keep=keep)
        world.now_ns += DUPLICATED_AFTER_NS + 1
        assert world.receiver.receive(keep=keep) == 0
        assert world.drained() == expected


def test_a_stop_empties_the_buffer_and_closes_the_session() -> None:
    """The next mode starts without messages of this one."""
    world = World()
    world.receiver.start(urgent_alone=False)
    world.all.frames = [frame(1)]
    world.receiver.receive(keep=True)
    world.receiver.stop()
    assert (world.all.closed, world.receiver.connected, world.drained()) == (1, False, [])


def test_another_node_at_the_durable_session_replaces_this_one() -> None:
    """Its status begins and ends that, unless this process has the session itself; no other message is lost."""
    online, offline = ((0, 0, b"campus/x/status", text) for text in (b"online", b"offline"))
    world, found = World(), []
    world.receiver.start(urgent_alone=False)
    for world.entitled, status in ((True, online), (False, online), (False, offline), (False, online)):
        world.all.frames = [status, frame(len(found))]
        world.receiver.receive(keep=True)
        found.append(world.receiver.replaced)
    assert found == [False, True, False, True]
    assert world.drained() == [frame(number) for number in range(4)]
    world.entitled = True
    assert not world.receiver.replaced
    world.entitled = False
    world.receiver.stop()
    assert not world.receiver.replaced
