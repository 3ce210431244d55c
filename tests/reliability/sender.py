"""Sends numbered readings at QoS 1, paced, and writes down which of them the broker acknowledged; a process of its own.

Reading `n` of `count` comes from sensor `n % sensors`, has the running number `n // sensors` there, the value `n`, and
the time at which it is due (none with "timed": false). ACKED gets the numbers as they are acknowledged (int64, little
endian), ten times a second; nothing with "qos": 0. SIGTERM says that it is enough. Prints the counts as JSON at the
end.
Usage: sender.py URL ACKED '{"site": ..., "rate": ..., "count": ..., "sensors": ...}'.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from array import array
from pathlib import Path
from typing import Any

from simulators.play.publisher import Publisher

WRITE_EVERY_S = 0.1
TICK_S = 0.01
BEHIND_S = 1.0
DRAIN_S = 30.0
WINDOW = 1_000


class Flight(dict[int, bytes]):
    """Frames on their way; what leaves has been acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.landed = array("q")

    def pop(self, key: int, default: Any = None) -> Any:
        """The frame of that packet id; its reading's number is noted."""
        frame = super().pop(key, default)
        if frame is not None:
            self.landed.append(int(frame[frame.rindex(b":") + 1 : -1]))
        return frame


class Book:
    """The file of acknowledged numbers, fed from the frames that left the flight."""

    def __init__(self, publisher: Publisher, path: Path) -> None:
        self._flight = publisher._flight = Flight()
        self._file = path.open("wb", buffering=0)
        self._written_s = 0.0

    def write(self, *, now: bool = False) -> None:
        """Append what was acknowledged since the last time, when it is time for it."""
        if now or time.monotonic() - self._written_s > WRITE_EVERY_S:
            self._written_s = time.monotonic()
            self._file.write(self._flight.landed.tobytes())
            del self._flight.landed[:]


def send(url: str, acked: Path, plan: dict[str, Any]) -> dict[str, int]:
    """Send everything, or until told that it is enough; the publisher's counts."""
    enough = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: enough.set())
    publisher = Publisher(url, window=WINDOW, client_id=f"sender-{plan['site']}", qos=int(plan.get("qos", 1)))
    book = Book(publisher, acked)
    sensors, rate, count = int(plan["sensors"]), float(plan["rate"]), int(plan["count"])
    topics = [f"campus/{plan['site']}/env/d{index}" for index in range(sensors)]
    metric = json.dumps(plan.get("metric", "people_in_total")).encode()
    begin_s, begin_ms, sent = time.monotonic(), time.time_ns() // 1_000_000, 0

    def body(n: int) -> bytes:
        stamp = b'"time":%d,' % (begin_ms + n * 1_000 // rate) if plan.get("timed", True) else b""
        return b'{%b"seq":%d,%b:%d}' % (stamp, n // sensors, metric, n)

    while sent < count and not enough.is_set():
        due = min(count, int(rate * (time.monotonic() - begin_s + TICK_S)), sent + int(rate * BEHIND_S) + 1)
        publisher.publish([(topics[n % sensors], body(n), False) for n in range(sent, due)])
        sent = due
        publisher.pause(0)
        book.write()
        time.sleep(max(0.0, begin_s + sent / rate - time.monotonic()))
    deadline_s = time.monotonic() + DRAIN_S
    while publisher.drain(WRITE_EVERY_S) and time.monotonic() < deadline_s:
        book.write()
    book.write(now=True)
    return publisher.close().to_json()


if __name__ == "__main__":
    print(json.dumps(send(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))))  # noqa: T201 - read by the test
