"""Throughput and CPU cost of ingest, compared with paho-mqtt's reader and the same decoding.

Two measurements: a local stream (prebuilt PUBLISH packets through a socket pair, no broker, no network), which gives
the rate per CPU second; and a real Mosquitto at a fixed rate, which gives the CPU time of the consumer.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest import BatchSettings, Catalog, Frame, Intake, Sealed
from ingest.mqtt import MqttSettings, Subscriber
from ingest.mqtt.reader import ChunkedClient

from .packets import START_MS, hundred, packet, single, topic

Row = dict[str, Any]
Progress = Callable[[str], object]

START_NS = START_MS * 1_000_000
MESSAGES = 100_000
BROKER_RATE = 20_000
LOT = 200
_BATCH = BatchSettings(age_s=10)


def run(*, seconds: float = 5.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield one row per case: bench, case, rate_per_s, per_cpu_s and, against paho's reader, ratio_to_paho.

    seconds: approximate duration of a case. Without Mosquitto the broker case is one row with `skipped`.
    """
    yield from _stream_rows(seconds, progress)
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if binary is None:
        yield {"bench": "ingest", "case": "broker_20000_per_s", "skipped": "mosquitto is not installed"}
        return
    yield from _broker_rows(binary, seconds, progress)


class Feed(Protocol):
    """Reader under test: reads the socket until `messages` messages are decoded."""

    def __call__(self, sock: socket.socket, messages: int) -> int:
        """Return the number of readings."""
        ...


def _stream_rows(seconds: float, progress: Progress) -> Iterator[Row]:
    for form in ("epoch_ms", "rfc3339"):
        progress(f"local stream, {form}")
        packets = [packet(topic(n), single(n, form)) for n in range(MESSAGES)]
        theirs = _best(_read_by_paho, packets[: MESSAGES // 10], seconds / 2)
        ours = _best(_read_by_chunks, packets, seconds / 2)
        ratio = ours["per_cpu_s"] / theirs["per_cpu_s"]
        yield {"bench": "ingest", "case": f"paho_single_{form}", **theirs}
        yield {"bench": "ingest", "case": f"single_{form}", **ours, "ratio_to_paho": round(ratio, 2)}
    progress("local stream, 100 readings a message")
    packets = [packet(topic(n % 50), hundred(n)) for n in range(MESSAGES // 50)]
    ours = _best(_read_by_chunks, packets, seconds / 2)
    yield {"bench": "ingest", "case": "array_100_readings", **ours}


def _best(feed: Feed, packets: list[bytes], seconds: float) -> Row:
    """Return the best of several runs: other work on the machine only slows a run down."""
    best: Row = {"rate_per_s": 0, "per_cpu_s": 0}
    deadline = time.monotonic() + seconds
    stream = b"".join(packets)
    while not best["rate_per_s"] or time.monotonic() < deadline:
        row = _measure(feed, stream, len(packets))
        best = max(best, row, key=lambda one: one["per_cpu_s"])
    return best


def _measure(feed: Feed, stream: bytes, messages: int) -> Row:
    left, right = socket.socketpair()
    for end in (left, right):
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
    writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=left.fileno())  # noqa: S607 - a separate process, so that its CPU time does not count
    sender = threading.Thread(target=_pour, args=(writer, stream), daemon=True)
    left.close()
    right.setblocking(False)
    sender.start()
    wall, cpu = time.perf_counter(), time.thread_time()
    readings = feed(right, messages)
    wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
    right.close()
    sender.join()
    return {"rate_per_s": round(readings / wall), "per_cpu_s": round(readings / cpu)}


def _pour(writer: subprocess.Popen[bytes], stream: bytes) -> None:
    with suppress(BrokenPipeError):
        writer.communicate(stream)


def _read_by_chunks(sock: socket.socket, messages: int) -> int:
    """Read with the chunked reader, the hot path, de-duplication, validation and sealed batches."""
    client = ChunkedClient("bench", protocol=MQTTProtocolVersion.MQTTv5)
    client._sock = sock  # noqa: SLF001 - a socket in place of a connection
    intake = Intake(Catalog(), batch=_BATCH)
    taken = readings = 0
    while taken < messages:
        frames, size_bytes = client.receive()
        if not frames:
            time.sleep(0.0005)
            continue
        intake.accept(frames, START_NS, size_bytes=size_bytes)
        taken += len(frames)
        if intake.due(START_NS) or taken >= messages:
            sealed = intake.seal(START_NS)
            readings += len(sealed.batch) if sealed is not None else 0
    client._sock = None  # noqa: SLF001 - closed by the caller
    return readings


def _read_by_paho(sock: socket.socket, messages: int) -> int:
    """Read with paho's reader, with the same decoding, de-duplication, validation and batches in on_message."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "bench", protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
    client._sock = sock  # noqa: SLF001 - a socket in place of a connection
    sink = _Gather()
    client.on_message = sink.on_message
    while sink.taken < messages:
        before = sink.taken
        client.loop_read()
        if sink.taken == before:
            time.sleep(0.0005)
    sink.close()
    client._sock = None  # noqa: SLF001 - closed by the caller
    return sink.readings


class _Gather:
    """The same intake behind paho's on_message."""

    def __init__(self, clock: Callable[[], int] = lambda: START_NS, *, batch: BatchSettings = _BATCH) -> None:
        self.intake = Intake(Catalog(), batch=batch)
        self.taken = self.readings = 0
        self._clock = clock
        self._lot: list[Frame] = []

    def on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        """Collect one message; the intake gets LOT messages at once, as from the chunked reader."""
        flags = 0x30 | message.qos << 1 | message.retain
        self._lot.append((flags, message.mid, message.topic.encode(), bytes(message.payload)))
        self.taken += 1
        if len(self._lot) >= LOT:
            self._pass_on()

    def close(self) -> None:
        """Seal the open batch."""
        self._pass_on()
        self._seal()

    def _pass_on(self) -> None:
        now_ns = self._clock()
        lot, self._lot = self._lot, []
        self.intake.accept(lot, now_ns)
        if self.intake.due(now_ns):
            self._seal()

    def _seal(self) -> None:
        sealed = self.intake.seal()
        self.readings += len(sealed.batch) if sealed is not None else 0


def _broker_rows(binary: str, seconds: float, progress: Progress) -> Iterator[Row]:
    """Yield the CPU time of each consumer for the same QoS 0 traffic through a real Mosquitto."""
    case = f"broker_{BROKER_RATE}_per_s"
    with _mosquitto(binary) as port:
        progress(f"through Mosquitto, {BROKER_RATE} messages/s, paho's reader")
        theirs = _drive(port, _paho_consumer, seconds)
        progress(f"through Mosquitto, {BROKER_RATE} messages/s, chunked reader")
        ours = _drive(port, _chunked_consumer, seconds)
    yield {"bench": "ingest", "case": f"paho_{case}", **theirs}
    yield {
        "bench": "ingest",
        "case": case,
        **ours,
        "ratio_to_paho": round(ours["per_cpu_s"] / theirs["per_cpu_s"], 2),
        "cpu_share_of_paho": round(theirs["per_cpu_s"] / ours["per_cpu_s"], 3),
    }


@contextmanager
def _mosquitto(binary: str) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "mosquitto.conf")
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type none\nuser root\n"
        )
        broker = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)  # noqa: S603 - a path from which()
        try:
            _wait_for(port)
            yield port
        finally:
            broker.terminate()
            broker.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"mosquitto does not listen on port {port}")


