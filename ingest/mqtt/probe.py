"""How long messages wait at the broker before they reach us: a message of our own goes the way of all others.

It is sent at QoS 1 to a topic that we subscribe to, so it queues behind everything that the broker holds for us. Only
so can a backlog be seen: at QoS 1 no more is on its way than we leave unacknowledged, however much waits behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.frame import Frame

EVERY_S = 0.25
"""From the return of one probe to the next."""

DEAF_S = 30.0
"""A broker that returns none for so long and never did may forbid it: then there is no measuring."""
QUEUED_S = 900.0
"""The same for a broker that said that it has queued the probe for us: it may have that much to send before."""


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
        self._stray = self._queued = False

    def keep(self, now_s: float, publish: Callable[[str, bytes], object], *, generation: int) -> None:
        """Send one when it is time for it; give one up that a broker keeps to itself.

        generation: of the connection. What was on its way by another one may never come, or come as a stray.
        """
        if generation != self._generation:
            self._generation, self._stray, self._sent_s = generation, True, None
        patience_s = QUEUED_S if self._queued else DEAF_S
        if self._sent_s is not None and not self.returned_total and now_s - self._sent_s > patience_s:
            self._sent_s, self._returned_s = None, now_s + patience_s
        if self._sent_s is None and now_s - self._returned_s >= EVERY_S:
            self._number += 1
            self._sent_s, self._queued = now_s, False
            publish(self.topic, b"%d" % self._number)

    def queued(self) -> None:
        """The broker says that it has taken the probe on its way and that there is somebody to send it to."""
        self._queued = self._sent_s is not None

    def delay_s(self, now_s: float) -> float:
        """How long a message takes through the broker now, at least; 0.0 while that is not known."""
        on_its_way_s = 0.0 if self._sent_s is None else now_s - self._sent_s
        return max(self._took_s, on_its_way_s) if self.returned_total or self._queued else 0.0

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
