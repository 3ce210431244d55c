"""Open the alert database: connections, transactions and migrations on SQLite and PostgreSQL.

A transaction writes unless its execution options have `writes=False`. With `durable=False` its commit is not synced: a
power failure may undo it whole, never after a later durable one. One writer at a time changes the database: SQLite
locks the file, and on PostgreSQL each write transaction takes one advisory lock. The journal's hash chain needs this
order. Within a process the writers take turns; those with the option `ordinary=True` let the others pass. A read
transaction sees one state of the database throughout.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import QueuePool

from alerts.errors import DatabaseUnavailable, SchemaError

from .migrate import migrate
from .write_priority import WriteTurns

LOCK_WAIT_MS = 10_000
"""Wait of a write transaction for another one, then it raises OperationalError; option `lock_wait_ms` changes it."""
ALARM_LOCK_WAIT_MS = 500
"""The same for the path of an alarm: degraded mode must page while another process locks the database."""
TURN_WAIT_S = 2.0
"""Shortest limit of the wait for other writers of this process, before that."""

MODE_RETRY_S = 0.02
"""Wait before the next try to change the journal mode of an SQLite file."""

WRITERS_LOCK = 0x7477696E  # "twin", in the PostgreSQL database's own space of advisory locks

_TURN, _UNSYNCED = "twinward.turn", "twinward.unsynced"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Escape of a surrogate in JSON text."""
_EMPTY: Mapping[str, type[dict[str, Any] | list[Any]]] = {"{}": dict, "[]": list}
"""Frequent values, which need no parser."""
_SPECIAL = re.compile(r"\\u[dD]|[0-9]{19}[0-9]")
"""Text that only the slower parser reads exactly: a surrogate, or an integer beyond 64 bits."""

IDLE_IN_TRANSACTION_MS = 5_000
"""A PostgreSQL server ends a write transaction whose process pauses, or is cut off: another node waits for it."""
POSTGRESQL_LIMITS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq parameters that end a connection to an unreachable server; the URL may set others."""


def open_database(url: str) -> Engine:
    """Return an engine on the database with the present schema; create or migrate the tables first.

    Raises SchemaError for a database of a newer version, DatabaseUnavailable for a server or file that does not open.
    """
    try:
        engine = create(url)
    except ArgumentError as error:
        raise DatabaseUnavailable(_shown(url), _first_line(error)) from error
    try:
        if engine.dialect.name == "postgresql":
            _check_encoding(engine)
        migrate(engine)
    except BaseException as error:
        engine.dispose()
        if isinstance(error, OperationalError):
            raise DatabaseUnavailable(_shown(url), _first_line(error.orig or error)) from error
        raise
    return engine


def _shown(url: str) -> str:
    """Return the URL without its password; only its length for a text that is no URL."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return f"(a text of {len(url)} characters)"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def create(url: str) -> Engine:
    """Return an engine with the transactions of this module; it does not connect yet."""
    parsed = make_url(url)
    postgresql = parsed.get_backend_name() == "postgresql"
    options: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 10, "max_overflow": 20}
    options |= {"json_deserializer": readable_json, "hide_parameters": True}  # names, numbers and comments of people
    if postgresql:
        options |= {"pool_pre_ping": True, "connect_args": _limits(parsed)}
    engine, turns = create_engine(parsed, **options), WriteTurns()
    begin = _postgresql_begin if postgresql else _sqlite_begin
    if not postgresql:
        event.listen(engine, "connect", _sqlite_settings)

    def start(connection: Connection) -> None:
        _take_turn(connection, turns)
        begin(connection)

    def end_turn(_connection: Any, record: Any) -> None:
        if record.info.pop(_TURN, False):
            turns.leave()

    event.listen(engine, "begin", start)
    event.listen(engine, "checkin", end_turn)
    return engine


def _take_turn(connection: Connection, turns: WriteTurns) -> None:
    """Wait for the turn of a write transaction. The pool ends it; without it the locks of the database decide."""
    options = connection.get_execution_options()
    if options.get("writes", True) and not connection.info.get(_TURN):
        wait_s = max(TURN_WAIT_S, int(options.get("lock_wait_ms", LOCK_WAIT_MS)) / 1e3)
        connection.info[_TURN] = turns.enter(wait_s, ordinary=bool(options.get("ordinary")))


def readable_json(raw: str | bytes) -> Any:
    """Return a JSON value; U+FFFD replaces a lone surrogate, which earlier versions accepted and no answer can hold."""
    text = raw.decode() if isinstance(raw, bytes) else raw
    if (empty := _EMPTY.get(text)) is not None:
        return empty()
    if not _SPECIAL.search(text):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass  # a NaN of an earlier version
    value = json.loads(text)
    return _readable(value) if _SURROGATE.search(text) else value


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_readable(part) for part in value]
    if isinstance(value, dict):
        return {_readable(name): _readable(part) for name, part in value.items()}
    return value


def _limits(url: URL) -> dict[str, int]:
    return {name: value for name, value in POSTGRESQL_LIMITS.items() if name not in url.query}


def _check_encoding(engine: Engine) -> None:
    with engine.execution_options(writes=False).connect() as connection:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise SchemaError(f"the PostgreSQL database has encoding {encoding}; allowed: UTF8")


def _sqlite_settings(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin in `_sqlite_begin`, not at the first write
    connection.execute(f"PRAGMA busy_timeout={LOCK_WAIT_MS}")
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Set the journal mode WAL, which the file keeps.

    SQLite refuses the change at once while another connection changes it too: the busy timeout does not apply.
    """
    end_s = time.monotonic() + LOCK_WAIT_MS / 1e3
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end_s:
                raise
            time.sleep(MODE_RETRY_S)
        else:
            return


def _sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={int(options.get('lock_wait_ms', LOCK_WAIT_MS))}")
    durable = options.get("durable", True)
    if durable == connection.info.get(_UNSYNCED, False):
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.info[_UNSYNCED] = not durable
    # a write transaction locks at once: SQLite cannot retry a read that turns into a write
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", True) else "BEGIN")


def _postgresql_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("writes", True):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    wait_ms = int(options.get("lock_wait_ms", LOCK_WAIT_MS))
    idle_ms = max(IDLE_IN_TRANSACTION_MS, wait_ms) if wait_ms > LOCK_WAIT_MS else IDLE_IN_TRANSACTION_MS  # a migration
    connection.exec_driver_sql(
        f"SET LOCAL lock_timeout = {wait_ms};"
        f" SET LOCAL idle_in_transaction_session_timeout = {idle_ms};"
        f" SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
    )
    if not options.get("durable", True):
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
