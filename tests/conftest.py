"""Fixtures and options of the whole suite; the real programs are in `tests/processes`."""

from __future__ import annotations

import base64
import os
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import structlog
from hypothesis import settings

from tests import processes
from tests.processes import InfluxDB, Mosquitto, Nats, Server, Service, VictoriaMetrics
from tests.processes.postgresql import EmptyDatabases, PostgreSQL, postgresql
from tests.processes.sink import Sink

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
SERVICES = (
    "browser",
    "cluster",
    "e2e",
    "simulators/play/test_publisher.py",
    "twinward/broker",
    "twinward/test_service.py",
)
"""Folders and modules of tests that start services and wait for them: much other load would break their time limits."""

ALONE = (
    "bench",
    *(f"browser/test_{name}.py" for name in ("night_shift", "whole_night", "twelve_tabs", "plan", "first_paint")),
)
"""Folders and modules of tests that measure times, or run a service faster than time: nothing may run beside them."""

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of its own inside
"""Folder of a file system in memory, if there is one."""

PARTS = {"alone": ALONE, "reliability": ("reliability",), "services": SERVICES}
"""Part of the suite -> its folders and modules. The first that names a test has it; all others are `parallel`."""


_PLAIN = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _PLAIN])
"""The default rendering of an exception takes seconds under load, within transactions of the tested code."""

settings.register_profile("suite", deadline=None)  # other load of the machine is no defect
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    parser.addoption("--long", action="store_true", help="run the reliability tests at their documented size")
    parser.addoption("--seed", type=int, default=None, help="seed of the random choices of a reliability test")
    parser.addoption("--walk-steps", type=int, default=300, help="steps of the random walk over the closed loop")
    parser.addoption("--part", choices=("parallel", *PARTS), help="run only this part (tests/suite.py)")


def part_of(path: Path) -> str:
    """Return the part of the suite that contains a test module."""
    within = path.relative_to(Path(__file__).parent)
    found = (part for part, folders in PARTS.items() if any(within.is_relative_to(folder) for folder in folders))
    return next(found, "parallel")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the modules of other parts unread: the imports of the whole suite take seconds."""
    part = config.getoption("--part")
    other = part is not None and collection_path.suffix == ".py" and part_of(collection_path) != part
    return True if other else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the tests of the part that `--part` names."""
    part = config.getoption("--part")
    if part is None:
        return
    config.hook.pytest_deselected(items=[item for item in items if part_of(item.path) != part])
    items[:] = [item for item in items if part_of(item.path) == part]


@pytest.fixture(scope="session", autouse=True)
def _reserved_ports() -> Iterator[None]:
    """Free the reserved ports at the end of the session."""
    yield
    processes.ports.close_reservations()


@pytest.fixture(scope="session", autouse=True)
def _slow_is_not_frozen() -> Iterator[None]:
    """Keep the transactions of a test process that waits for a processor; PostgreSQL ends those of a frozen service."""
    with (
        patch("alerts.database.engine.IDLE_IN_TRANSACTION_MS", 300_000),
        patch("twinward.log.session.IDLE_IN_TRANSACTION_MS", 300_000),
    ):
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Let HTTP clients without TLS options share one context: httpx reads the authorities for each, in 30 ms."""
    create = httpx.create_ssl_context
    usual = cache(lambda _file, _folder: create())

    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:  # noqa: FBT001, FBT002
        if verify is True and cert is None and trust_env:
            return usual(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return create(verify, cert, trust_env)

    with patch.object(httpx._transports.default, "create_ssl_context", shared):
        yield


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Function that returns a free loopback port, reserved for this test process."""
    return processes.free_port


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A running Mosquitto for this test alone."""
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def influxdb(influxdb_server: InfluxDB) -> InfluxDB:
    """A running InfluxDB 1.x, also after a test that failed while the server was stopped."""
    influxdb_server.start()
    return influxdb_server


@pytest.fixture(scope="session")
def influxdb_server() -> Iterator[InfluxDB]:
    """The InfluxDB of all tests. Its many small shards are in memory: on a busy disk a write times out."""
    with tempfile.TemporaryDirectory(prefix="twinward-influxdb-", dir=MEMORY) as folder:
        server = InfluxDB(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The VictoriaMetrics of all tests."""
    server = VictoriaMetrics(tmp_path_factory.mktemp("victoria"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder of captured samples and recordings beside the project."""
    if not SHARED.is_dir():
        processes.unavailable("the captured samples and recordings (../shared) are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        processes.unavailable("the Debian package chromium is not installed")
    return path


@pytest.fixture(autouse=True)
def _closed_clients() -> Iterator[None]:
    """Close every client at the end of its test."""
    yield
    processes.close_clients()


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Function that creates services; the test's end kills their processes."""
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
    """Command line of the program, with bounded waits and signed-in clients."""

    command = processes.twinward()
    until = staticmethod(processes.until)
    sign_in = staticmethod(processes.sign_in)
    environment = processes.ENVIRONMENT
    password = processes.PASSWORD
    free_port = staticmethod(processes.free_port)
    unavailable = staticmethod(processes.unavailable)


@pytest.fixture(scope="session")
def run_twinward() -> type[Twinward]:
    """The program under test."""
    return Twinward


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    """Run one NATS server for all tests of this process."""
    server = Nats(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """Run one PostgreSQL server for all tests of this process."""
    with postgresql() as server:
        yield server


@pytest.fixture
def postgresql_database(postgresql_server: PostgreSQL) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL database without tables."""
    url = postgresql_server.create_database()
    yield url
    postgresql_server.drop_database(url)


@pytest.fixture(scope="session")
def empty_postgresql_databases(postgresql_server: PostgreSQL) -> EmptyDatabases:
    """Return the pool of empty databases with the present schema."""
    return EmptyDatabases(postgresql_server)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return an alert database as a SQLite file with the present schema and no rows: a migration takes 0.2 s."""
    from alerts import open_database  # noqa: PLC0415 - only where a test needs it

    path = tmp_path_factory.mktemp("template") / "alerts.sqlite"
    open_database(f"sqlite:///{path}").dispose()
    return path.read_bytes()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A running receiver of webhooks."""
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def notify(sink: Sink, tmp_path: Path) -> str:
    """Settings that send every notice to the receiver."""
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(bytes(range(32))).decode())
    secret.chmod(0o600)
    return f'[notify]\nwebhooks = ["{sink.url}"]\nwebhook_secret_file = "{secret}"\nallow_private = true\n'
