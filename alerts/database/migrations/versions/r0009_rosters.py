"""Add the tables of rosters and escalations."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0009"
down_revision = "0008"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty tables."""
    op.create_table(
        "rosters",
        Column("site", _text(64), primary_key=True),
        Column("version", Integer, nullable=False),
        Column("content", Text, nullable=False),
    )
    op.create_table(
        "escalations",
        Column("hazard", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("state", _text(16), nullable=False),
        Column("code", _text(8), nullable=False),
        Column("due_ns", BigInteger, nullable=False),
        Column("version", Integer, nullable=False),
        Column("body", JSON, nullable=False),
    )
    op.create_index("ix_escalations_state", "escalations", ["state"])
