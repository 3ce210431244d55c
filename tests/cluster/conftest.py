"""Clusters on a PostgreSQL server of their own: its faults disturb no other test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.processes import Mosquitto
from tests.processes.postgresql import PostgreSQL, postgresql

from .nodes import Cluster


@pytest.fixture(scope="session")
def cluster_server() -> Iterator[PostgreSQL]:
    """A server that the tests of this folder stop, freeze and restart."""
    with postgresql() as server:
        yield server
        server.thaw()


@pytest.fixture
def cluster(cluster_server: PostgreSQL, mosquitto: Mosquitto, make_service: Callable[..., Any]) -> Iterator[Cluster]:
    """An empty cluster; the test adds nodes."""
    cluster_server.start()
    made = Cluster(cluster_server, mosquitto, make_service)
    yield made
    made.close()
