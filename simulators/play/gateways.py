"""Many connections as one sink: one connection for each school's gateway, or for a share of them."""

from __future__ import annotations

import resource
import select
import time
import zlib
from collections.abc import Callable, Sequence
from threading import Event

from simulators.errors import ScenarioInvalid
from simulators.play.publisher import Publisher, PublishStats, Row

DESCRIPTORS_EACH = 4
"""File descriptors of one connection: its socket and those of its client."""

REST_EVERY_S = 5.0


class Gateways:
    """Parallel publishers; all messages of a school (the topic's second level) use the same one.

    count: number of connections; the other options are those of `Publisher`, for each of them. Raises BrokerUnreachable
    when one cannot connect, ScenarioInvalid when the system's limit of open files is too low.
    """

    def __init__(
        self,
        url: str,
        count: int,
        *,
        qos: int = 1,
        window: int = 2_000,
        will: Row | None = None,
        word: Callable[[str], None] | None = None,
        stop: Event | None = None,
    ) -> None:
        _allow_files(count * DESCRIPTORS_EACH + 64)
        self.stop = stop or Event()
        stamp = f"{time.time_ns():x}"
        self._publishers: list[Publisher] = []
        for number in range(count):
            name = f"twinward-gateway-{number}-{stamp}"
            options = {"qos": qos, "window": window}
            self._publishers.append(Publisher(url, client_id=name, will=will, word=word, stop=self.stop, **options))
        self._of: dict[str, int] = {}
        self._poll = select.poll()
        self._polled: dict[int, Publisher] = {}
        self._rested_s = time.monotonic()

    @property
    def stats(self) -> PublishStats:
        """Return the sums over all connections."""
        total = PublishStats()
        for name in total.to_json():
            setattr(total, name, sum(getattr(publisher.stats, name) for publisher in self._publishers))
        return total

    def publish(self, messages: Sequence[Row]) -> None:
        """Send rows in order; rows of one school keep their order."""
        if len(self._publishers) == 1:
            self._publishers[0].publish(messages)
            return
        shares: dict[int, list[Row]] = {}
        for row in messages:
            site = row[0].split("/", 2)[1] if "/" in row[0] else row[0]
            number = self._of.get(site)
            if number is None:
                number = self._of[site] = zlib.crc32(site.encode()) % len(self._publishers)
            shares.setdefault(number, []).append(row)
        self._send(shares)

    def _send(self, shares: dict[int, list[Row]]) -> None:
        """Send all shares: every connection fills its window until no row is left."""
        while shares and not self.stop.is_set():
            left = {}
            for number, rows in shares.items():
                sent = self._publishers[number].offer(rows)
                if sent < len(rows):
                    left[number] = rows[sent:]
            if left:
                self.pause(0.02)
            shares = left

    def pause(self, seconds: float) -> None:
        """Wait at most this long and process acknowledgements."""
        if len(self._publishers) == 1:
            self._publishers[0].pause(seconds)
            return
        if time.monotonic() - self._rested_s > REST_EVERY_S:
            self._rested_s = time.monotonic()
            for publisher in self._publishers:
                publisher.rest()
        self._watch()
        for descriptor, _ in self._poll.poll(1000 * seconds):
            self._polled[descriptor].receive()

    def drain(self, timeout_s: float = 30.0) -> int:
        """Wait until nothing is in flight; return the number of messages in flight after the timeout."""
        deadline = time.monotonic() + timeout_s
        return sum(p.drain(max(0.0, deadline - time.monotonic())) for p in self._publishers)

    def close(self) -> PublishStats:
        """Close every connection."""
        for publisher in self._publishers:
            publisher.close()
        return self.stats

    def _watch(self) -> None:
        """Register the current sockets in the poll: a reconnection replaces a socket."""
        now = {publisher.fileno(): publisher for publisher in self._publishers}
        if now.keys() == self._polled.keys():
            self._polled = now
            return
        self._poll = select.poll()
        for descriptor in now:
            self._poll.register(descriptor, select.POLLIN)
        self._polled = now


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and wanted > hard:
        allowed = (hard - 64) // DESCRIPTORS_EACH
        raise ScenarioInvalid("connections", [f"this system allows {hard} open files: {allowed} connections at most"])
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
