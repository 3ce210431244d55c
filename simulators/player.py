"""Plays a world: to a broker in real time or faster, into a file, or to whoever iterates.

Nothing is ever stamped in the future: faster than real time, a play is stamped so that it ends at the wall-clock moment
at which playing ends, and its own spacing is kept.
"""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from simulators.encode import ENCODERS, Message
from simulators.errors import ScenarioInvalid
from simulators.fleet import Frames
from simulators.truth import rfc3339
from simulators.world import World

CHUNK_S = 60.0
LIVE_CHUNK_S = 0.5
PRESENCE: Mapping[str, float] = {"start": 1.0, "update": 1.0, "end": 0.0}


class Sink(Protocol):
    """Where messages go: a Publisher, or a list in a test."""

    def publish(self, messages: list[tuple[str, bytes, bool]]) -> None:
        """Take messages in order; may block."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait at most this long."""
        ...


@dataclass(frozen=True, slots=True)
class Stamping:
    """How a world's time becomes the time on the messages and the moment at which they are sent (all ms)."""

    begin_ms: int
    wall_begin_ms: int
    speed: float
    shift_ms: int
    squeeze: float = 1.0

    def due_ms(self, time_ms: int) -> float:
        """Wall clock at which something of the world's `time_ms` is sent."""
        return self.wall_begin_ms + (time_ms - self.begin_ms) / self.speed

    def world_ms(self, wall_ms: float) -> int:
        """The world's time that is due at a wall clock."""
        return self.begin_ms + int((wall_ms - self.wall_begin_ms) * self.speed)

    def stamp(self, part: Frames) -> Frames:
        """The part with the times that its messages carry."""
        moved = part.time_ms
        if self.squeeze != 1.0:
            moved = self.begin_ms + ((moved - self.begin_ms) / self.squeeze).astype("int64")
        return replace(part, time_ms=moved + self.shift_ms)


def as_recording(world: World, *, wall_ms: int, speed: float) -> Stamping:
    """Stamps so that the play ends now: event(t) = now + D/X - (t_end - t)."""
    begin, end = world.span_ms
    return Stamping(begin, wall_ms, speed, wall_ms + round((end - begin) / speed) - end)


def as_live(world: World, *, wall_ms: int, speed: float) -> Stamping:
    """Stamps with the wall clock; at a higher speed the signals themselves are squeezed."""
    return Stamping(world.start_ms, wall_ms, speed, wall_ms - world.start_ms, speed)


def messages(
    world: World, span_ms: tuple[int, int], *, formats: str = "native", stamping: Stamping | None = None
) -> list[Message]:
    """All messages of [begin, end) in order of time."""
    parts = world.frames(span_ms)
    return ENCODERS[formats](world.fleet, [stamping.stamp(part) for part in parts] if stamping else parts)


def stream(world: World, *, formats: str = "native", chunk_s: float = CHUNK_S) -> Iterator[Message]:
    """Every message of the world, history included, in order of time."""
    for span_ms in chunks(world.span_ms, chunk_s):
        yield from messages(world, span_ms, formats=formats)


def chunks(span_ms: tuple[int, int], chunk_s: float) -> Iterator[tuple[int, int]]:
    """The span in pieces."""
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
    stop: threading.Event | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> int:
    """Send [stamping.begin_ms, end of the world) when it is due; gives the number of messages sent.

    progress(messages so far, share done) is called after every piece. Blocks until the end or until `stop` is set.
    """
    check_formats(formats)
    sent, at_ms, end_ms = 0, stamping.begin_ms, world.span_ms[1]
    step_ms = max(1, round(LIVE_CHUNK_S * 1000 * max(1.0, stamping.speed)))
    while at_ms < end_ms and not (stop and stop.is_set()):
        wait_s = (stamping.due_ms(at_ms) - clock_ms()) / 1000
        if wait_s > 0:
            sink.pause(min(wait_s, 0.5))
            continue
        upto_ms = min(end_ms, at_ms + step_ms)
        sent += _send_paced(
            messages(world, (at_ms, upto_ms), formats=formats, stamping=stamping), sink, stamping, clock_ms
        )
        at_ms = upto_ms
        if progress:
            progress(sent, (at_ms - stamping.begin_ms) / (end_ms - stamping.begin_ms))
    return sent


def _send_paced(due: list[Message], sink: Sink, stamping: Stamping, clock_ms: Callable[[], float]) -> int:
    """Send one piece in bursts of about 20 ms, never before a message is due."""
    rows = [(message.topic, message.payload, message.retain) for message in due]
    if stamping.speed > 20:  # noqa: PLR2004 - pieces are shorter than a burst then
        sink.publish(rows)
        return len(rows)
    position = 0
    while position < len(due):
        now_ms = clock_ms()
        ahead_ms = stamping.due_ms(_world_time(due[position], stamping)) - now_ms
        if ahead_ms > 0:
            sink.pause(min(ahead_ms / 1000 + 0.005, 0.5))
            continue
        last = position
        while last < len(due) and stamping.due_ms(_world_time(due[last], stamping)) <= now_ms:
            last += 1
        sink.publish(rows[position:last])
        position = last
    return len(rows)


def _world_time(message: Message, stamping: Stamping) -> int:
    since_ms = message.time_ms - stamping.shift_ms - stamping.begin_ms
    return stamping.begin_ms + round(since_ms * stamping.squeeze)


def check_formats(name: str) -> None:
    """Raises ScenarioInvalid on an unknown format."""
    if name not in ENCODERS:
        raise ScenarioInvalid("formats", [f"{name!r} is unknown; allowed: {', '.join(ENCODERS)}"])


def write_csv(world: World, path: Path, *, progress: Callable[[int, float], None] | None = None) -> int:
    """The whole world as `sensor,kind,metric,time,value,place,site`; gives the number of rows."""
    rows = 0
    begin, end = world.span_ms
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sensor", "kind", "metric", "time", "value", "place", "site"))
        for span_ms in chunks(world.span_ms, CHUNK_S * 10):
            table = sorted(row for part in world.frames(span_ms) for row in _rows(world, part))
            writer.writerows((*row[3:6], rfc3339(row[0]), row[6], row[7], row[1]) for row in table)
            rows += len(table)
            if progress:
                progress(rows, (span_ms[1] - begin) / (end - begin))
    return rows


def _rows(world: World, part: Frames) -> Iterator[tuple[int, str, int, str, str, str, str, str]]:
    """(time, site, column, sensor, kind, metric, value, place) of every measurement."""
    devices = [world.fleet.devices[index] for index in part.device.tolist()]
    if part.labels:
        for device, time_ms, label in zip(devices, part.time_ms.tolist(), part.labels, strict=True):
            value = repr(PRESENCE[label["state"]])
            yield time_ms, device.site, 0, device.id, device.kind, "object_present", value, device.place
        return
    for column, metric in enumerate(part.metrics):
        values = part.values[:, column].tolist()
        for device, time_ms, value in zip(devices, part.time_ms.tolist(), values, strict=True):
            if value == value:  # noqa: PLR0124 - NaN is no measurement
                yield time_ms, device.site, column, device.id, device.kind, metric, repr(value), device.place
