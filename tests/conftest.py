"""Fixtures and options of the whole suite; the real programs are in `tests/processes`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import processes
from tests.processes import InfluxDB, Mosquitto, Server, Service, VictoriaMetrics
from tests.processes.postgresql import EmptyDatabases, PostgreSQL, postgresql_programs

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
SERVICES = ("browser", "e2e", "simulators/play/test_publisher.py", "twinward/broker", "twinward/test_service.py")
"""Folders and modules of tests that start services and wait for them: much other load would break their time limits."""

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of its own inside
"""Folder of a file system in memory, if there is one."""

PARTS = {"bench": ("bench",), "reliability": ("reliability",), "services": SERVICES}
"""Part of the suite -> its folders and modules; all others are `parallel`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite."""
    parser.addoption("--long", action="store_true", help="run the reliability tests at their documented size")
    parser.addoption("--seed", type=int, default=None, help="seed of the random choices of a reliability test")
    parser.addoption("--part", choices=("parallel", *PARTS), help="run only this part (tests/suite.py)")


def part_of(path: Path) -> str:
    """Return the part of the suite that contains a test module."""
    within = path.relative_to(Path(__file__).parent)
    found = (part for part, folders in PARTS.items() if any(within.is_relative_to(folder) for folder in folders))
    return next(found, "parallel")


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
def postgresql_server() -> Iterator[PostgreSQL]:
    """Run one PostgreSQL server for all tests of this process."""
    programs = postgresql_programs()
    folder = Path(tempfile.mkdtemp(prefix="twinward-pg-"))  # a Unix socket's path has at most 107 characters
    server = PostgreSQL(programs, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


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
