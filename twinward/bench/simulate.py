"""Throughput of the simulators and their publisher, compared with Mosquitto's C publisher."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulators import World, build_campus, load_scenario, plan
from simulators.play.gateways import Gateways
from simulators.play.player import Wire
from simulators.play.publisher import Row as Published
from twinward.broker import start_broker
from twinward.broker.ports import free_port

Row = dict[str, Any]
Progress = Callable[[str], object]

SENSORS = 300
HOUR_MS = 3_600_000
MESSAGES = 200_000
MESSAGES_A_SECOND = 50_000


def run(*, seconds: float = 5.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield one row per case: bench, case, rate_per_s, per_cpu_s, and ratio_to_mosquitto_pub if installed."""
    world = plan(load_scenario("S24"), build_campus(sensors=SENSORS))
    progress("readings into columns")
    yield _columns(world, seconds)
    progress("messages into native payloads")
    rows, made = _messages(seconds)
    yield made
    binary = shutil.which("mosquitto_pub")
    if binary is None or not (shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")):
        yield {"bench": "simulate", "case": "publish_qos0", "skipped": "mosquitto and mosquitto_pub are not installed"}
        return
    progress("QoS 0 through Mosquitto, beside mosquitto_pub -l")
    yield _published(binary, rows)


def _columns(world: World, seconds: float) -> Row:
    """Measure a school of 300 devices, one hour at a time."""
    at_ms, count = world.span_ms[0] + 6 * HOUR_MS, 0
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    while time.perf_counter() - begun_s < seconds:
        parts = world.frames((at_ms, at_ms + HOUR_MS))
        count += sum(part.values.size or len(part) for part in parts)
        at_ms += HOUR_MS
    took_s, used_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    days = (at_ms - world.span_ms[0] - 6 * HOUR_MS) / 86_400_000
    return {
        "bench": "simulate",
        "case": "columns",
        "rate_per_s": count / took_s,
        "per_cpu_s": count / used_s,
        "school_days_per_s": days / took_s,
    }


def _messages(seconds: float) -> tuple[list[Published], Row]:
    """Return messages of a fleet at a steady rate, and the rate of their generation."""
    wanted = min(MESSAGES, int(MESSAGES_A_SECOND * seconds))
    quiet = replace(load_scenario("quiet"), duration_s=wanted / MESSAGES_A_SECOND)
    world = plan(quiet, build_campus(sites=5, sensors=200), rate_per_s=MESSAGES_A_SECOND)
    wire = Wire(world)
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    due = wire.advance(world.span_ms[1])
    took_s, used_s = time.perf_counter() - begun_s, time.process_time() - cpu_s
    about = {"bench": "simulate", "case": "native_messages"}
    made = {**about, "rate_per_s": len(due) / took_s, "per_cpu_s": len(due) / used_s}
    return [(message.topic, message.payload, message.retain) for message in due], made


def _published(binary: str, rows: list[Published]) -> Row:
    """Publish the same payloads with this publisher and with mosquitto_pub, three times each; the best counts."""
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "lines.jsonl")
        lines.write_bytes(b"".join(payload + b"\n" for _, payload, _ in rows))
        port = free_port()
        broker = start_broker(port, Path(folder))
        try:
            best = [min(times) for times in zip(*(_pair(binary, port, rows, lines) for _ in range(3)), strict=True)]
        finally:
            broker.stop()
    ours_s, theirs_s = best
    return {
        "bench": "simulate",
        "case": "publish_qos0",
        "rate_per_s": len(rows) / ours_s,
        "mosquitto_pub_per_s": len(rows) / theirs_s,
        "ratio_to_mosquitto_pub": theirs_s / ours_s,
    }


def _pair(binary: str, port: int, rows: list[Published], lines: Path) -> tuple[float, float]:
    begun_s = time.perf_counter()
    sink = Gateways(f"mqtt://127.0.0.1:{port}", 1, qos=0)
    sink.publish(rows)
    sink.close()
    ours_s = time.perf_counter() - begun_s
    begun_s = time.perf_counter()
    with lines.open("rb") as file:
        command = [binary, "-h", "127.0.0.1", "-p", str(port), "-t", "campus/bench/smoke/c", "-q", "0", "-l"]
        subprocess.run(command, stdin=file, check=True, timeout=120)  # noqa: S603 - a path from which()
    return ours_s, time.perf_counter() - begun_s
