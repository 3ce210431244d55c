"""A city on one machine: 600,000 sensors, 20,000 messages/s at QoS 1, all stages.

The log contains the sensors before the service starts, so that the start time is realistic. Each second a new detector
sends an alarm; the latency is the time from its publishing to the ticket in the database.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ingest import Catalog, Sealed, empty_batch
from simulators.play.load import publish_load
from twinward.broker import start_broker
from twinward.broker.ports import free_port
from twinward.log import TelemetryLog

from .pipeline import Progress
from .probe import ServiceProcess, Watch, alarms

Row = dict[str, Any]

SENSORS = 600_000
RATE_PER_S = 20_000
SITE = "bench"


def run(*, seconds: float = 60.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield the start (seconds until ready) and the load (CPU share of one core, memory in MB, latency in s)."""
    with tempfile.TemporaryDirectory(prefix="twinward-bench-") as path, contextlib.ExitStack() as undo:
        folder = Path(path)
        progress(f"city: {SENSORS:,} sensors into the log")
        write_catalogue(folder / "data", SENSORS)
        broker = start_broker(free_port(), folder)
        undo.callback(broker.stop)
        progress("city: start")
        service = ServiceProcess(folder, broker.url)
        undo.callback(service.end)
        yield {"bench": "city", "case": f"start with {SENSORS:,} sensors", "ready_s": round(service.ready_s, 2)}
        progress(f"city: {RATE_PER_S:,} messages/s for {seconds:g} s")
        yield _load(service, broker.url, seconds)


def write_catalogue(folder: Path, sensors: int) -> None:
    """Write a log whose catalogue contains the load's sensors."""
    folder.mkdir(parents=True)
    catalog = Catalog()
    for number in range(sensors):
        catalog.code(SITE, f"bench-{number}", "smoke")
    log = TelemetryLog(folder / "telemetry.sqlite", clock=time.time_ns)
    log.append(Sealed(empty_batch(), [catalog.drain_changes()]))
    log.close()


def _load(service: ServiceProcess, url: str, seconds: float) -> Row:
    watch, published = Watch(service), dict[str, int]()
    watch.start()
    began_s, cpu_s = time.monotonic(), service.cpu_s()
    load = publish_load(url, RATE_PER_S, seconds, SENSORS, site=SITE, inject=alarms(published))
    backlog = load.messages - service.stored()
    stored = service.settle(load.messages)
    took_s, used_s = time.monotonic() - began_s, service.cpu_s() - cpu_s
    watch.end()
    waits_s = service.ticket_waits_s(published)
    memory = watch.memory_mb or [service.memory_mb()]
    return {
        "bench": "city",
        "case": f"QoS 1 at {RATE_PER_S:,}/s from {SENSORS:,} sensors for {seconds:g} s",
        "rate_per_s": round(stored / took_s),
        "cpu_share": round(used_s / took_s, 3),
        "lost": load.messages - stored,
        "backlog_at_end": backlog,
        "lag_entries_max": watch.lag_entries_max,
        "tickets": len(waits_s),
        "alarms": len(published),
        "ticket_p50_s": round(float(np.percentile(waits_s, 50)), 3) if waits_s else None,
        "ticket_p99_s": round(float(np.percentile(waits_s, 99)), 3) if waits_s else None,
        "memory_mb": round(service.memory_mb()),
        "memory_middle_mb": round(memory[len(memory) // 2]),
        "memory_end_mb": round(memory[-1]),
    }
