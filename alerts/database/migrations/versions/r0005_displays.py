"""Add the table of display accounts."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty table."""
    op.create_table(
        "displays",
        Column("id", _text(16), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("name", _text(64), nullable=False),
        Column("created_by", _text(64), nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Column("digest", _text(64), nullable=False, unique=True),
    )
