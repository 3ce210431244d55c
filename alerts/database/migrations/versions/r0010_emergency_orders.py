"""Add evacuation and lockdown orders."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0010"
down_revision = "0011"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "emergency_orders",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False, index=True),
        Column("zone", _text(64), nullable=False),
        Column("action", _text(16), nullable=False),
        Column("drill", Boolean, nullable=False),
        Column("sound", Boolean, nullable=False),
        Column("note", Text, nullable=False),
        Column("state", _text(16), nullable=False),
        Column("ordered_by", _text(64), nullable=False),
        Column("ordered_ns", BigInteger, nullable=False),
        Column("clear_by", _text(64)),
        Column("ended_by", _text(64)),
        Column("ended_ns", BigInteger),
        Column("version", Integer, nullable=False),
    )
