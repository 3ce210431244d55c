"""Fixtures of the whole suite: real parts on free loopback ports, stopped by pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
IN_CI = bool(os.environ.get("CI"))


def unavailable(reason: str) -> None:
    """Skip with the reason on a developer's machine; in CI a missing part is a failure."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


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
            "max_queued_messages 0\nmax_queued_bytes 500000000\nmax_inflight_messages 1000\n"
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
        """Bring it up and wait until it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self._port, timeout_s=30)

    def stop(self) -> None:
        """End it; what it stored stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running InfluxDB 1.x."""
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
