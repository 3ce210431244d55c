"""Tables of rectification tickets and their numbers."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table
from sqlalchemy import text as _sql

from .columns import metadata, text

tickets = Table(
    "tickets",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("number", text(96), nullable=False, unique=True),
    Column("hazard", text(32), unique=True),  # null: found by a person
    Column("site", text(64), nullable=False, index=True),
    Column("zone", text(64), nullable=False),
    Column("place", text(300), nullable=False),
    Column("kind", text(32), nullable=False),
    Column("grade", Integer, nullable=False),
    Column("major", Boolean, nullable=False),
    Column("state", text(32), nullable=False, index=True),
    Column("opened_ns", BigInteger, nullable=False),
    Column("due_ns", BigInteger, nullable=False),
    Column("overdue", Boolean, nullable=False),
    Column("supervised", Boolean, nullable=False),
    Column("fulfilled", Boolean, nullable=False),
    Column("relapses", Integer, nullable=False),
    Column("fixer", text(64), nullable=False),
    Column("fixers", JSON, nullable=False),
    Column("acceptor", text(64), nullable=False),
    Column("accepted_ns", BigInteger),
    Column("closed_ns", BigInteger),
    Column("close_reason", text(64), nullable=False),
    Column("overridden", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("proposal", JSON(none_as_null=True)),
    Column("danger", text(32), nullable=False),
    Column("fulfilment", JSON, nullable=False),
    Column("reported", JSON, nullable=False),
    Column("take_due_ns", BigInteger),
    Column("take_late", Boolean, nullable=False),
    Column("paused_ns", BigInteger),
    Column("paused_until_ns", BigInteger),
    Column("supervision", JSON, nullable=False),
    Index("ticket_of_danger", "danger", unique=True),
    Index("ticket_of_place", "site", "place"),
    Index("ticket_by_time", "opened_ns", "number"),
    Index("relapsed_ticket", "danger", postgresql_where=_sql("relapses > 0"), sqlite_where=_sql("relapses > 0")),
)

ticket_numbers = Table(
    "ticket_numbers",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("last", Integer, nullable=False),
)
