"""Add the persons whom an order reaches, their receipts, and the last time of sending."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, text
from sqlalchemy.types import TypeEngine

revision = "0015"
down_revision = "0012"
COLUMNS: dict[str, TypeEngine[Any]] = {"called": JSON(), "acknowledged": JSON(), "sent_ns": BigInteger()}


def upgrade() -> None:
    """Add two empty lists to each order, and its own time."""
    with op.batch_alter_table("emergency_orders") as table:
        for name, kind in COLUMNS.items():
            table.add_column(Column(name, kind))
    op.execute(text("UPDATE emergency_orders SET called = '[]', acknowledged = '[]', sent_ns = ordered_ns"))
    with op.batch_alter_table("emergency_orders") as table:
        for name, kind in COLUMNS.items():
            table.alter_column(name, existing_type=kind, nullable=False)
