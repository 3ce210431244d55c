"""Program that sends numbered readings at QoS 1 at a steady rate and records the acknowledged numbers.

Reading `n` of `count` comes from sensor `n % sensors`, with the sequence number `n // sensors`, the value `n`, and the
time at which it is due (none with "timed": false). The file ACKED receives the acknowledged numbers (int64, little
endian) ten times a second, and none with "qos": 0. A "niceness" leaves the processors to the service, as a sender on
another machine does. SIGTERM ends the sending early. Prints the counts as JSON.
Usage: sender.py URL ACKED '{"site": ..., "rate": ..., "count": ..., "sensors": ...}'.
"""

from __future__ import annotations

import json
import os
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


class InFlight(dict[int, bytes]):
    """Frames without an acknowledgement; a removed frame was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.acked = array("q")

    def pop(self, key: int, default: Any = None) -> Any:
        """Return the frame of that packet id, and record the number of its reading."""
        frame = super().pop(key, default)
        if frame is not None:
            self.acked.append(int(frame[frame.rindex(b":") + 1 : -1]))
        return frame


class AckedFile:
    """The file of acknowledged numbers."""

    def __init__(self, publisher: Publisher, path: Path) -> None:
        self._frames = publisher._flight = InFlight()
        self._file = path.open("wb", buffering=0)
        self._written_s = 0.0

    def write(self, *, now: bool = False) -> None:
        """Append the newly acknowledged numbers, at most ten times a second unless `now`."""
        if now or time.monotonic() - self._written_s > WRITE_EVERY_S:
            self._written_s = time.monotonic()
            self._file.write(self._frames.acked.tobytes())
            del self._frames.acked[:]


def send(url: str, acked: Path, plan: dict[str, Any]) -> dict[str, int]:
    """Send all readings, or until SIGTERM; return the publisher's counts."""
    ended = threading.Event()
    os.nice(int(plan.get("niceness", 0)))
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    publisher = Publisher(url, window=WINDOW, client_id=f"sender-{plan['site']}", qos=int(plan.get("qos", 1)))
    file = AckedFile(publisher, acked)
    sensors, rate, count = int(plan["sensors"]), float(plan["rate"]), int(plan["count"])
    topics = [f"campus/{plan['site']}/env/d{index}" for index in range(sensors)]
    metric = json.dumps(plan.get("metric", "people_in_total")).encode()
    begin_s, begin_ms, sent = time.monotonic(), time.time_ns() // 1_000_000, 0

    def body(n: int) -> bytes:
        stamp = b'"time":%d,' % (begin_ms + n * 1_000 // rate) if plan.get("timed", True) else b""
        return b'{%b"seq":%d,%b:%d}' % (stamp, n // sensors, metric, n)

    while sent < count and not ended.is_set():
        due = min(count, int(rate * (time.monotonic() - begin_s + TICK_S)), sent + int(rate * BEHIND_S) + 1)
        publisher.publish([(topics[n % sensors], body(n), False) for n in range(sent, due)])
        sent = due
        publisher.pause(0)
        file.write()
        time.sleep(max(0.0, begin_s + sent / rate - time.monotonic()))
    deadline_s = time.monotonic() + DRAIN_S
    while publisher.drain(WRITE_EVERY_S) and time.monotonic() < deadline_s:
        file.write()
    file.write(now=True)
    return publisher.close().to_json()


if __name__ == "__main__":
    print(json.dumps(send(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))))  # noqa: T201 - read by the test
