"""Tables of the alert database, for SQLite and PostgreSQL.

The journal is the record. Hazards, findings and tickets are its projections, written in the same transaction.
A change of a table needs a migration in `migrations/versions`; a test compares the result with these tables.
"""

from __future__ import annotations

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
)
from sqlalchemy.types import TypeEngine

REVISION = "0008"
"""Newest migration; the tables below are its result."""

metadata = MetaData()


def _text(length: int) -> TypeEngine[str]:
    """Return the type of a text column without a limit on PostgreSQL.

    SQLite declares the length and does not enforce it. On PostgreSQL an overlong name must not refuse an alarm.
    """
    return Text().with_variant(String(length), "sqlite")


meta = Table("meta", metadata, Column("key", _text(64), primary_key=True), Column("value", Text, nullable=False))

cursors = Table(
    "cursors", metadata, Column("name", _text(64), primary_key=True), Column("position", BigInteger, nullable=False)
)

journal = Table(
    "journal",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),  # canonical JSON, covered by the digest
    Column("site", _text(64), nullable=False, index=True),
    Column("kind", _text(64), nullable=False),
    Column("subject", _text(128), nullable=False, index=True),
    Column("digest", _text(64), nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", _text(32), primary_key=True),
    Column("hazard", _text(32), nullable=False, index=True),
    Column("site", _text(64), nullable=False, index=True),
    Column("sensor", _text(256), nullable=False),
    Column("metric", _text(64), nullable=False),
    Column("rule", _text(64), nullable=False),
    Column("detector", _text(64), nullable=False),
    Column("kind", _text(32), nullable=False),
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
    Column("timeline", _text(8), nullable=False),
    Column("evidence", JSON, nullable=False),
)

hazards = Table(
    "hazards",
    metadata,
    Column("id", _text(32), primary_key=True),
    Column("site", _text(64), nullable=False, index=True),
    Column("zone", _text(64), nullable=False),
    Column("place", _text(300), nullable=False),
    Column("cause", _text(32), nullable=False),
    Column("kind", _text(32), nullable=False),
    Column("grade", Integer, nullable=False),
    Column("likelihood", Float, nullable=False),
    Column("severity", Float, nullable=False),
    Column("method", _text(32), nullable=False),
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
    Column("acknowledged_by", _text(64)),
    Column("acknowledged_ns", BigInteger),
    Column("text", JSON, nullable=False),
    Column("clears", JSON, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("highest_grade", Integer, nullable=False),
    Column("highest", JSON, nullable=False),
    Column("paged_grade", Integer, nullable=False),
    Column("places", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Index("hazard_of_place", "site", "place", "cause", "drill"),
    Index("hazard_of_zone", "site", "zone", "cause", "active"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", _text(32), primary_key=True),
    Column("number", _text(96), nullable=False, unique=True),
    Column("hazard", _text(32), nullable=False, unique=True),
    Column("site", _text(64), nullable=False, index=True),
    Column("zone", _text(64), nullable=False),
    Column("place", _text(300), nullable=False),
    Column("kind", _text(32), nullable=False),
    Column("grade", Integer, nullable=False),
    Column("major", Boolean, nullable=False),
    Column("state", _text(32), nullable=False, index=True),
    Column("opened_ns", BigInteger, nullable=False),
    Column("due_ns", BigInteger, nullable=False),
    Column("overdue", Boolean, nullable=False),
    Column("supervised", Boolean, nullable=False),
    Column("fulfilled", Boolean, nullable=False),
    Column("relapses", Integer, nullable=False),
    Column("fixer", _text(64), nullable=False),
    Column("fixers", JSON, nullable=False),
    Column("acceptor", _text(64), nullable=False),
    Column("accepted_ns", BigInteger),
    Column("closed_ns", BigInteger),
    Column("close_reason", _text(64), nullable=False),
    Column("overridden", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("proposal", JSON(none_as_null=True)),
)

ticket_numbers = Table(
    "ticket_numbers",
    metadata,
    Column("site", _text(64), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("id", _text(64), primary_key=True),
    Column("site", _text(64), nullable=False, index=True),
    Column("hazard", _text(32), nullable=False),
    Column("ticket", _text(32), nullable=False),
    Column("channel", _text(64), nullable=False),
    Column("type", _text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False, index=True),
    Column("body", JSON, nullable=False),
    Column("state", _text(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("next_ns", BigInteger, nullable=False),
    Column("delivered_ns", BigInteger),
    Column("error", Text, nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    Column("site", _text(64), primary_key=True),
    Column("sensor", _text(256), primary_key=True),
    Column("place", _text(128), nullable=False),
)

ignored = Table(
    "ignored",
    metadata,
    Column("site", _text(64), primary_key=True),
    Column("sensor", _text(256), primary_key=True),
    Column("reason", _text(200), nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("username", _text(64), primary_key=True),
    Column("name", JSON, nullable=False),
    Column("password", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("sites", JSON),
    Column("ended_ns", BigInteger),
    Column("person", _text(64)),  # null: the account is a person of its own
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("username", _text(64), primary_key=True),
    Column("secret", Text, nullable=False),
    Column("pending", Text, nullable=False),  # secret of an authenticator without its first code
    Column("confirmed", Boolean, nullable=False),
    Column("last_step", BigInteger, nullable=False),  # a code counts once
    Column("recovery", JSON, nullable=False),  # digests
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", _text(64), primary_key=True),
    Column("username", _text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("used_ns", BigInteger, nullable=False),
)

displays = Table(
    "displays",
    metadata,
    Column("id", _text(16), primary_key=True),
    Column("site", _text(64), nullable=False),
    Column("name", _text(64), nullable=False),
    Column("created_by", _text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("digest", _text(64), nullable=False, unique=True),
)

replies = Table(
    "replies",
    metadata,
    Column("username", _text(64), nullable=False),
    Column("key", _text(128), nullable=False),
    Column("request", _text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", _text(32), nullable=False),
    UniqueConstraint("username", "key"),
)
