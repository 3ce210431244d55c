"""Add the table of browsers that receive Web Push."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text
from sqlalchemy.types import TypeEngine

revision = "0028"
down_revision = "0027"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty table."""
    op.create_table(
        "push_devices",
        Column("id", _text(16), primary_key=True),
        Column("username", _text(64), nullable=False),
        Column("name", _text(64), nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Column("endpoint", _text(1_024), nullable=False, unique=True),
        Column("p256dh", _text(96), nullable=False),
        Column("auth", _text(32), nullable=False),
    )
    op.create_index("ix_push_devices_username", "push_devices", ["username"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_index("ix_push_devices_username", "push_devices")
    op.drop_table("push_devices")
