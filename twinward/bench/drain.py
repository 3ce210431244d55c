"""Throughput of the service at the publisher's maximum rate, compared with a discarding reader.

Publisher, Mosquitto and consumer share the machine's cores in both runs. The discarding reader is the chunked reader
with its acknowledgements and without an intake.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from ingest import METRIC_BY_NAME
from ingest.mqtt import MqttSettings
from ingest.mqtt.client import PAUSE_S
from ingest.mqtt.connection import Connection
from simulators.play.publisher import Publisher
from twinward.broker import listens
from twinward.broker.ports import free_port
from twinward.log import TelemetryLog

from .pipeline import Progress
from .probe import ServiceProcess

Row = dict[str, Any]

SENSORS = 10_000
PER_SECOND = 40_000
READINGS_EACH = 100
WINDOW = 2_000
BACKLOG_MAX_S = 120.0
SESSION_S = 1.0
LOOK_EVERY_S = 0.5
"""A query costs CPU of the service: 20 queries a second take a fifth of it."""
_SENT = METRIC_BY_NAME["temperature"].code
"""Metrics of the service's own readings."""


def run(*, seconds: float = 5.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield one row per case: readings/s between the first and the last log entry, and ratio_to_discarding.

    per_cpu_s: readings per CPU second of the service, all stages included; machine_load: the load average. On a busy
    machine ratios and CPU time are more reliable than rates.

    seconds: approximate duration of a flood. Without Mosquitto the result is one row with `skipped`.
    """
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if binary is None:
        yield {"bench": "drain", "case": "all", "skipped": "mosquitto is not installed"}
        return
    messages = int(PER_SECOND * max(seconds, 1.0))
    for qos, each, number in ((1, 1, messages), (0, 1, messages), (1, READINGS_EACH, messages // 4)):
        case = f"QoS {qos}, {each} {'readings' if each > 1 else 'reading'} a message"
        progress(f"drain: {case}")
        with tempfile.TemporaryDirectory(prefix="twinward-bench-") as folder:
            yield {"bench": "drain", "case": case, **_measure(binary, Path(folder), qos, each, number)}


def _measure(binary: str, folder: Path, qos: int, each: int, messages: int) -> Row:
    with _mosquitto(binary, folder) as url:
        idle_per_s = _Discarding(url).measure(messages, lambda: _flood(url, qos, each, messages))
        probe = ServiceProcess(folder, url)
        try:
            known = _make_known(probe, url, each)
            cpu_s = probe.cpu_s()
            sender = _flood(url, qos, each, messages)
            began_s = time.monotonic()
            _wait(probe, known + messages * each)
            settled_s, cpu_s = time.monotonic() - began_s, probe.cpu_s() - cpu_s
            sender.join()
        finally:
            probe.end()
    per_s, stored = _logged(folder / "data" / "telemetry.sqlite", known)
    return {
        "messages": messages,
        "discarding_messages_per_s": round(idle_per_s),
        "rate_per_s": round(per_s),
        "per_cpu_s": round(messages * each / cpu_s),
        "ratio_to_discarding": round(per_s / each / idle_per_s, 3),
        "lost": known + messages * each - stored,
        "settled_s": round(settled_s, 2),
        "machine_load": round(os.getloadavg()[0], 1),
    }


def _make_known(probe: ServiceProcess, url: str, each: int) -> int:
    """Register each device with one message; return the number of readings."""
    now_ms, sensors = time.time_ns() // 1_000_000 - 1_000 * READINGS_EACH, SENSORS // each
    publisher = Publisher(url, window=WINDOW, client_id="bench-known")
    publisher.publish(
        [
            (f"campus/bench/env/bench-{n}", b'{"time":%d,"temperature":20}' % now_ms, False)
            for n in range(SENSORS // each)
        ]
    )
    publisher.drain()
    publisher.close()
    _wait(probe, sensors)
    return sensors


def _flood(url: str, qos: int, each: int, messages: int) -> BaseProcess:
    """Start a publisher process; return it once it sends."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=_publish, args=(url, qos, each, messages, ready), daemon=True)
    process.start()
    ready.wait(BACKLOG_MAX_S)
    return process


def _publish(url: str, qos: int, each: int, messages: int, ready: Event) -> None:
    """Return messages with present times, all made in advance; readings of an array are 1 s apart."""
    now_ms = time.time_ns() // 1_000_000
    rows = [_message(n, each, now_ms) for n in range(messages)]
    publisher = Publisher(url, qos=qos, window=WINDOW, client_id="bench-publisher")
    ready.set()
    for first in range(0, messages, WINDOW):
        publisher.publish(rows[first : first + WINDOW])
    publisher.drain()
    publisher.close()


def _message(number: int, each: int, now_ms: int) -> tuple[str, bytes, bool]:
    sensors = SENSORS // each  # as many arrays of gateways as readings of sensors
    sensor, seq = number % sensors, number // sensors
    one = b'{"time":%d,"seq":%d,"temperature":%.1f}'
    items = [one % (now_ms - 1_000 * (each - i), seq * each + i, 20 + (seq + i) % 50 / 10) for i in range(each)]
    payload = items[0] if each == 1 else b"[%b]" % b",".join(items)
    return f"campus/bench/env/bench-{sensor}", payload, False


def _wait(probe: ServiceProcess, wanted: int) -> None:
    """Block until the log and every stage have processed all messages."""
    deadline = time.monotonic() + BACKLOG_MAX_S
    while not probe.done(wanted) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)


