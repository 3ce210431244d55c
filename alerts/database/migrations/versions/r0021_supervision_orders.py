"""Add the supervision order of a ticket, and the indexes of lists and roll-ups over many schools."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, Column, text

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the column; a ticket without an order has an empty one."""
    with op.batch_alter_table("tickets") as batch:
        batch.add_column(Column("supervision", JSON))
    op.execute(text("UPDATE tickets SET supervision = '{}'"))
    with op.batch_alter_table("tickets") as batch:
        batch.alter_column("supervision", existing_type=JSON(), nullable=False)
    ended = text("kind = 'drill.ended'")
    op.create_index("journal_of_drills", "journal", ["kind", "seq"], postgresql_where=ended, sqlite_where=ended)


def downgrade() -> None:
    """Remove the column and the indexes."""
    op.drop_index("journal_of_drills", "journal")
    with op.batch_alter_table("tickets") as batch:
        batch.drop_column("supervision")
