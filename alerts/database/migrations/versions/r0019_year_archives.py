"""Add the tables of yearly archives and their documents."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, String, Text
from sqlalchemy.types import TypeEngine

revision = "0019"
down_revision = "0018"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty tables."""
    op.create_table(
        "year_archives",
        Column("site", _text(64), primary_key=True),
        Column("year", Integer, primary_key=True),
        Column("edition", Integer, primary_key=True),
        Column("note", Text, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("digest", _text(64), nullable=False),
        Column("documents", JSON, nullable=False),
        Column("made_by", _text(64), nullable=False),
        Column("made_ns", BigInteger, nullable=False),
    )
    op.create_table(
        "archived_documents",
        Column("site", _text(64), primary_key=True),
        Column("year", Integer, primary_key=True),
        Column("edition", Integer, primary_key=True),
        Column("name", _text(64), primary_key=True),
        Column("content", LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("archived_documents")
    op.drop_table("year_archives")