def _logged(path: Path, known: int) -> tuple[float, int]:
    """Return readings/s between the first and the last batch of the flood in the log, and their total number.

    known: number of readings before the flood.
    """
    log, written = TelemetryLog(path, clock=time.time_ns), list[tuple[int, int]]()
    after = 0
    while entries := log.read(after, limit=256):
        measured = [(entry.written_ns, int((entry.batch.metric == _SENT).sum())) for entry in entries]
        written += [(at_ns, rows) for at_ns, rows in measured if rows]
        after = entries[-1].seq
    log.close()
    stored, begun = sum(rows for _, rows in written), 0
    while known > 0:  # entries before the flood
        known -= written[begun][1]
        begun += 1
    flood = written[begun:]
    took_ns = max(1, flood[-1][0] - flood[0][0])
    return sum(rows for _, rows in flood[1:]) * 1e9 / took_ns, stored


class _Discarding:
    """Persistent session that reads, acknowledges and discards its messages."""

    def __init__(self, url: str) -> None:
        self._settings = MqttSettings(url=url, client_id="bench-discarding")

    def measure(self, messages: int, begin: Callable[[], BaseProcess]) -> float:
        """Return messages/s between the first and the last chunk of those that `begin` sends."""
        connection = Connection(self._settings, ("campus/bench/#",))
        until_s = time.monotonic() + SESSION_S
        while time.monotonic() < until_s:
            self._turn(connection)
        sender = begin()
        taken = first = 0
        began_s, deadline = time.monotonic(), time.monotonic() + BACKLOG_MAX_S
        while taken < messages and time.monotonic() < deadline:
            got = self._turn(connection)
            if got and not taken:
                first, began_s = got, time.monotonic()
            taken += got
        rate = (taken - first) / (time.monotonic() - began_s)
        connection.close()
        sender.join()
        return rate

    def _turn(self, connection: Connection) -> int:
        """Read and acknowledge the waiting messages; return their number."""
        client = connection.client if connection.keep(time.monotonic()) else None
        if client is None:
            return 0
        frames, _ = client.receive()
        client.acknowledge([frame[1] for frame in frames if frame[1]], generation=client.generation)
        if client.want_write():
            client.loop_write()
        client.loop_misc()
        if not frames:
            time.sleep(PAUSE_S)
        return len(frames)


@contextlib.contextmanager
def _mosquitto(binary: str, folder: Path) -> Iterator[str]:
    """Run a broker that stores unread messages of its sessions."""
    port, config = free_port(), folder / "bench.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
        "set_tcp_nodelay false\nlog_type none\nuser root\n"
    )
    broker = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)  # noqa: S603 - a path from which()
    try:
        while not listens(port):
            time.sleep(0.02)
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        broker.terminate()
        broker.wait(10)
