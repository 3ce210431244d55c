"""Delay of messages at the broker, measured by a probe message that the service sends to itself.

The probe has QoS 1 and a topic of the service's own subscriptions, so it queues behind the service's backlog at the
broker. Only this makes a backlog visible: at QoS 1 the broker sends no more than the unacknowledged limit ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from ingest.frame import Frame

EVERY_S = 0.25
"""Interval from the return of one probe to the next."""

AGAIN_S = 5.0
"""Time without a return after which another probe follows: a full broker queue may have dropped the first."""

DEAF_S = 30.0
"""Time without any returned probe after which measurement ends: the broker may forbid the topic."""
QUEUED_S = 900.0
"""The same limit after the broker confirmed a queued probe: a long backlog may precede it."""


class DelayProbe:
    """Probes in flight, usually one. The reading thread drives it; times are monotonic seconds."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.returned_total = 0
        self._raw = topic.encode()
        self._under_way: dict[bytes, float] = {}
        self._next_s = self._took_s = 0.0
        self._number = self._generation = 0
        self._stray = self._queued = False
        self._returned_s = -inf

    def returned_within(self, span_s: float, now_s: float) -> bool:
        """Return whether a probe returned within this time; True while the broker forbids the topic."""
        return now_s - self._returned_s <= span_s or not (self.returned_total or self._queued or self._under_way)

    def keep(self, now_s: float, publish: Callable[[str, bytes], object], *, generation: int) -> None:
        """Send a probe when due; drop probes that the broker never returns.

        generation: of the connection. Probes of an earlier connection may be lost or arrive late.
        """
        if generation != self._generation:
            self._generation, self._stray, self._next_s = generation, True, now_s
            self._under_way.clear()
        patience_s = QUEUED_S if self._queued else DEAF_S
        if not self.returned_total and self.age_s(now_s) > patience_s:
            self._under_way.clear()
            self._queued, self._next_s = False, now_s + patience_s
        known = self.returned_total or self._queued  # no second probe while the topic may be forbidden
        if now_s >= self._next_s and (known or not self._under_way):
            self._number += 1
            self._under_way[b"%d" % self._number] = now_s
            self._next_s = now_s + AGAIN_S
            publish(self.topic, b"%d" % self._number)

    def queued(self) -> None:
        """Record the broker's report that the newest probe has a matching subscriber."""
        self._queued = bool(self._under_way)

    def delay_s(self, now_s: float) -> float:
        """Return the current minimum delay through the broker; 0.0 while it is unknown."""
        return max(self._took_s, self.age_s(now_s)) if self.returned_total or self._queued else 0.0

    def sift(self, frames: list[Frame], now_s: float) -> Sequence[Frame]:
        """Return the frames without probes, which are recorded."""
        if not (self._under_way or self._stray) or not any(frame[2] == self._raw for frame in frames):
            return frames
        for frame in frames:
            if frame[2] == self._raw and frame[3] in self._under_way:
                self._note(frame[3], now_s)
        return [frame for frame in frames if frame[2] != self._raw]

    def _note(self, number: bytes, now_s: float) -> None:
        """Record a returned probe; earlier ones have returned or are lost."""
        self._took_s, self._next_s = now_s - self._under_way[number], now_s + EVERY_S
        self._returned_s = now_s
        self._under_way = {later: sent_s for later, sent_s in self._under_way.items() if int(later) > int(number)}
        self.returned_total += 1
        self._stray = False

    def age_s(self, now_s: float) -> float:
        """Return the age of the oldest probe in flight; 0.0 without one."""
        return now_s - min(self._under_way.values(), default=now_s)
