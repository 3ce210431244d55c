"""Steady load of native messages for benchmarks, stamped with their time of sending."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from simulators.play.publisher import Publisher

TICK_S = 0.01
LATE_S = 1.0
"""Backlog above which the load is skipped; the result then reports that the rate was not held."""

Rows = Sequence[tuple[str, bytes, bool]]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Result of a load. held: the rate was reached within 2 %; cpu_s: CPU time of this process while sending."""

    wanted_per_s: float
    rate_per_s: float
    messages: int
    acked: int
    unacked: int
    seconds: float
    cpu_s: float
    reconnects: int
    held: bool

    def to_json(self) -> dict[str, float | bool]:
        """Return the figures by name."""
        return asdict(self)


def publish_load(
    url: str,
    rate: float,
    seconds: float,
    sensors: int,
    *,
    site: str = "bench",
    window: int = 2_000,
    inject: Callable[[float, int], Rows] | None = None,
) -> LoadResult:
    """Send `rate` messages a second for `seconds` from `sensors` smoke heads on `campus/{site}/smoke/bench-{n}`.

    Each message is `{"time": epoch ms, "seq": its own count, "smoke_density": quiet}` at QoS 1. inject(seconds since
    begin, now_ms) may give further messages at each tick, for instance an alarm. Blocks; raises BrokerUnreachable.
    """
    publisher = Publisher(url, window=window, client_id=f"twinward-load-{time.time_ns():x}")
    topics = [f"campus/{site}/smoke/bench-{number}" for number in range(sensors)]
    quiet = [b"%.4f" % value for value in np.random.default_rng(1).uniform(0.003, 0.012, 997)]
    begin_s, cpu_s, count, total = time.monotonic(), time.process_time(), 0, int(rate * seconds)
    while count < total:
        since_s = time.monotonic() - begin_s
        due = int(rate * min(seconds, since_s + TICK_S))
        due = min(due, count + max(1, int(rate * LATE_S)))
        now_ms = time.time_ns() // 1_000_000
        rows: list[tuple[str, bytes, bool]] = list(inject(since_s, now_ms)) if inject else []
        rows += [(topics[n % sensors], _payload(now_ms, n // sensors, quiet), False) for n in range(count, due)]
        publisher.publish(rows)
        count = due
        _rest(publisher, begin_s + since_s + TICK_S)
    took_s, used_s = time.monotonic() - begin_s, time.process_time() - cpu_s
    unacked = publisher.drain()
    stats = publisher.close()
    held = abs(count / took_s - rate) <= 0.02 * rate
    return LoadResult(
        rate, count / took_s, stats.sent, stats.acked, unacked, took_s, used_s, stats.reconnects, held and not unacked
    )


def _payload(now_ms: int, number: int, quiet: list[bytes]) -> bytes:
    return b'{"time":%d,"seq":%d,"smoke_density":%b}' % (now_ms, number, quiet[number % 997])


def _rest(publisher: Publisher, until_s: float) -> None:
    """Wait for the next tick; process acknowledgements in groups."""
    wait_s = until_s - time.monotonic()
    if wait_s > 0:
        time.sleep(wait_s)
    publisher.pause(0)
