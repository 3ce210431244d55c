"""The whole flow under load: Mosquitto, log, store, detectors, tickets.

A load process publishes native QoS 1 messages at a steady rate; one of them per second is a smoke alarm of a new
detector. Measured: readings in the log, time from the alarm's publishing to its ticket, CPU and peak memory of the
service. Peak memory is VmHWM of the service's process.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulators.play.load import publish_load
from twinward.broker import start_broker
from twinward.broker.ports import free_port

from .probe import ServiceProcess, Watch, alarms

Row = dict[str, Any]
Progress = Callable[[str], None]

RATES_PER_S = (2_000, 20_000)
SENSORS = 10_000


def run(*, seconds: float = 60.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield one row per rate: readings stored and missing, ticket latency (s) and peak memory (MB)."""
    for rate in RATES_PER_S:
        progress(f"pipeline: {rate:,} messages/s for {seconds:g} s")
        with tempfile.TemporaryDirectory(prefix="twinward-bench-") as folder:
            yield _measure(Path(folder), rate, seconds)


def _measure(folder: Path, rate: int, seconds: float) -> Row:
    with contextlib.ExitStack() as undo:
        broker = start_broker(free_port(), folder)
        undo.callback(broker.stop)
        service = ServiceProcess(folder, broker.url)
        undo.callback(service.end)
        watch = Watch(service)
        watch.start()
        began_s, cpu_s = time.monotonic(), service.cpu_s()
        published: dict[str, int] = {}
        load = publish_load(broker.url, rate, seconds, SENSORS, inject=alarms(published))
        backlog = load.messages - service.stored()
        stored = service.settle(load.messages)
        took_s, used_s = time.monotonic() - began_s, service.cpu_s() - cpu_s
        watch.end()
        waits_s = service.ticket_waits_s(published)
        return {
            "bench": "pipeline",
            "case": f"native QoS 1 at {rate:,}/s for {seconds:g} s",
            "rate_per_s": stored / took_s,
            "per_cpu_s": stored / used_s,
            "ratio_to_offered": load.rate_per_s / rate,
            "lost": load.messages - stored,
            "backlog_at_end": backlog,
            "lag_entries_max": watch.lag_entries_max,
            "alarms": len(published),
            "tickets": len(waits_s),
            "ticket_p50_s": float(np.percentile(waits_s, 50)) if waits_s else None,
            "ticket_p99_s": float(np.percentile(waits_s, 99)) if waits_s else None,
            "memory_mb": service.memory_mb(),
        }
