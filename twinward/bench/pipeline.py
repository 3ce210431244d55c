"""The whole flow under load: Mosquitto -> log -> store -> detectors -> tickets, with everything on.

A load process publishes native QoS 1 messages at a steady rate; among them, once a second, a smoke alarm of a detector
that was never heard before. Measured: whether the log keeps up, how long from the alarm's publishing to its ticket, the
service's CPU and peak memory. Peak memory is the kernel's VmHWM of the service's process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from simulators.load import publish_load
from twinward.broker import listens, start_broker
from twinward.service import free_port

Row = dict[str, Any]
Progress = Callable[[str], None]

RATES_PER_S = (2_000, 20_000)
SENSORS = 10_000
ALARM_EVERY_S = 1.0
SETTLE_S = 30.0
PASSWORD = "measured, not guessed"  # noqa: S105 - of a service that lives for one measurement
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def run(*, seconds: float = 60.0, progress: Progress = lambda _text: None) -> Iterator[Row]:
    """One row a rate: what was stored, what was left behind, ticket latency (s) and peak memory (MB)."""
    for rate in RATES_PER_S:
        progress(f"pipeline: {rate:,} messages/s for {seconds:g} s")
        with tempfile.TemporaryDirectory(prefix="twinward-bench-") as folder:
            yield _measure(Path(folder), rate, seconds)


def _measure(folder: Path, rate: int, seconds: float) -> Row:
    with contextlib.ExitStack() as undo:
        broker = start_broker(free_port(), folder)
        undo.callback(broker.stop)
        service = _Service(folder, broker.url)
        undo.callback(service.end)
        watch = _Watch(service)
        watch.start()
        began_s, cpu_s = time.monotonic(), service.cpu_s()
        published: dict[str, int] = {}
        load = publish_load(broker.url, rate, seconds, SENSORS, inject=_alarms(published))
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


def _alarms(published: dict[str, int]) -> Callable[[float, int], list[tuple[str, bytes, bool]]]:
    """One new smoke alarm a second; notes when each was handed to the socket (ms)."""

    def inject(since_s: float, now_ms: int) -> list[tuple[str, bytes, bool]]:
        if since_s < len(published) * ALARM_EVERY_S:
            return []
        sensor = f"alarm-{len(published)}"
        published[sensor] = now_ms
        return [(f"campus/bench/smoke/{sensor}", b'{"time":%d,"smoke":true}' % now_ms, False)]

    return inject


class _Service:
    """`twinward run` in a process of its own, looked at from outside."""

    def __init__(self, folder: Path, broker: str) -> None:
        port = free_port()
        config = folder / "twinward.toml"
        config.write_text(f'data_dir = "{folder}/data"\n[mqtt]\nurl = "{broker}"\n[http]\nport = {port}\n')
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINWARD_")}
        code = "import sys; from twinward.cli import main; sys.argv[0] = 'twinward'; main()"
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", code, "run", "--config", str(config)],
            env=environment | {"TWINWARD_ADMIN_PASSWORD": PASSWORD},
            stdout=subprocess.DEVNULL,
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30)
        while not (listens(port) and self._http.get(f"http://127.0.0.1:{port}/readyz").status_code == httpx.codes.OK):
            time.sleep(0.2)
        answer = self._http.post("/session", json={"username": "admin", "password": PASSWORD})
        self._http.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    def end(self) -> None:
        """Stop the service."""
        self._http.close()
        self._process.terminate()
        self._process.wait(20)

    def stored(self) -> int:
        """Readings in the durable log."""
        return int(self._http.get("/accounting").json()["total"]["stored"])

    def lag(self) -> int:
        """Log entries that the slowest stage has not yet taken in."""
        told = self._http.get("/accounting").json()["lag"]
        return max(int(entries) for entries in told.values())

    def settle(self, wanted: int) -> int:
        """Wait until the log holds `wanted` readings, at most SETTLE_S; returns how many it holds."""
        deadline = time.monotonic() + SETTLE_S
        while (stored := self.stored()) < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return stored

    def ticket_waits_s(self, published: dict[str, int]) -> list[float]:
        """Seconds from publishing to the ticket in the database, for each alarm that got one."""
        waits: list[float] = []
        cursor: str | None = "0"
        while cursor is not None:
            page = self._http.get("/hazards", params={"state": "all", "limit": 200, "cursor": cursor}).json()
            for hazard in page["items"]:
                sensor = hazard["place"].removeprefix("unassigned:")
                if sensor in published and hazard["ticket"]:
                    recorded_s = np.datetime64(hazard["times"]["recorded"].partition("+")[0], "ms").astype(int) / 1e3
                    waits.append(float(recorded_s) - published[sensor] / 1e3)
            cursor = page["next"]
        return waits

    def cpu_s(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S

    def memory_mb(self) -> float:
        """Peak resident memory."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024


class _Watch:
    """Looks every two seconds at how far the slowest stage is behind the log."""

    def __init__(self, service: _Service) -> None:
        self._service = service
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.lag_entries_max = 0

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(2):
            self.lag_entries_max = max(self.lag_entries_max, self._service.lag())
