"""How fast the whole service takes what a publisher sends as fast as it can, beside a reader that throws all away.

Publisher, Mosquitto and consumer share the machine's cores in both runs. The discarding reader is our own chunked one
with its acknowledgements, and nothing behind it.
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
"""Asking costs the service's CPU too: twenty times a second, a fifth of all of it."""
_SENT = METRIC_BY_NAME["temperature"].code
"""Metrics that the service writes itself."""


def run(*, seconds: float = 5.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """One row a case: readings a second from the first to the last in the log; ratio_to_discarding beside the reader.

    per_cpu_s: readings a CPU second of the service, all stages included; machine_load: the load average then, for on a
    busy machine rates say little and ratios and CPU more.

    seconds: how long a flood is, roughly. Left out where no Mosquitto is installed, and says so.
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
        idle_per_s = _Discarding(url).take(messages, lambda: _flood(url, qos, each, messages))
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
    """Have every device heard once, as those of a campus are; how many readings that was."""
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
    """A publisher in a process of its own; it is given back when it has begun to send."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Event()
    process = spawn.Process(target=_publish, args=(url, qos, each, messages, ready), daemon=True)
    process.start()
    ready.wait(BACKLOG_MAX_S)
    return process


def _publish(url: str, qos: int, each: int, messages: int, ready: Event) -> None:
    """Messages stamped with now, all made before the first is sent; arrays hold readings a second apart."""
    now_ms = time.time_ns() // 1_000_000
    rows = [_message(n, each, now_ms) for n in range(messages)]
    publisher = Publisher(url, qos=qos, window=WINDOW, client_id="bench-publisher")
    ready.set()
    for first in range(0, messages, WINDOW):
        publisher.publish(rows[first : first + WINDOW])
    publisher.drain()
    publisher.close()


def _message(number: int, each: int, now_ms: int) -> tuple[str, bytes, bool]:
    sensors = SENSORS // each  # as many gateways' arrays as there are sensors' readings
    sensor, seq = number % sensors, number // sensors
    one = b'{"time":%d,"seq":%d,"temperature":%.1f}'
    items = [one % (now_ms - 1_000 * (each - i), seq * each + i, 20 + (seq + i) % 50 / 10) for i in range(each)]
    payload = items[0] if each == 1 else b"[%b]" % b",".join(items)
    return f"campus/bench/env/bench-{sensor}", payload, False


def _wait(probe: ServiceProcess, wanted: int) -> None:
    """Until the log and every stage behind it have taken in everything."""
    deadline = time.monotonic() + BACKLOG_MAX_S
    while not probe.done(wanted) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)


def _logged(path: Path, known: int) -> tuple[float, int]:
    """Readings a second between the first batch of the flood and the last, as the log wrote them, and how many in all.

    known: how many came before the flood.
    """
    log, written = TelemetryLog(path, clock=time.time_ns), list[tuple[int, int]]()
    after = 0
    while entries := log.read(after, limit=256):
        measured = [(entry.written_ns, int((entry.batch.metric == _SENT).sum())) for entry in entries]
        written += [(at_ns, rows) for at_ns, rows in measured if rows]
        after = entries[-1].seq
    log.close()
    stored, begun = sum(rows for _, rows in written), 0
    while known > 0:  # entries of the time before the flood
        known -= written[begun][1]
        begun += 1
    flood = written[begun:]
    took_ns = max(1, flood[-1][0] - flood[0][0])
    return sum(rows for _, rows in flood[1:]) * 1e9 / took_ns, stored


class _Discarding:
    """A persistent session whose messages are read, acknowledged and forgotten."""

    def __init__(self, url: str) -> None:
        self._settings = MqttSettings(url=url, client_id="bench-discarding")

    def take(self, messages: int, begin: Callable[[], BaseProcess]) -> float:
        """Messages a second between the first chunk and the last of what `begin` has sent."""
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
        """Read what is there and acknowledge it; how many messages it was."""
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
    """A broker that keeps what its sessions have not read."""
    port, config = free_port(), folder / "bench.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
        "set_tcp_nodelay false\nlog_type none\nuser root\n"
    )
    broker = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)  # noqa: S603 - found by which
    try:
        while not listens(port):
            time.sleep(0.02)
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        broker.terminate()
        broker.wait(10)
