"""`twinward run` in processes of its own, and signed-in HTTP clients of the service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from .ports import free_port
from .waiting import until

PASSWORD = "a long password for a short life"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TWINWARD_")}
CLIENTS: list[httpx.Client] = []


def twinward(*arguments: str | Path) -> list[str]:
    """Return the command line of the program under test."""
    return [str(Path(sys.executable).with_name("twinward")), *map(str, arguments)]


def sign_in(url: str, username: str, password: str) -> httpx.Client:
    """Return a client with the bearer token of the account. The test's end closes it."""
    answer = httpx.post(f"{url}/api/v1/session", json={"username": username, "password": password}, timeout=10)
    assert answer.status_code in {200, 201}, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    CLIENTS.append(httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=20))
    return CLIENTS[-1]


def close_clients() -> None:
    """Close every client that `sign_in` returned."""
    while CLIENTS:
        CLIENTS.pop().close()


class Service:
    """The service on one data folder: one process, or one process per role."""

    def __init__(self, folder: Path, broker_url: str, *, campus: str = "", extra: str = "") -> None:
        self.folder = folder
        self.config = folder / "twinward.toml"
        self.data = folder / "data"
        self.log = folder / "service.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = ENVIRONMENT | {"TWINWARD_ADMIN_PASSWORD": PASSWORD}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "campus.toml").write_text(campus, encoding="utf-8")
        self.config.write_text(
            f'data_dir = "{self.data}"\n'
            + (f'campus = "{folder}/campus.toml"\n' if campus else "")
            + f'[mqtt]\nurl = "{broker_url}"\n[http]\nport = {self.port}\n{extra}',
            encoding="utf-8",
        )

    def start(self, *roles: str) -> None:
        """Start one process per role, or one process with all roles, and wait until the service is ready."""
        for role in roles or ("all",):
            self.spawn(role)
        until(self.ready, timeout_s=120, what="ready")

    def spawn(self, role: str = "all") -> None:
        """Start a process without a wait."""
        with self.log.open("ab") as log:
            self.processes[role] = subprocess.Popen(
                twinward("run", "--config", self.config, "--role", role), stdout=log, stderr=log, env=self.environment
            )

    def ready(self) -> bool:
        """Return whether `/readyz` answers 200. Fails the test when a process has ended."""
        for role, process in self.processes.items():
            assert process.poll() is None, role + self.log.read_text(encoding="utf-8")[-4000:]
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self, role: str = "all") -> None:
        """End the process of a role with SIGKILL, as a power failure would."""
        self.processes[role].kill()
        self.processes[role].wait(10)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process."""
        for process in self.processes.values():
            process.send_signal(number)

    def stop(self) -> int:
        """Stop every process in order; return the highest exit status."""
        self.signal(signal.SIGTERM)
        return max(abs(process.wait(20)) for process in self.processes.values())

    def end(self) -> None:
        """Kill every process that still runs."""
        for role, process in self.processes.items():
            if process.poll() is None:
                self.kill(role)

    def client(self, username: str = "admin", password: str = PASSWORD) -> httpx.Client:
        """Return a signed-in HTTP client."""
        return sign_in(self.url, username, password)

    def verify(self, chain: str) -> tuple[int, dict[str, Any]]:
        """Return status and report of `twinward verify`."""
        command = twinward("verify", chain, "--config", self.config, "--json")
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)
        return done.returncode, json.loads(done.stdout)
