"""Add the table of planned drills."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0025"
down_revision = "0024"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty table."""
    op.create_table(
        "drill_plans",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("zone", _text(64), nullable=False),
        Column("place", _text(300), nullable=False),
        Column("kind", _text(64), nullable=False),
        Column("silent", Boolean, nullable=False),
        Column("at_ns", BigInteger, nullable=False),
        Column("owner", _text(64), nullable=False),
        Column("state", _text(16), nullable=False),
        Column("reason", _text(16), nullable=False),
        Column("drill", _text(32), nullable=False),
        Column("announced_ns", BigInteger),
        Column("version", Integer, nullable=False),
    )
    op.create_index("drill_plan_due", "drill_plans", ["state", "at_ns"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_index("drill_plan_due", "drill_plans")
    op.drop_table("drill_plans")
