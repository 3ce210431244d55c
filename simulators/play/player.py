"""Player of a world: to a broker (real time, accelerated, stepwise), into a file, or as an iterator.

No message has a time in the future: an accelerated play is stamped so that it ends at the wall-clock end of playing,
with its original spacing.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np

from simulators.campus.fleet import Samples
from simulators.encode import ENCODERS, Message
from simulators.errors import ScenarioInvalid
from simulators.faults import Outage
from simulators.play.publisher import Row
from simulators.play.stream import Stream
from simulators.play.world import World

CHUNK_S = 60.0
LIVE_CHUNK_S = 0.5
BURST_MS = 5.0
"""Minimum sleep of a waiting play, so messages leave in bursts."""

TOLERANCE = 0.02


class Sink(Protocol):
    """Destination of messages: publishers, or a list in a test."""

    def publish(self, messages: list[Row]) -> None:
        """Accept messages in order; may block."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait at most this long."""
        ...


@dataclass(frozen=True, slots=True)
class Stamping:
    """Mapping from world time to message time and time of sending (all ms)."""

    begin_ms: int
    wall_begin_ms: int
    speed: float
    shift_ms: int
    squeeze: float = 1.0

    def due_ms(self, time_ms: float) -> float:
        """Return the wall clock at which a message of the world's `time_ms` is sent."""
        return self.wall_begin_ms + (time_ms - self.begin_ms) / self.speed

    def world_ms(self, wall_ms: float) -> float:
        """Return the world time that is due at a wall clock."""
        return self.begin_ms + (wall_ms - self.wall_begin_ms) * self.speed

    def stamp(self, part: Samples) -> Samples:
        """Return the part with message times."""
        time_ms = self.stamped_ms(part.time_ms)
        return replace(part, time_ms=time_ms, sent_ms=self.stamped_ms(part.due_ms))

    def stamped_ms(self, time_ms: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the message times of world times."""
        if self.squeeze == 1.0:
            return time_ms + self.shift_ms
        return self.begin_ms + ((time_ms - self.begin_ms) / self.squeeze).astype(np.int64) + self.shift_ms

    def sent_world_ms(self, stamped_ms: int) -> float:
        """Return the world time of a message sent at `stamped_ms`."""
        return self.begin_ms + (stamped_ms - self.shift_ms - self.begin_ms) * self.squeeze


@dataclass(frozen=True, slots=True)
class PlayResult:
    """Result of a play. late_s: largest delay of sending; held: it never exceeded 2 % of the time."""

    messages: int
    seconds: float
    late_s: float
    held: bool

    @property
    def rate_per_s(self) -> float:
        """Return messages per second."""
        return self.messages / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self) | {"rate_per_s": self.rate_per_s}


def as_recording(world: World, *, wall_ms: int, speed: float) -> Stamping:
    """Return stamps for a play that ends now: event(t) = now + D/X - (t_end - t)."""
    begin, end = world.span_ms
    return Stamping(begin, wall_ms, speed, wall_ms + round((end - begin) / speed) - end)


def as_live(world: World, *, wall_ms: int, speed: float) -> Stamping:
    """Return stamps by the wall clock; a higher speed compresses the signals."""
    return Stamping(world.start_ms, wall_ms, speed, wall_ms - world.start_ms, speed)


class Wire:
    """A world as messages, span by span: announcements, messages, and last wills of lost gateways.

    formats: a key of ENCODERS; stamping: None for the world's own times. Raises ScenarioInvalid on an unknown format.
    """

    def __init__(
        self, world: World, *, formats: str = "native", stamping: Stamping | None = None, begin_ms: int | None = None
    ) -> None:
        check_formats(formats, world)
        self.stream = Stream(world, begin_ms=begin_ms)
        self.encoder = ENCODERS[formats](world.fleet)
        self._stamping = stamping
        self._begun = False

    @property
    def end_ms(self) -> int:
        """Time of sending of the last known message (world time)."""
        return self.stream.end_ms

    def advance(self, end_ms: int) -> list[Message]:
        """Return all messages from the end of the last span until `end_ms`, in order of sending."""
        begin_ms = self.stream.at_ms
        parts = self.stream.advance(end_ms)
        if self._stamping is not None:
            parts = [self._stamping.stamp(part) for part in parts]
        announced = self._announced(begin_ms, end_ms)
        encoded = self.encoder.encode(parts)
        return sorted([*announced, *encoded], key=lambda message: message.time_ms) if announced else encoded

    def _announced(self, begin_ms: int, end_ms: int) -> list[Message]:
        found: list[Message] = []
        world = self.stream.world
        if not self._begun:
            self._begun = True
            found += self.encoder.begin(range(len(world.fleet.devices)), self._device_time(begin_ms))
        for fault in world.faults:
            if isinstance(fault, Outage):
                gone, back = fault.span_ms
                children = fault.reach.members.tolist()
                if begin_ms <= gone < end_ms:
                    found += self.encoder.lose(children, self._device_time(gone))
                if begin_ms <= back < end_ms:
                    found += self.encoder.begin(children, self._device_time(back))
        return found

    def _device_time(self, time_ms: int) -> int:
        return time_ms if self._stamping is None else int(self._stamping.stamped_ms(np.array([time_ms], np.int64))[0])


def messages(
    world: World, span_ms: tuple[int, int], *, formats: str = "native", stamping: Stamping | None = None
) -> list[Message]:
    """Return all messages of [begin, end) in order of sending, as if the world began there."""
    return Wire(world, formats=formats, stamping=stamping, begin_ms=span_ms[0]).advance(span_ms[1])


def stream(world: World, *, formats: str = "native", chunk_s: float = CHUNK_S) -> Iterator[Message]:
    """Yield every message of the world, history included, in order of sending; faults may send some after its end."""
    wire = Wire(world, formats=formats)
    for _, end_ms in chunks(world.span_ms, chunk_s):
        yield from wire.advance(end_ms)
    while wire.stream.pending:
        yield from wire.advance(wire.end_ms)


def chunks(span_ms: tuple[int, int], chunk_s: float) -> Iterator[tuple[int, int]]:
    """Yield the span in chunks."""
    begin, end = span_ms
    step = max(1, round(chunk_s * 1000))
    for at_ms in range(begin, end, step):
        yield at_ms, min(at_ms + step, end)


def play(
    world: World,
    sink: Sink,
    stamping: Stamping,
    *,
    formats: str = "native",
    clock_ms: Callable[[], float] = lambda: time.time() * 1000,
    clock_speed: float = 1.0,
    stop: threading.Event | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> PlayResult:
    """Send every message from stamping.begin_ms to the end of the world when due.

    clock_speed: speed of `clock_ms` relative to real time. progress(messages so far, share done) is called after every
    chunk. Blocks until the end or until `stop` is set.
    """
    wire = Wire(world, formats=formats, stamping=stamping, begin_ms=stamping.begin_ms)
    pace = _Pace(sink, stamping, clock_ms, stop or threading.Event(), clock_speed)
    begun_ms, at_ms = clock_ms(), stamping.begin_ms
    step_ms = max(1, round(LIVE_CHUNK_S * 1000 * max(1.0, stamping.speed, clock_speed)))
    while at_ms < wire.end_ms and not pace.stop.is_set():
        upto_ms = min(wire.end_ms, at_ms + step_ms)
        pace.send(wire.advance(upto_ms))
        at_ms = upto_ms
        if progress:
            progress(pace.sent, (at_ms - stamping.begin_ms) / (wire.end_ms - stamping.begin_ms))
    pace.wait_for(at_ms)
    seconds = (clock_ms() - begun_ms) / 1000
    wanted_s = (at_ms - stamping.begin_ms) / stamping.speed / 1000
    held = pace.late_ms <= max(1000.0, 1000 * TOLERANCE * wanted_s) and seconds <= (1 + TOLERANCE) * wanted_s + 1
    return PlayResult(pace.sent, seconds, pace.late_ms / 1000, held)


@dataclass(slots=True)
class _Pace:
    """Sends messages when due and never before; records the largest delay."""

    sink: Sink
    stamping: Stamping
    clock_ms: Callable[[], float]
    stop: threading.Event
    clock_speed: float
    sent: int = 0
    late_ms: float = 0.0

    def send(self, due: list[Message]) -> None:
        """Send one chunk in bursts."""
        rows = [(message.topic, message.payload, message.retain) for message in due]
        times_ms = [message.time_ms for message in due]
        position = 0
        while position < len(due) and not self.stop.is_set():
            self.wait_for(self.stamping.sent_world_ms(times_ms[position]))
            now_ms = self.clock_ms()
            self.late_ms = max(self.late_ms, now_ms - self._due(times_ms[position]))
            last = max(position + 1, bisect.bisect_right(times_ms, now_ms, key=self._due))
            self.sink.publish(rows[position:last])
            self.sent += last - position
            position = last

    def wait_for(self, world_ms: float) -> None:
        """Wait until that world time is due."""
        while not self.stop.is_set():
            ahead_ms = self.stamping.due_ms(world_ms) - self.clock_ms()
            if ahead_ms <= 0:
                return
            self.sink.pause(min((ahead_ms / self.clock_speed + BURST_MS) / 1000, 0.5))

    def _due(self, stamped_ms: int) -> float:
        return self.stamping.due_ms(self.stamping.sent_world_ms(stamped_ms))


def check_formats(name: str, world: World) -> None:
    """Raise ScenarioInvalid for an unknown format, or for a bridge's format with more than one school."""
    if name not in ENCODERS:
        raise ScenarioInvalid("formats", [f"{name!r} is unknown; allowed: {', '.join(ENCODERS)}"])
    if name not in ("native", "batched") and len(world.fleet.sites) > 1:
        raise ScenarioInvalid("formats", [f"{name!r} is spoken by the bridges of one school; sites = 1 is needed"])
