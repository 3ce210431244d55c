"""Add the index of the tickets that relapsed, which are few."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add the index."""
    relapsed = text("relapses > 0")
    op.create_index("relapsed_ticket", "tickets", ["danger"], postgresql_where=relapsed, sqlite_where=relapsed)


def downgrade() -> None:
    """Remove the index."""
    op.drop_index("relapsed_ticket", "tickets")
