"""The service as a user starts it: a process of its own, a configuration file, a real broker, HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

PASSWORD = "a long password for a short life"
CLIENTS: list[httpx.Client] = []
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TWINWARD_")}


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def twinward(*arguments: str | Path) -> list[str]:
    """The command line of the program under test."""
    return [str(Path(sys.executable).with_name("twinward")), *map(str, arguments)]


def until(condition: Callable[[], Any], *, timeout_s: float, what: str) -> Any:
    """The first truthy answer of `condition`; fails the test when none comes in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"after {timeout_s} s still not: {what}")


class Service:
    """`twinward run` (or `demo`) in a process of its own."""

    def __init__(self, folder: Path, broker_url: str, *, campus: str = "", extra: str = "") -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "campus.toml").write_text(campus, encoding="utf-8")
        (folder / "twinward.toml").write_text(
            f'data_dir = "{folder}/data"\n'
            + (f'campus = "{folder}/campus.toml"\n' if campus else "")
            + f'[mqtt]\nurl = "{broker_url}"\n[http]\nport = {self.port}\n{extra}',
            encoding="utf-8",
        )

    def start(self, *, role: str = "all") -> None:
        """Start the process and wait until it is ready."""
        self.spawn(role=role)
        until(self.ready, timeout_s=60, what="ready")

    def spawn(self, *, role: str = "all") -> None:
        """Start the process and wait for nothing."""
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                twinward("run", "--config", self.folder / "twinward.toml", "--role", role),
                stdout=log,
                stderr=log,
                env=ENVIRONMENT | {"TWINWARD_ADMIN_PASSWORD": PASSWORD},
            )

    def ready(self) -> bool:
        """Whether `/readyz` says so; the process must live."""
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "service.log").read_text(encoding="utf-8")[-4000:]
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End it with SIGKILL, as the power goes."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """Ask it to end; returns its status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def client(self, username: str = "admin", password: str = PASSWORD) -> httpx.Client:
        """A signed-in HTTP client."""
        return sign_in(self.url, username, password)


def sign_in(url: str, username: str, password: str) -> httpx.Client:
    """A client with the bearer token of that account."""
    answer = httpx.post(f"{url}/api/v1/session", json={"username": username, "password": password}, timeout=10)
    assert answer.status_code in {200, 201}, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    CLIENTS.append(httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=20))
    return CLIENTS[-1]


@pytest.fixture(autouse=True)
def closed_clients() -> Iterator[None]:
    """Every client of a test is closed behind it."""
    yield
    while CLIENTS:
        CLIENTS.pop().close()


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Makes services that are gone after the test."""
    made: list[Service] = []

    def make(broker_url: str, *, campus: str = "", extra: str = "") -> Service:
        folder = tmp_path / f"service-{len(made)}"
        folder.mkdir()
        made.append(Service(folder, broker_url, campus=campus, extra=extra))
        return made[-1]

    yield make
    for service in made:
        if service.process is not None and service.process.poll() is None:
            service.kill()


class Twinward:
    """The program's command line and a patient question, for the tests."""

    command = twinward()
    until = staticmethod(until)
    sign_in = staticmethod(sign_in)
    environment = ENVIRONMENT
    password = PASSWORD
    free_port = staticmethod(free_port)


@pytest.fixture
def run_twinward() -> type[Twinward]:
    """How to run the program."""
    return Twinward
