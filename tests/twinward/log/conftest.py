"""Logs in files, on a PostgreSQL server and on a NATS server, for the contract that all fulfil."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from twinward.log import DetectionLog, TelemetryLog
from twinward.log.server import ServerLog

from .stream_edit import StreamEdit

NUMBERS = itertools.count()
ROLES = {"telemetry": "ingest", "detections": "detect"}


class Logs(Protocol):
    """One kind of log: opens it, opens it for readers, and edits its rows behind its back."""

    def telemetry(self, *, clock: Callable[[], int] = time.time_ns) -> TelemetryLog:
        """Open the telemetry log of the owner."""

    def detections(self) -> DetectionLog:
        """Open the detection log of the owner."""

    def arguments(self) -> list[str]:
        """Return the arguments of `log_writer.py`."""

    def edit(self, statement: str) -> None:
        """Change the rows of the telemetry log by SQL."""


class FileLogs:
    """Logs in SQLite files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def telemetry(self, *, clock: Callable[[], int] = time.time_ns) -> TelemetryLog:
        """Open the telemetry log of the owner."""
        return TelemetryLog(self._folder / "telemetry.sqlite", clock=clock, keys_max=100, quarantine_max=10)

    def detections(self) -> DetectionLog:
        """Open the detection log of the owner."""
        return DetectionLog(self._folder / "detections.sqlite", clock=time.time_ns)

    def arguments(self) -> list[str]:
        """Return the arguments of `log_writer.py`."""
        return [str(self._folder / "telemetry.sqlite")]

    def edit(self, statement: str) -> None:
        """Change the rows of the telemetry log by SQL."""
        with closing(sqlite3.connect(self._folder / "telemetry.sqlite", isolation_level=None)) as db:
            db.execute(statement)


class LogsOnServer:
    """Logs on a server. url: of the server; owner: of both logs."""

    def __init__(self, url: str, folder: Path, owner: Any) -> None:
        self.url, self._folder, self.owner = url, folder, owner

    def place(self, name: str, owner: Any = None) -> ServerLog:
        """Return the place of a log for an owner."""
        return ServerLog(self.url, name, ROLES[name], owner or self.owner, self._folder / name)

    def telemetry(self, *, clock: Callable[[], int] = time.time_ns) -> TelemetryLog:
        """Open the telemetry log of the owner."""
        return TelemetryLog(self.place("telemetry"), clock=clock, keys_max=100, quarantine_max=10)

    def detections(self) -> DetectionLog:
        """Open the detection log of the owner."""
        return DetectionLog(self.place("detections"), clock=time.time_ns)

    def arguments(self) -> list[str]:
        """Return the arguments of `log_writer.py`."""
        return [self.url, str(self._folder / "telemetry")]


class ServerLogs(LogsOnServer):
    """Logs in a PostgreSQL database."""

    def __init__(self, url: str, folder: Path) -> None:
        from twinward.log.owners import Owner  # noqa: PLC0415 - loads the client of the server

        super().__init__(url, folder, Owner(url, "node-a"))
        assert self.owner.claim(list(ROLES.values()))

    def edit(self, statement: str) -> None:
        """Change the rows of the telemetry log by SQL."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as db:
            db.execute("SET search_path TO twinward_telemetry_0")
            db.execute(statement)


class NatsLogs(LogsOnServer):
    """Logs in streams of a NATS server, with the copies of one node."""

    def __init__(self, url: str, folder: Path, *, node: str = "node-a") -> None:
        from twinward.log.jetstream.owner import SoleOwner  # noqa: PLC0415 - as the service does

        super().__init__(url, folder, SoleOwner(node))
        self._edit = StreamEdit(url, "telemetry")

    def edit(self, statement: str) -> None:
        """Change the entries of the telemetry log by SQL."""
        self._edit.run(statement)

    def close(self) -> None:
        """Close the working copy of the edits."""
        self._edit.close()


@pytest.fixture
def nats_url(nats_server: Any) -> str:
    """URL of a log without streams."""
    return f"{nats_server.url}/test-{next(NUMBERS)}"


@pytest.fixture
def nats_logs(nats_url: str, tmp_path: Path) -> Iterator[NatsLogs]:
    """Logs on a NATS server."""
    made = NatsLogs(nats_url, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["file", pytest.param("postgresql", marks=pytest.mark.postgresql), "nats"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logs]:
    """One kind of log, empty."""
    if request.param == "file":
        yield FileLogs(tmp_path)
        return
    if request.param == "nats":
        yield request.getfixturevalue("nats_logs")
        return
    made = ServerLogs(request.getfixturevalue("postgresql_database"), tmp_path)
    yield made
    made.owner.close()


@pytest.fixture
def server_logs(postgresql_database: str, tmp_path: Path) -> Iterator[ServerLogs]:
    """Logs in an empty PostgreSQL database."""
    made = ServerLogs(postgresql_database, tmp_path)
    yield made
    made.owner.close()
