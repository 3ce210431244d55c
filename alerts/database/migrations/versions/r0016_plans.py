"""Add the tables of plans and their pictures."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, String, Text
from sqlalchemy.types import TypeEngine

revision = "0016"
down_revision = "0014"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty tables."""
    op.create_table(
        "plans",
        Column("site", _text(64), primary_key=True),
        Column("version", Integer, nullable=False),
        Column("content", Text, nullable=False),
    )
    op.create_table(
        "plan_pictures",
        Column("site", _text(64), primary_key=True),
        Column("digest", _text(64), primary_key=True),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("content", LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("plan_pictures")
    op.drop_table("plans")
