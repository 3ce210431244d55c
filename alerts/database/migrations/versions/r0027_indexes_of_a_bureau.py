"""Add the index of the order of hazards, and that of the finders of dangers."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0027"
down_revision = "0026"

STANDING = """(CASE WHEN active THEN CASE WHEN (acknowledged_by IS NULL) THEN 0 ELSE 1 END
ELSE CASE WHEN (acknowledged_by IS NULL) THEN 2 ELSE 3 END END)"""


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("hazard_by_standing", "hazards", [text(STANDING), "grade", text("opened_ns DESC"), "id"])
    op.create_index("danger_of_finder", "dangers", ["found_by", "source"])


def downgrade() -> None:
    """Remove the indexes."""
    op.drop_index("danger_of_finder", "dangers")
    op.drop_index("hazard_by_standing", "hazards")
