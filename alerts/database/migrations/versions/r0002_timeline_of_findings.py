"""Rename the column `lane` of findings to `timeline`: live or late."""

from __future__ import annotations

from alembic import op
from sqlalchemy import column, table, update

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Rename the column and record schema 2, which version 0.1.0 refuses to open."""
    with op.batch_alter_table("findings") as findings:
        findings.alter_column("lane", new_column_name="timeline")
    meta = table("meta", column("key"), column("value"))
    op.execute(update(meta).where(meta.c.key == "schema").values(value="2"))
