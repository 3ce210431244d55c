"""The tables of the alert service. Valid on SQLite and PostgreSQL; SQLite is the default.

Every table but the journal is a projection of the journal, written in the same transaction, or bookkeeping.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.pool import QueuePool

from alerts.errors import SchemaError

VERSION = "1"
metadata = MetaData()

meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

cursors = Table(
    "cursors", metadata, Column("name", String(64), primary_key=True), Column("position", BigInteger, nullable=False)
)

journal = Table(
    "journal",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),  # canonical JSON: what the digest is over
    Column("site", String(64), nullable=False, index=True),
    Column("kind", String(64), nullable=False),
    Column("subject", String(128), nullable=False, index=True),
    Column("digest", String(64), nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("hazard", String(32), nullable=False, index=True),
    Column("site", String(64), nullable=False, index=True),
    Column("sensor", String(256), nullable=False),
    Column("metric", String(64), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("detector", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("level", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("gateway_ns", BigInteger, nullable=False),
    Column("arrival_ns", BigInteger, nullable=False),
    Column("decided_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Column("cleared_ns", BigInteger),
    Column("score", Float, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("lane", String(8), nullable=False),
    Column("evidence", JSON, nullable=False),
)

hazards = Table(
    "hazards",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("site", String(64), nullable=False, index=True),
    Column("zone", String(64), nullable=False),
    Column("place", String(300), nullable=False),
    Column("cause", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("grade", Integer, nullable=False),
    Column("likelihood", Float, nullable=False),
    Column("severity", Float, nullable=False),
    Column("method", String(32), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("count", Integer, nullable=False),
    Column("opened_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("cleared_ns", BigInteger),
    Column("gateway_ns", BigInteger, nullable=False),
    Column("arrival_ns", BigInteger, nullable=False),
    Column("decided_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Column("acknowledged_by", String(64)),
    Column("acknowledged_ns", BigInteger),
    Column("text", JSON, nullable=False),
    Column("clears", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Index("hazard_of_place", "site", "place", "cause", "drill"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", String(96), nullable=False, unique=True),
    Column("hazard", String(32), nullable=False, unique=True),
    Column("site", String(64), nullable=False, index=True),
    Column("zone", String(64), nullable=False),
    Column("place", String(300), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("grade", Integer, nullable=False),
    Column("major", Boolean, nullable=False),
    Column("state", String(32), nullable=False, index=True),
    Column("opened_ns", BigInteger, nullable=False),
    Column("due_ns", BigInteger, nullable=False),
    Column("overdue", Boolean, nullable=False),
    Column("supervised", Boolean, nullable=False),
    Column("fulfilled", Boolean, nullable=False),
    Column("relapses", Integer, nullable=False),
    Column("fixer", String(64), nullable=False),
    Column("fixers", JSON, nullable=False),
    Column("acceptor", String(64), nullable=False),
    Column("accepted_ns", BigInteger),
    Column("closed_ns", BigInteger),
    Column("close_reason", String(64), nullable=False),
    Column("overridden", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
)

ticket_numbers = Table(
    "ticket_numbers",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("site", String(64), nullable=False, index=True),
    Column("hazard", String(32), nullable=False),
    Column("ticket", String(32), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("type", String(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False, index=True),
    Column("body", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("next_ns", BigInteger, nullable=False),
    Column("delivered_ns", BigInteger),
    Column("error", Text, nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("sensor", String(256), primary_key=True),
    Column("place", String(128), nullable=False),
)

ignored = Table(
    "ignored",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("sensor", String(256), primary_key=True),
    Column("reason", String(200), nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("name", JSON, nullable=False),
    Column("password", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("sites", JSON),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("username", String(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
)

replies = Table(
    "replies",
    metadata,
    Column("username", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("request", String(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", String(32), nullable=False),
    UniqueConstraint("username", "key"),
)


def open_database(url: str) -> Engine:
    """An engine on the database, its tables made where they are missing. Raises SchemaError for another version."""
    options: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 10, "max_overflow": 20}
    engine = create_engine(url, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_settings)
        event.listen(engine, "begin", _sqlite_begin)
    metadata.create_all(engine)
    with engine.begin() as connection:
        version = connection.scalar(select(meta.c.value).where(meta.c.key == "schema"))
        if version is None:
            connection.execute(insert(meta).values(key="schema", value=VERSION))
        elif version != VERSION:
            raise SchemaError(f"the database has schema {version}, this program needs {VERSION}")
    return engine


def _sqlite_settings(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not at the first write
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Any) -> None:
    # a write transaction takes its lock at once: a read that turns into a write could not be retried
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes", True) else "BEGIN")
