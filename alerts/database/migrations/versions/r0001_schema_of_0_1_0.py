"""Create the schema of version 0.1.0, or adopt a database of that version.

Version 0.1.0 created its tables without Alembic and recorded schema 1 in `meta`. This migration creates only tables
that are missing, so such a database keeps its rows.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    column,
    delete,
    insert,
    table,
)

revision = "0001"
down_revision = None

SCHEMA_1 = MetaData()

Table("meta", SCHEMA_1, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

Table("cursors", SCHEMA_1, Column("name", String(64), primary_key=True), Column("position", BigInteger, nullable=False))

Table(
    "journal",
    SCHEMA_1,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("site", String(64), nullable=False, index=True),
    Column("kind", String(64), nullable=False),
    Column("subject", String(128), nullable=False, index=True),
    Column("digest", String(64), nullable=False),
)

Table(
    "findings",
    SCHEMA_1,
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

Table(
    "hazards",
    SCHEMA_1,
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

Table(
    "tickets",
    SCHEMA_1,
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

Table(
    "ticket_numbers",
    SCHEMA_1,
    Column("site", String(64), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

Table(
    "notices",
    SCHEMA_1,
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

Table(
    "assignments",
    SCHEMA_1,
    Column("site", String(64), primary_key=True),
    Column("sensor", String(256), primary_key=True),
    Column("place", String(128), nullable=False),
)

Table(
    "ignored",
    SCHEMA_1,
    Column("site", String(64), primary_key=True),
    Column("sensor", String(256), primary_key=True),
    Column("reason", String(200), nullable=False),
)

Table(
    "accounts",
    SCHEMA_1,
    Column("username", String(64), primary_key=True),
    Column("name", JSON, nullable=False),
    Column("password", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("sites", JSON),
)

Table(
    "sessions",
    SCHEMA_1,
    Column("digest", String(64), primary_key=True),
    Column("username", String(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
)

Table(
    "replies",
    SCHEMA_1,
    Column("username", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("request", String(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", String(32), nullable=False),
    UniqueConstraint("username", "key"),
)


def upgrade() -> None:
    """Create the missing tables and record schema 1."""
    bind = op.get_bind()
    SCHEMA_1.create_all(bind)
    meta = table("meta", column("key"), column("value"))
    bind.execute(delete(meta).where(meta.c.key == "schema"))
    bind.execute(insert(meta).values(key="schema", value="1"))
