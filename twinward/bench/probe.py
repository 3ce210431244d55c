"""The service as a separate process under a load, observed through its HTTP interface."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
import numpy as np

from twinward.broker import listens
from twinward.broker.ports import free_port

ALARM_EVERY_S = 1.0
SETTLE_S = 30.0
PASSWORD = "measured, not guessed"  # noqa: S105 - of a service that exists for one measurement
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def alarms(published: dict[str, int]) -> Callable[[float, int], list[tuple[str, bytes, bool]]]:
    """Publishes one new smoke alarm a second and records its time at the socket (ms)."""

    def inject(since_s: float, now_ms: int) -> list[tuple[str, bytes, bool]]:
        if since_s < len(published) * ALARM_EVERY_S:
            return []
        sensor = f"alarm-{len(published)}"
        published[sensor] = now_ms
        return [(f"campus/bench/smoke/{sensor}", b'{"time":%d,"smoke":true}' % now_ms, False)]

    return inject


class ServiceProcess:
    """`twinward run` as a separate process, or as one process for each role."""

    def __init__(
        self,
        folder: Path,
        broker: str,
        *,
        more: str = "",
        http: str = "",
        roles: Sequence[str] = ("all",),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start it on the folder and wait until it is ready; ready_s: the start's duration.

        more: further tables of its configuration; http: further keys of the table `http`; variables: settings of the
        environment.
        """
        port, began_s = free_port(), time.monotonic()
        config = folder / "twinward.toml"
        config.write_text(
            f'data_dir = "{folder}/data"\n[mqtt]\nurl = "{broker}"\n[http]\nport = {port}\n{http}'
            "[intake]\nundeclared_max = 2000000\n"
            f"{more}"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TWINWARD_")}
        code = "import sys; from twinward.cli import main; sys.argv[0] = 'twinward'; main()"
        environment |= {"TWINWARD_ADMIN_PASSWORD": PASSWORD, **(variables or {})}
        self._processes = [
            subprocess.Popen(  # noqa: S603 - the program of this package
                [sys.executable, "-c", code, "run", "--config", str(config), "--role", role],
                env=environment,
                stdout=subprocess.DEVNULL,
            )
            for role in roles
        ]
        self.port = port
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30)
        while not (listens(port) and self._http.get(f"http://127.0.0.1:{port}/readyz").status_code == httpx.codes.OK):
            if ended := [one.returncode for one in self._processes if one.poll() is not None]:
                self.end()
                raise RuntimeError(f"the service ended during its start, with status {ended[0]}")
            time.sleep(0.2)
        self.ready_s = time.monotonic() - began_s
        answer = self._http.post("/session", json={"username": "admin", "password": PASSWORD})
        self._http.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @property
    def headers(self) -> dict[str, str]:
        """Header with the credential of an administrator."""
        return {"Authorization": self._http.headers["Authorization"]}

    def end(self) -> None:
        """Stop the service."""
        self._http.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(20)

    def stored(self) -> int:
        """Return the number of readings in the durable log."""
        return int(self._http.get("/accounting").json()["total"]["stored"])

    def lag(self) -> int:
        """Return the number of log entries behind the slowest stage."""
        lag = self._http.get("/accounting").json()["lag"]
        return max(int(entries) for entries in lag.values())

    def done(self, wanted: int) -> bool:
        """Return True if the log has this many readings and every stage has processed them; one query."""
        accounting = self._http.get("/accounting").json()
        return int(accounting["total"]["stored"]) >= wanted and not any(accounting["lag"].values())

    def settle(self, wanted: int) -> int:
        """Wait until the log has `wanted` readings, at most SETTLE_S; return their number."""
        deadline = time.monotonic() + SETTLE_S
        while (stored := self.stored()) < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return stored

    def ticket_waits_s(self, published: dict[str, int]) -> list[float]:
        """Return the seconds from publishing to the ticket in the database, for each alarm with a ticket."""
        waits: list[float] = []
        query: dict[str, str | int] = {"state": "all", "limit": 200}
        while True:
            page = self._http.get("/hazards", params=query).json()
            for hazard in page["items"]:
                sensor = hazard["place"].removeprefix("unassigned:")
                if sensor in published and hazard["ticket"]:
                    recorded_s = np.datetime64(hazard["times"]["recorded"].partition("+")[0], "ms").astype(int) / 1e3
                    waits.append(float(recorded_s) - published[sensor] / 1e3)
            if page["next"] is None:
                return waits
            query["cursor"] = page["next"]

    def cpu_s(self) -> float:
        """Return user and system time of all processes so far."""
        return sum(cpu_s(process.pid) for process in self._processes)

    def written_bytes(self) -> int:
        """Return the bytes that all processes have sent to a disk so far."""
        return sum(written_bytes(process.pid) for process in self._processes)

    def switches(self) -> dict[str, int]:
        """Return the context switches of each thread so far, voluntary and not, by its id."""
        found: dict[str, int] = {}
        for task in (task for one in self._processes for task in Path(f"/proc/{one.pid}/task").iterdir()):
            with contextlib.suppress(FileNotFoundError):  # the thread ended meanwhile
                lines = (task / "status").read_text().splitlines()
                found[task.name] = sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
        return found

    def memory_mb(self, *, peak: bool = True) -> float:
        """Return the peak or the present resident memory of all processes."""
        total_kb = 0
        for process in self._processes:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            found = next(line for line in lines if line.startswith("VmHWM" if peak else "VmRSS"))
            total_kb += int(found.split()[1])
        return total_kb / 1024


def cpu_s(pid: int) -> float:
    """Return user and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def written_bytes(pid: int) -> int:
    """Return the bytes that a process has sent to a disk so far."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


class Watch:
    """Records the lag of the slowest stage and the memory every 2 s."""

    def __init__(self, service: ServiceProcess) -> None:
        self._service = service
        self.memory_mb: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.lag_entries_max = 0

    def start(self) -> None:
        """Start recording."""
        self._thread.start()

    def end(self) -> None:
        """Stop recording."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(2):
            self.lag_entries_max = max(self.lag_entries_max, self._service.lag())
            self.memory_mb.append(self._service.memory_mb(peak=False))
