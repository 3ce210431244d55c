"""Idle school: CPU time, context switches and memory of the service with 300 devices at normal rate.

The broker is a Mosquitto of this machine and the load process plays the scenario `quiet`. Measured from `/proc/PID`:
`stat`, `status` of each thread and `smaps_rollup`, after a pause for the start.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twinward.broker import start_broker
from twinward.broker.ports import free_port

from .pipeline import Progress
from .probe import ServiceProcess

Row = dict[str, Any]

SETTLE_S = 25.0
"""Time after the start of the load until the measurement: imports, first readings of each sensor, first snapshots."""
SCENARIO = "quiet"


def run(*, seconds: float = 30.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield one row: share of a core, context switches a second, memory in MB, threads, stored readings a second."""
    with tempfile.TemporaryDirectory(prefix="twinward-bench-") as path, contextlib.ExitStack() as undo:
        folder = Path(path)
        broker = start_broker(free_port(), folder)
        undo.callback(broker.stop)
        service = ServiceProcess(folder, broker.url)
        undo.callback(service.end)
        progress("idle: the load begins")
        load = _load(broker.url)
        undo.callback(_end, load)
        time.sleep(SETTLE_S)
        yield _measure(service, seconds, progress)


def _measure(service: ServiceProcess, seconds: float, progress: Progress) -> Row:
    progress(f"idle: measures for {seconds:g} s")
    stored, begun_s = service.stored(), time.monotonic()
    cpu_s, switches = service.cpu_s(), service.switches()
    time.sleep(seconds)
    used_s, ended = service.cpu_s() - cpu_s, service.switches()
    took_s = time.monotonic() - begun_s
    by_thread = {task: count - switches.get(task, 0) for task, count in ended.items()}
    return {
        "bench": "idle",
        "case": f"{SCENARIO} for {seconds:g} s",
        "cpu_share": round(used_s / took_s, 4),
        "switches_per_s": round(sum(by_thread.values()) / took_s, 1),
        "busiest_thread_switches_per_s": round(max(by_thread.values()) / took_s, 1),
        "threads": len(ended),
        "memory_mb": round(service.memory_mb(peak=False), 1),
        "memory_max_mb": round(service.memory_mb(), 1),
        "stored_per_s": round((service.stored() - stored) / took_s, 2),
    }


def _load(url: str) -> subprocess.Popen[bytes]:
    code = "import sys; from twinward.cli import main; sys.argv[0] = 'twinward'; main()"
    command = [sys.executable, "-c", code, "simulate", "--broker", url, "--scenario", SCENARIO]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - of this package


def _end(load: subprocess.Popen[bytes]) -> None:
    load.terminate()
    load.wait(10)
