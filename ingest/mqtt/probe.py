"""How long messages wait at the broker before they reach us: a message of our own goes the way of all others.

It is sent at QoS 1 to a topic that we subscribe to, so it queues behind everything that the broker holds for us. Only
so can a backlog be seen: at QoS 1 no more is on its way than we leave unacknowledged, however much waits behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.frame import Frame

EVERY_S = 0.25
"""From the return of one probe to the next."""

AGAIN_S = 5.0
"""After so long without an answer a further one follows: a broker whose queue is full may have dropped the first."""

DEAF_S = 30.0
"""A broker that returns none for so long and never did may forbid it: then there is no measuring."""
QUEUED_S = 900.0
"""The same for a broker that said that it has queued the probe for us: it may have that much to send before."""


class DelayProbe:
    """Probes on their way, as a rule one at a time. Driven by the reading thread; times are monotonic seconds."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.returned_total = 0
        self._raw = topic.encode()
        self._under_way: dict[bytes, float] = {}
        self._next_s = self._took_s = 0.0
        self._number = self._generation = 0
        self._stray = self._queued = False

    def keep(self, now_s: float, publish: Callable[[str, bytes], object], *, generation: int) -> None:
        """Send one when it is time for it; give up those that a broker keeps to itself.

        generation: of the connection. What was on its way by another one may never come, or come as a stray.
        """
        if generation != self._generation:
            self._generation, self._stray, self._next_s = generation, True, now_s
            self._under_way.clear()
        patience_s = QUEUED_S if self._queued else DEAF_S
        if not self.returned_total and self._age_s(now_s) > patience_s:
            self._under_way.clear()
            self._queued, self._next_s = False, now_s + patience_s
        known = self.returned_total or self._queued  # one that may be forbidden is followed by no other
        if now_s >= self._next_s and (known or not self._under_way):
            self._number += 1
            self._under_way[b"%d" % self._number] = now_s
            self._next_s = now_s + AGAIN_S
            publish(self.topic, b"%d" % self._number)

    def queued(self) -> None:
        """The broker says that it has taken the newest on its way and that there is somebody to send it to."""
        self._queued = bool(self._under_way)

    def delay_s(self, now_s: float) -> float:
        """How long a message takes through the broker now, at least; 0.0 while that is not known."""
        return max(self._took_s, self._age_s(now_s)) if self.returned_total or self._queued else 0.0

    def sift(self, frames: list[Frame], now_s: float) -> Sequence[Frame]:
        """The frames without probes, which are noted."""
        if not (self._under_way or self._stray) or not any(frame[2] == self._raw for frame in frames):
            return frames
        for frame in frames:
            if frame[2] == self._raw and frame[3] in self._under_way:
                self._note(frame[3], now_s)
        return [frame for frame in frames if frame[2] != self._raw]

    def _note(self, number: bytes, now_s: float) -> None:
        """One is back; what was sent before it has come before, or will not."""
        self._took_s, self._next_s = now_s - self._under_way[number], now_s + EVERY_S
        self._under_way = {later: sent_s for later, sent_s in self._under_way.items() if int(later) > int(number)}
        self.returned_total += 1
        self._stray = False

    def _age_s(self, now_s: float) -> float:
        return now_s - min(self._under_way.values(), default=now_s)
