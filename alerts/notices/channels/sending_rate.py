"""Sending rate of one receiver: messages in a sliding window, with a part kept for red alarms."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from alerts.model import Receipt


@dataclass(frozen=True, slots=True)
class Window:
    """At most `count` messages within span_s."""

    count: int
    span_s: float


LOWER_SHARE = 3
"""Lower grades have one in this many messages of each window."""


class SendingRate:
    """Messages that a receiver accepts. Lower grades, which share a message, have a third of each window."""

    def __init__(self, windows: tuple[Window, ...], monotonic: Callable[[], float]) -> None:
        self._windows, self._monotonic = windows, monotonic
        most = max(window.count for window in windows)
        self._all_s: deque[float] = deque(maxlen=most)
        self._lower_s: deque[float] = deque(maxlen=most)
        self._blocked_s = 0.0

    def wait_s(self, *, red: bool) -> float:
        """Return the seconds until a message may leave; 0.0 for now."""
        now_s = self._monotonic()
        waits = [self._blocked_s - now_s, 0.0]
        for window in self._windows:
            waits.append(_wait_s(self._all_s, window.count, window.span_s, now_s))
            if not red:
                waits.append(_wait_s(self._lower_s, max(1, window.count // LOWER_SHARE), window.span_s, now_s))
        return max(waits)

    def note_sent(self, *, red: bool) -> None:
        """Count a message; also one that the receiver refused."""
        self._all_s.append(self._monotonic())
        if not red:
            self._lower_s.append(self._monotonic())

    def blocked(self) -> bool:
        """Return whether the receiver refuses every message now."""
        return self._blocked_s > self._monotonic()

    def refusal(self, error: str) -> Receipt:
        """Return the receipt of a message that cannot leave now, with the rest of a block."""
        left_s = max(0.0, self._blocked_s - self._monotonic())
        return Receipt(delivered=False, error=error, blocked_s=left_s)

    def block(self, span_s: float) -> None:
        """Send nothing for this time: the receiver has refused messages as too many."""
        self._blocked_s = self._monotonic() + span_s


def _wait_s(sent_s: deque[float], room: int, span_s: float, now_s: float) -> float:
    """Return the seconds until fewer than `room` of these messages are within the span."""
    return sent_s[-room] + span_s - now_s if len(sent_s) >= room else 0.0
