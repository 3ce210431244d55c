"""Detects clients that take the session of the service by its client id."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

TAKEN_OVER = 0x8E
"""MQTT 5.0, 3.14.2.1: session taken over. Mosquitto sends it from 2.0.12 on; 2.0.11 only closes the connection."""

UNSPECIFIED = 0x80
"""paho's reason for a connection that the broker closed without a DISCONNECT."""

WINDOW_S = 60.0
"""Time within which two closed connections count, and for which a takeover lasts."""


class Takeovers:
    """Takeovers of one session. The connection's thread drives it; other threads may read. Times: monotonic seconds.

    A takeover is a DISCONNECT with that reason, or a connection that the broker closed while it accepted the next
    attempt at once, if the session is gone or the same happened within the last minute. A restarted broker refuses an
    attempt in between and is none.

    Works badly for a broker or proxy that closes connections every few seconds: it looks the same.
    """

    def __init__(self) -> None:
        self.total = 0
        self._last_s = self._closed_s = float("-inf")
        self._open = False

    @property
    def suspected(self) -> bool:
        """Whether the broker has closed the connection and no attempt followed."""
        return self._open

    def lasting(self, now_s: float) -> bool:
        """Return whether a takeover happened within the last minute."""
        return now_s - self._last_s < WINDOW_S

    def closed(self, now_s: float, reason: int) -> None:
        """Record the end of an accepted connection. reason: code of MQTT 5."""
        self._open = reason == UNSPECIFIED
        if reason == TAKEN_OVER:
            self._count(now_s)

    def failed(self) -> None:
        """Record an attempt without an accepted connection: the broker itself was away."""
        self._open, self._closed_s = False, float("-inf")

    def accepted(self, now_s: float, *, resumed: bool) -> None:
        """Record an accepted connection. resumed: the broker still has the session."""
        if not self._open:
            return
        if not resumed or now_s - self._closed_s < WINDOW_S:
            self._count(now_s)
        self._open, self._closed_s = False, now_s

    def _count(self, now_s: float) -> None:
        self.total += 1
        if not self.lasting(now_s):
            log.warning("another client took over the session of the service, or the broker lost it")
        self._last_s = now_s
