"""Add the person of an account and the proposal of a ticket."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Column, String, Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add two columns; each existing account is a person of its own, no existing ticket has a proposal."""
    op.add_column("accounts", Column("person", Text().with_variant(String(64), "sqlite")))
    op.add_column("tickets", Column("proposal", JSON(none_as_null=True)))
