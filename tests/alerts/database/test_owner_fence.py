"""Alert database of two nodes: a former owner writes nothing, and blocks nobody for long."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import DBAPIError, OperationalError

from alerts import NotOwner, OwnerFence, ServerConnections, open_database
from alerts.database import engine as engine_module
from alerts.database.schema import meta

pytestmark = pytest.mark.postgresql


def count(engine: Engine) -> int:
    """Return the number of rows of a table."""
    with engine.execution_options(writes=False).connect() as connection:
        return connection.scalar(select(func.count()).select_from(meta)) or 0


def test_a_former_owner_reads_and_does_not_write(postgresql_database: str) -> None:
    """Its transactions raise, also those of engines with options; the new owner writes."""
    first, second = (open_database(postgresql_database) for _ in range(2))
    ordinary = first.execution_options(ordinary=True)
    fence = OwnerFence(first)
    with ordinary.begin() as connection:
        connection.execute(insert(meta).values(key="a", value="1"))
    assert not fence.lost
    OwnerFence(second)
    with pytest.raises(NotOwner), ordinary.begin() as connection:
        connection.execute(insert(meta).values(key="b", value="1"))
    with second.begin() as connection:
        connection.execute(insert(meta).values(key="c", value="1"))
    assert fence.lost
    assert count(first) == count(second)
    first.dispose()
    second.dispose()


def test_a_takeover_waits_for_the_write_of_the_former_owner(postgresql_database: str) -> None:
    """The open transaction commits, and the takeover follows it."""
    first, second = (open_database(postgresql_database) for _ in range(2))
    OwnerFence(first)
    taken: list[OwnerFence] = []
    taking = threading.Thread(target=lambda: taken.append(OwnerFence(second)))
    with first.begin() as connection:
        taking.start()
        taking.join(0.3)
        assert taken == []
        connection.execute(insert(meta).values(key="a", value="1"))
    taking.join(10)
    assert (len(taken), count(second)) == (1, count(first))
    first.dispose()
    second.dispose()


def test_the_server_ends_the_write_of_a_paused_process(
    postgresql_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction without a statement for the limit ends, and the writers' lock is free."""
    monkeypatch.setattr(engine_module, "IDLE_IN_TRANSACTION_MS", 200)
    engine = open_database(postgresql_database)
    with engine.connect() as paused:
        paused.execute(insert(meta).values(key="paused", value="1"))
        other = open_database(postgresql_database)
        with other.begin() as connection:  # waits up to 10 s for the lock
            connection.execute(insert(meta).values(key="other", value="1"))
        with pytest.raises(DBAPIError, match="idle-in-transaction"):
            paused.commit()
    with other.execution_options(writes=False).connect() as connection:
        keys = set(connection.scalars(select(meta.c.key)))
    assert ("other" in keys, "paused" in keys) == (True, False)
    engine.dispose()
    other.dispose()


def test_connections_to_a_silent_server_end_together(postgresql_database: str) -> None:
    """A call that waits raises, none is opened meanwhile, and the engine works again afterwards."""
    silent = [False]
    engine = open_database(postgresql_database)
    connections = ServerConnections(engine, lambda: silent[0])
    found: list[type[Exception]] = []

    def sleep() -> None:
        try:
            with engine.execution_options(writes=False).connect() as connection:
                connection.exec_driver_sql("SELECT pg_sleep(60)")
        except OperationalError as error:
            found.append(type(error))

    thread = threading.Thread(target=sleep)
    thread.start()
    with closing(_watching(postgresql_database)) as watching:
        while not watching.execute(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
        ).fetchall():
            time.sleep(0.02)
    silent[0] = True
    connections.end()
    thread.join(10)
    assert found == [OperationalError]
    with pytest.raises(OperationalError, match="does not answer"):
        count(engine)
    silent[0] = False
    assert count(engine) >= 0
    engine.dispose()


def _watching(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def test_a_connection_without_a_free_descriptor_works(
    postgresql_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its end with the others is missing: the readers of the database see no error of the operating system."""

    def dup(_descriptor: int) -> int:
        raise OSError("Too many open files")

    engine = open_database(postgresql_database)
    ServerConnections(engine, lambda: False)
    monkeypatch.setattr("alerts.database.silent_server.os.dup", dup)
    assert count(engine) >= 0
    engine.dispose()
