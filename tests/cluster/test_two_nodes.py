"""Two nodes on one PostgreSQL log: takeover after a kill and after a pause, faults of the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import until
from tests.processes.sink import Sink

from .nodes import Cluster
from .traffic import Run

pytestmark = [pytest.mark.broker, pytest.mark.postgresql]


@pytest.fixture
def run(cluster: Cluster, sink: Sink, notify: str, tmp_path: Path) -> Iterator[Run]:
    """Two running nodes; a failure shows the history."""
    made = Run(cluster, sink, notify, tmp_path)
    yield made
    made.close()


def parts(run: Run, *names: str) -> list[bool]:
    """Return the state of these parts on the first node's /readyz."""
    found = until(run.first.parts, timeout_s=30, what="an answer of /readyz")["parts"]
    return [found[name] for name in names]


def test_a_killed_owner_is_replaced(run: Run) -> None:
    """The other node takes the log over after kill -9; each reading, ticket and page exists once."""
    run.alarm()
    run.first.kill()
    run.history.note("kill a")
    run.takeover()
    run.first.start()
    run.history.note("start a")
    run.alarm()
    assert run.settled() == []


def test_a_paused_owner_writes_nothing_and_waits(run: Run) -> None:
    """After SIGSTOP beyond the lease the former owner is refused, and becomes a standby."""
    run.alarm()
    run.first.pause()
    run.history.note("pause a")
    run.takeover()
    run.first.resume()
    run.history.note("resume a")
    run.alarm()
    until(lambda: "belongs to another node" in run.first.output(), timeout_s=60, what="the loss of the role")
    until(lambda: "standby: " in run.first.output(), timeout_s=60, what="a standby")
    run.alarm()
    assert run.settled() == []


def test_a_frozen_server_stops_no_page(run: Run) -> None:
    """While PostgreSQL hangs, nothing is acknowledged and alarms are paged from memory; all is stored once later."""
    run.alarm()
    server = run.cluster.server
    server.freeze()
    run.history.note("freeze the server")
    run.alarm()
    until(lambda: not any(parts(run, "log", "database", "owner")), timeout_s=30, what="lost parts on /readyz")
    assert parts(run, "http") == [True]
    server.thaw()
    run.history.note("thaw the server")
    run.alarm()
    assert run.settled() == []


def test_a_restarted_server_loses_nothing(run: Run) -> None:
    """While PostgreSQL is away, alarms are paged from memory; all is stored once after its restart."""
    run.alarm()
    run.cluster.server.stop()
    run.history.note("stop the server")
    place = run.history.raise_alarm()
    run.paged(place)
    until(lambda: not any(parts(run, "log", "database")), timeout_s=30, what="lost parts on /readyz")
    assert parts(run, "http") == [True]
    run.cluster.server.start()
    run.history.note("start the server")
    run.alarm()
    assert run.settled() == []


def test_a_node_without_its_server_gives_way(run: Run) -> None:
    """The owner loses its connection alone: the other node takes over, and the first becomes a standby."""
    run.alarm()
    run.first.cable.cut()
    run.history.note("cut a")
    during = run.takeover()
    until(lambda: during in run.history.tickets(), timeout_s=60, what="the ticket of the alarm during the takeover")
    run.first.cable.mend()
    run.history.note("mend a")
    until(lambda: "belongs to another node" in run.first.output(), timeout_s=60, what="the loss of the role")
    run.alarm()
    assert run.settled() == []
