"""Add the table of shift handovers."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, String, Text
from sqlalchemy.types import TypeEngine

revision = "0011"
down_revision = "0009"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty table."""
    op.create_table(
        "handovers",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False, index=True),
        Column("since_ns", BigInteger, nullable=False),
        Column("until_ns", BigInteger, nullable=False),
        Column("sheet", JSON, nullable=False),
        Column("note", Text, nullable=False),
        Column("given_by", _text(64), nullable=False),
        Column("given_ns", BigInteger, nullable=False),
        Column("taken_by", _text(64)),
        Column("taken_ns", BigInteger),
    )
