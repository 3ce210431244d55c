"""Nodes of the service on one PostgreSQL server and one broker, with the faults that a test applies."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import psycopg

from tests.processes import Mosquitto, Service
from tests.processes.cable import Cable
from tests.processes.postgresql import ACCOUNT, PostgreSQL
from twinward.data_folder.files import IDENTITY
from twinward.data_folder.identity import read_identity


class Node:
    """One installation of the service, with its own data folder and its own connection to the server."""

    def __init__(self, name: str, service: Service, cable: Cable, database: str) -> None:
        self.name, self.service, self.cable = name, service, cable
        url = f"postgresql+psycopg://{ACCOUNT}@127.0.0.1:{cable.port}/{database}?application_name={name}"
        service.environment |= {"TWINWARD_DATABASE": url, "TWINWARD_LOG_URL": url}

    def start(self) -> None:
        """Start the process; a standby then waits for its roles."""
        self.service.spawn()

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self.service.end()

    def pause(self) -> None:
        """Stop the process with SIGSTOP."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue the process."""
        self._send(signal.SIGCONT)

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process, None before the first start."""
        return self.service.processes.get("all")

    def parts(self) -> dict[str, Any]:
        """Return the answer of `/readyz`, empty without one."""
        try:
            answer: dict[str, Any] = httpx.get(f"{self.service.url}/readyz", timeout=2).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return answer

    def output(self) -> str:
        """Return everything that the process has printed."""
        return self.service.log.read_text(encoding="utf-8") if self.service.log.exists() else ""

    def _send(self, number: signal.Signals) -> None:
        process = self.process
        if process is not None and process.poll() is None:
            os.kill(process.pid, number)


class Cluster:
    """Nodes, server and broker of one run."""

    def __init__(self, server: PostgreSQL, broker: Mosquitto, make_service: Callable[..., Service]) -> None:
        self.server, self.broker = server, broker
        self.url = server.create_database()
        self._database = self.url.partition("@/")[2].partition("?")[0]
        self._make_service = make_service
        self.nodes: list[Node] = []

    def add(self, name: str, *, extra: str = "") -> Node:
        """Return a new node, which is not started."""
        service = self._make_service(self.broker.url, extra=extra)
        self.nodes.append(Node(name, service, Cable(self.server.socket), self._database))
        return self.nodes[-1]

    def connect(self) -> psycopg.Connection[Any]:
        """Return a connection that no cable cuts."""
        return self.server.connect(self._database)

    def connect_text(self) -> str:
        """Return the connection string of the server, for a connection that no cable cuts."""
        return f"host={self.server.folder} user={ACCOUNT} dbname={self._database}"

    def owner(self) -> Node | None:
        """Return the node that has the role ingest; None while no node of this run has it."""
        rows = self.rows("SELECT node FROM twinward_log.owners WHERE role = 'ingest'")
        return self.node_of(rows[0][0]) if rows else None

    def node_of(self, owner: str) -> Node | None:
        """Return the node with that name in the table of owners."""
        for node in self.nodes:
            data = node.service.data
            if (data / IDENTITY).exists() and owner.endswith(f"-{read_identity(data).number}"):
                return node
        return None

    def rows(self, query: str) -> list[Any]:
        """Return the rows of a query; none while its table does not exist."""
        with self.connect() as db:
            try:
                return db.execute(query).fetchall()
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
                return []

    def close(self) -> None:
        """End every process and cable; the server stays."""
        self.server.thaw()
        for node in self.nodes:
            node.resume()
            node.kill()
            node.cable.close()
