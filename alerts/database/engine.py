"""Open the alert database: connections, transactions and migrations on SQLite and PostgreSQL.

A transaction writes unless its execution options have `writes=False`. One writer at a time changes the database:
SQLite locks the file, and on PostgreSQL each write transaction takes one advisory lock. The journal's hash chain needs
this order. A read transaction sees one state of the database throughout.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.pool import QueuePool

from alerts.errors import DatabaseUnavailable, SchemaError

from .migrate import migrate

LOCK_WAIT_MS = 10_000
"""Wait of a write transaction for another one, then it raises OperationalError; option `lock_wait_ms` changes it."""
ALARM_LOCK_WAIT_MS = 500
"""The same for the path of an alarm: degraded mode must page while another process locks the database."""

WRITERS_LOCK = 0x7477696E  # "twin", in the PostgreSQL database's own space of advisory locks

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Escape of a surrogate in JSON text."""

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
    options["json_deserializer"] = _readable_json
    if postgresql:
        options |= {"pool_pre_ping": True, "connect_args": _limits(parsed)}
    engine = create_engine(parsed, **options)
    if postgresql:
        event.listen(engine, "begin", _postgresql_begin)
    else:
        event.listen(engine, "connect", _sqlite_settings)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _readable_json(raw: str | bytes) -> Any:
    """Return a JSON value; U+FFFD replaces a lone surrogate, which earlier versions accepted and no answer can hold."""
    text = raw.decode() if isinstance(raw, bytes) else raw
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
    for pragma in (f"busy_timeout={LOCK_WAIT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={int(options.get('lock_wait_ms', LOCK_WAIT_MS))}")
    # a write transaction locks at once: SQLite cannot retry a read that turns into a write
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes", True) else "BEGIN")


def _postgresql_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("writes", True):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    wait_ms = int(options.get("lock_wait_ms", LOCK_WAIT_MS))
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait_ms}; SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
