"""How long messages wait at the broker before they reach us: a message of our own goes the way of all others.

It is sent at QoS 1 to a topic that we subscribe to, so it queues behind everything that the broker holds for us. Only
so can a backlog be seen: at QoS 1 no more is on its way than we leave unacknowledged, however much waits behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.frame import Frame

EVERY_S = 1.0
"""From the return of one probe to the next."""

DEAF_S = 30.0
"""A broker that returns none for so long and never did may forbid it: then there is no measuring."""


class Probe:
    """One probe on its way at a time. Driven by the reading thread; times are monotonic seconds."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.returned_total = 0
        self._raw = topic.encode()
        self._sent_s: float | None = None
        self._returned_s = -EVERY_S
        self._took_s = 0.0
        self._number = self._generation = 0
        self._stray = False

    def keep(self, now_s: float, publish: Callable[[str, bytes], object], *, generation: int) -> None:
        """Send one when it is time for it; give one up that a broker keeps to itself.

        generation: of the connection. What was on its way by another one may never come, or come as a stray.
        """
        if generation != self._generation:
            self._generation, self._stray, self._sent_s = generation, True, None
        if self._sent_s is not None and not self.returned_total and now_s - self._sent_s > DEAF_S:
            self._sent_s, self._returned_s = None, now_s + DEAF_S
        if self._sent_s is None and now_s - self._returned_s >= EVERY_S:
            self._number += 1
            self._sent_s = now_s
            publish(self.topic, b"%d" % self._number)

    def delay_s(self, now_s: float) -> float:
        """How long a message takes through the broker now, at least; 0.0 while that is not known."""
        if not self.returned_total:
            return 0.0
        return self._took_s if self._sent_s is None else max(self._took_s, now_s - self._sent_s)

    def sift(self, frames: list[Frame], now_s: float) -> Sequence[Frame]:
        """The frames without probes, which are noted."""
        if (self._sent_s is None and not self._stray) or not any(frame[2] == self._raw for frame in frames):
            return frames
        mine = b"%d" % self._number
        if self._sent_s is not None and any(frame[2] == self._raw and frame[3] == mine for frame in frames):
            self._took_s, self._returned_s, self._sent_s = now_s - self._sent_s, now_s, None
            self.returned_total += 1
            self._stray = False  # what was sent before has come before
        return [frame for frame in frames if frame[2] != self._raw]
