"""Tables of notices, escalations, rosters, handovers and emergency orders."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table, Text

from .columns import metadata, text

notices = Table(
    "notices",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("site", text(64), nullable=False, index=True),
    Column("hazard", text(32), nullable=False),
    Column("ticket", text(32), nullable=False),
    Column("channel", text(64), nullable=False),
    Column("type", text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False, index=True),
    Column("body", JSON, nullable=False),
    Column("state", text(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("next_ns", BigInteger, nullable=False),
    Column("delivered_ns", BigInteger),
    Column("error", Text, nullable=False),
    Index("notice_of_hazard", "hazard", "state"),
    Index("notice_by_time", "created_ns"),
)

rosters = Table(
    "rosters",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("content", Text, nullable=False),  # canonical JSON; has telephone numbers
)

escalations = Table(
    "escalations",
    metadata,
    Column("hazard", text(32), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("state", text(16), nullable=False, index=True),
    Column("code", text(8), nullable=False),
    Column("due_ns", BigInteger, nullable=False),  # on the clock of escalations
    Column("version", Integer, nullable=False),
    Column("body", JSON, nullable=False),
)

handovers = Table(
    "handovers",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False, index=True),
    Column("since_ns", BigInteger, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
    Column("sheet", JSON, nullable=False),  # as it was signed
    Column("note", Text, nullable=False),
    Column("given_by", text(64), nullable=False),
    Column("given_ns", BigInteger, nullable=False),
    Column("taken_by", text(64)),
    Column("taken_ns", BigInteger),
)

emergency_orders = Table(
    "emergency_orders",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False, index=True),
    Column("zone", text(64), nullable=False),
    Column("action", text(16), nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("sound", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", text(16), nullable=False),
    Column("ordered_by", text(64), nullable=False),
    Column("ordered_ns", BigInteger, nullable=False),
    Column("clear_by", text(64)),
    Column("ended_by", text(64)),
    Column("ended_ns", BigInteger),
    Column("called", JSON, nullable=False),
    Column("acknowledged", JSON, nullable=False),
    Column("sent_ns", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
)
