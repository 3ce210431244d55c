"""Add the end of accounts and the second factor."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, String, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a column and a table; existing accounts neither end nor need a second factor."""
    op.add_column("accounts", Column("ended_ns", BigInteger))
    op.create_table(
        "second_factors",
        Column("username", Text().with_variant(String(64), "sqlite"), primary_key=True),
        Column("secret", Text, nullable=False),
        Column("pending", Text, nullable=False),
        Column("confirmed", Boolean, nullable=False),
        Column("last_step", BigInteger, nullable=False),
        Column("recovery", JSON, nullable=False),
    )
