"""Table of planned drills."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table

from .columns import metadata, text

drill_plans = Table(
    "drill_plans",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("zone", text(64), nullable=False),
    Column("place", text(300), nullable=False),
    Column("kind", text(64), nullable=False),
    Column("silent", Boolean, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("owner", text(64), nullable=False),
    Column("state", text(16), nullable=False),
    Column("reason", text(16), nullable=False),
    Column("drill", text(32), nullable=False),  # "" until it has started
    Column("announced_ns", BigInteger),
    Column("version", Integer, nullable=False),
    Index("drill_plan_due", "state", "at_ns"),
)