@contextmanager
def _chunked_consumer(port: int) -> Iterator[Callable[[], tuple[int, float]]]:
    """Run the subscriber; yield a function that returns its messages and CPU seconds so far."""
    cpu = [0.0]

    def sink(_sealed: Sealed) -> None:
        cpu[0] = time.thread_time()

    intake = Intake(Catalog())
    settings = MqttSettings(url=f"mqtt://127.0.0.1:{port}", client_id="bench-chunked")
    subscriber = Subscriber(settings, intake, sink, time.time_ns)
    subscriber.start()
    while not subscriber.status()["connected"]:
        time.sleep(0.01)
    yield lambda: (intake.messages_total, cpu[0])
    subscriber.stop()


@contextmanager
def _paho_consumer(port: int) -> Iterator[Callable[[], tuple[int, float]]]:
    """Run paho's client and thread with the same intake; yield as `_chunked_consumer`."""
    gather = _Gather(time.time_ns, batch=BatchSettings())
    cpu = [0.0]

    def on_message(client: Any, data: Any, message: paho.MQTTMessage) -> None:
        gather.on_message(client, data, message)
        if not gather.taken % 100:
            cpu[0] = time.thread_time()

    client = paho.Client(CallbackAPIVersion.VERSION2, "bench-paho", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = on_message
    client.connect("127.0.0.1", port)
    client.subscribe("campus/+/+/+", 1)
    client.loop_start()
    yield lambda: (gather.taken, cpu[0])
    client.disconnect()
    client.loop_stop()


def _drive(port: int, consumer: Callable[..., Any], seconds: float) -> Row:
    """Publish at BROKER_RATE; return messages per wall second and per CPU second of the consumer."""
    messages = int(BROKER_RATE * max(seconds, 1.0))
    with consumer(port) as progress_of:
        time.sleep(0.3)
        _, cpu_before = progress_of()
        started = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port)) as sock:
            _publish(sock, messages)
            deadline = time.monotonic() + 30
            while progress_of()[0] < messages - 100 and time.monotonic() < deadline:
                time.sleep(0.01)
        wall = time.perf_counter() - started
        taken, cpu = progress_of()
    return {"rate_per_s": round(taken / wall), "per_cpu_s": round(taken / max(cpu - cpu_before, 1e-6))}


def _publish(sock: socket.socket, messages: int) -> None:
    """Send CONNECT, then prebuilt QoS 0 packets in steps of 5 ms at BROKER_RATE."""
    sock.sendall(b"\x10\x12\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x05bench")
    sock.recv(1000)
    step = BROKER_RATE // 200
    now_ms = time.time_ns() // 1_000_000
    started = time.monotonic()
    for first in range(0, messages, step):
        last = min(first + step, messages)
        packets = [packet(topic(n), single(n, "epoch_ms", now_ms - START_MS), qos=0) for n in range(first, last)]
        time.sleep(max(0.0, started + first / BROKER_RATE - time.monotonic()))
        sock.sendall(b"".join(packets))
