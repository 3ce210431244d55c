"""Add the indexes of lists by time over many schools."""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0022"

INDEXES = (
    ("ticket_by_time", "tickets", ["opened_ns", "number"]),
    ("finding_by_time", "findings", ["decided_ns"]),
    ("inspection_by_time", "inspections", ["begin_ns"]),
    ("notice_by_time", "notices", ["created_ns"]),
)


def upgrade() -> None:
    """Add the indexes."""
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Remove the indexes."""
    for name, table, _ in INDEXES:
        op.drop_index(name, table)
