"""Dead-man signal: pings to services outside while alarms pass through the whole service.

A monitor outside that misses the pings notifies people, also when this machine is without power.

Sources: healthchecks.io, Pinging API (GET /ping/UUID); Uptime Kuma, push monitor (GET /api/push/TOKEN); Alertmanager,
API v2 (POST /api/v2/alerts), with an alert that has an end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import structlog

from alerts.errors import ChannelError
from alerts.timestamps import format_time

from .channels.destinations import read_destination
from .channels.exchange import FAILURES, Exchange
from .channels.secret_files import addresses

TIMEOUT_S = 5.0
ENDS_AFTER = 4
"""Intervals after which an alert at Alertmanager ends."""
ALERTMANAGER = "alertmanager"
KINDS = ("ping", ALERTMANAGER)


@dataclass(frozen=True, slots=True)
class Monitor:
    """One monitor outside. kind: ping (GET) or alertmanager (POST). url: a secret."""

    kind: str
    url: str


def read_monitors(path: Path | None) -> list[Monitor]:
    """Return the monitors of a file, one `kind URL` a line. Raises ChannelError, which does not contain a URL."""
    found = []
    for number, line in enumerate(addresses(path), 1):
        kind, _, url = line.partition(" ")
        if kind not in KINDS or not url.strip():
            raise ChannelError(f"{path}: monitor {number}: allowed is one of {', '.join(KINDS)}, a space and a URL")
        found.append(Monitor(kind, url.strip()))
    return found


class DeadMan:
    """Pings every monitor in each interval while `passes` returns True. One thread."""

    def __init__(
        self,
        monitors: Sequence[Monitor],
        passes: Callable[[], bool],
        *,
        every_s: float,
        allow_private: bool,
        clock: Callable[[], int],
    ) -> None:
        """passes: whether alarms pass through the service. Raises ChannelError for a URL that is not allowed."""
        self._passes, self._every_s, self._clock = passes, every_s, clock
        self._exchanges = [
            (
                monitor.kind,
                Exchange(
                    read_destination(f"monitor {number}", monitor.url, allow_private=allow_private),
                    allow_private=allow_private,
                    timeout_s=TIMEOUT_S,
                ),
            )
            for number, monitor in enumerate(monitors, 1)
        ]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dead-man", daemon=True)
        self._log = structlog.get_logger(part="dead_man")
        self._failing: set[int] = set()
        self.sent_total = self.failed_total = self.withheld_total = 0

    def start(self) -> None:
        """Start the thread, if there is a monitor."""
        if self._exchanges:
            self._thread.start()

    def stop(self) -> None:
        """End the thread; the monitors notice the missing pings."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * TIMEOUT_S)

    def turn(self) -> None:
        """Ping every monitor once, unless alarms do not pass."""
        if not self._passes():
            self.withheld_total += 1
            return
        for number, (kind, exchange) in enumerate(self._exchanges, 1):
            self._count(number, self._ping(kind, exchange))

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun_s = time.monotonic()
            self.turn()
            self._stopping.wait(max(0.0, self._every_s - (time.monotonic() - begun_s)))

    def _ping(self, kind: str, exchange: Exchange) -> str:
        """Return "" after a success, else the failure."""
        try:
            if kind == ALERTMANAGER:
                status = exchange.post({"content-type": "application/json"}, self._alert())
            else:
                status = exchange.get()
        except (*FAILURES, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return "" if 200 <= status < 300 else f"HTTP {status}"  # noqa: PLR2004 - HTTP's success codes

    def _alert(self) -> bytes:
        ends_ns = self._clock() + int(ENDS_AFTER * self._every_s * 1e9)
        labels = {"alertname": "TwinwardWatchdog", "severity": "none"}
        text = {"summary": "Alarms pass through Twinward. This alert ends when they do not."}
        return orjson.dumps([{"labels": labels, "annotations": text, "endsAt": format_time(ends_ns)}])

    def _count(self, number: int, error: str) -> None:
        """Count a ping; log the first of several failures."""
        self.sent_total += not error
        self.failed_total += bool(error)
        if error and number not in self._failing:
            self._log.warning("a monitor cannot be reached", monitor=number, error=error)
        (self._failing.add if error else self._failing.discard)(number)
