"""Fixtures of the whole suite: real parts on free loopback ports, stopped by pid."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
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

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
IN_CI = bool(os.environ.get("CI"))
PASSWORD = "a long password for a short life"
CLIENTS: list[httpx.Client] = []
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TWINWARD_")}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    parser.addoption("--long", action="store_true", help="run the reliability tests at their documented size")
    parser.addoption("--seed", type=int, default=None, help="seed of the random choices of a reliability test")
    parser.addoption("--part", choices=("parallel", "serial"), help="run only the tests that bear other load, or not")


SERIAL = ("bench", "browser", "e2e", "reliability", "twinward/broker", "twinward/test_service.py")
"""Folders and modules of timing-sensitive tests: each measures time, or starts services and waits for them."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the tests of the part that `--part` names."""
    part = config.getoption("--part")
    if part is None:
        return
    tests = Path(__file__).parent
    serial = [any(item.path.is_relative_to(tests / path) for path in SERIAL) for item in items]
    chosen = [item for item, alone in zip(items, serial, strict=True) if alone == (part == "serial")]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def unavailable(reason: str) -> None:
    """Skip with the reason on a developer's machine; in CI a missing part is a failure."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


PORTS = range(10_000, 32_000)
"""Below those that the system gives to outgoing connections: a server that a test kills gets its port back."""


def free_port() -> int:
    """A loopback port that was free a moment ago, and that no outgoing connection takes while its server restarts."""
    for port in random.SystemRandom().sample(PORTS, 1_000):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def wait_for_port(port: int, *, timeout_s: float = 10) -> None:
    """Block until something listens on the loopback port; raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            sock.settimeout(0.5)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {timeout_s} s")


class Mosquitto:
    """A real Mosquitto on loopback with persistence, to be stopped and started at will."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay false\n"
            "max_queued_messages 0\nmax_queued_bytes 3000000000\nmax_inflight_messages 1000\n"
            f"persistence true\npersistence_location {folder}/\nautosave_interval 1\nlog_dest file {folder}/log.txt\n"
            "user root\n"
        )

    @property
    def pid(self) -> int:
        """The broker's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Bring the broker up and wait until it listens."""
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen([binary, "-c", str(self.folder / "mosquitto.conf")])
        wait_for_port(self.port)

    def stop(self) -> None:
        """End the broker; its persistent store stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """End the broker as a power cut would, without a last save."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A running Mosquitto of its own for this test."""
    if not (shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists()):
        unavailable("the Debian package mosquitto is not installed")
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    yield broker
    broker.stop()


def program(name: str, package: str) -> str:
    """Path of a server's program; skips the test, or fails it in CI, where there is none."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        unavailable(f"the program {name} of the Debian package {package} is not here")
    return str(found)


INFLUX = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[http]
bind-address = "127.0.0.1:{http}"
log-enabled = false
[monitor]
store-enabled = false
"""


class Server:
    """A server process on a loopback port, to be stopped, frozen and started at will."""

    def __init__(self, command: list[str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command, self._port = command, port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Bring it up, unless it is, and wait until it listens."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self._port, timeout_s=30)

    def stop(self) -> None:
        """End it; what it stored stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@pytest.fixture
def influxdb(influxdb_server: Server) -> Server:
    """A running InfluxDB 1.x, also behind a test that failed while it was stopped."""
    influxdb_server.start()
    return influxdb_server


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The one InfluxDB of all tests."""
    binary, folder, port = program("influxd", "influxdb"), tmp_path_factory.mktemp("influxdb"), free_port()
    (folder / "influxdb.conf").write_text(INFLUX.format(folder=folder, http=port, rpc=free_port()))
    server = Server([binary, "-config", str(folder / "influxdb.conf")], port)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running VictoriaMetrics."""
    binary, port = program("victoria-metrics", "victoria-metrics"), free_port()
    folder = tmp_path_factory.mktemp("victoria")
    options = [f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y"]
    server = Server([binary, *options], port)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of captured samples and recordings that stands beside the project."""
    if not SHARED.is_dir():
        unavailable("the captured samples and recordings (../shared) are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        unavailable("the Debian package chromium is not installed")
    return str(path)


def twinward(*arguments: str | Path) -> list[str]:
    """The command line of the program under test."""
    return [str(Path(sys.executable).with_name("twinward")), *map(str, arguments)]


def until(condition: Callable[[], Any], *, timeout_s: float, what: str, every_s: float = 0.2) -> Any:
    """The first truthy answer of `condition`, asked that often; fails the test when none comes in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(every_s)
    raise AssertionError(f"after {timeout_s} s still not: {what}")


class Service:
    """`twinward run` in a process of its own, or in one a role, on one data folder."""

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
        """Start a process for each role (one for all of them when none is named) and wait until it is ready."""
        for role in roles or ("all",):
            self.spawn(role)
        until(self.ready, timeout_s=60, what="ready")

    def spawn(self, role: str = "all") -> None:
        """Start the process and wait for nothing."""
        with self.log.open("ab") as log:
            self.processes[role] = subprocess.Popen(
                twinward("run", "--config", self.config, "--role", role), stdout=log, stderr=log, env=self.environment
            )

    def ready(self) -> bool:
        """Whether `/readyz` says so; the processes must live."""
        for role, process in self.processes.items():
            assert process.poll() is None, role + self.log.read_text(encoding="utf-8")[-4000:]
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self, role: str = "all") -> None:
        """End it with SIGKILL, as the power goes."""
        self.processes[role].kill()
        self.processes[role].wait(10)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process."""
        for process in self.processes.values():
            process.send_signal(number)

    def stop(self) -> int:
        """Ask every process to end; returns the worst status."""
        self.signal(signal.SIGTERM)
        return max(abs(process.wait(20)) for process in self.processes.values())

    def end(self) -> None:
        """Nothing of it runs afterwards."""
        for role, process in self.processes.items():
            if process.poll() is None:
                self.kill(role)

    def client(self, username: str = "admin", password: str = PASSWORD) -> httpx.Client:
        """A signed-in HTTP client."""
        return sign_in(self.url, username, password)

    def verify(self, chain: str) -> tuple[int, dict[str, Any]]:
        """Status and report of `twinward verify`."""
        command = twinward("verify", chain, "--config", self.config, "--json")
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)
        return done.returncode, json.loads(done.stdout)


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
        service.end()


class Twinward:
    """The program's command line and a patient question, for the tests."""

    command = twinward()
    until = staticmethod(until)
    sign_in = staticmethod(sign_in)
    environment = ENVIRONMENT
    password = PASSWORD
    free_port = staticmethod(free_port)
    unavailable = staticmethod(unavailable)


@pytest.fixture
def run_twinward() -> type[Twinward]:
    """How to run the program."""
    return Twinward
