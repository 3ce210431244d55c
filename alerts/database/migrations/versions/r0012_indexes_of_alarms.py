"""Add the indexes of notices by hazard and state, and of active findings by sensor."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    """Create the indexes."""
    op.create_index("notice_of_hazard", "notices", ["hazard", "state"])
    op.create_index("active_finding", "findings", ["active", "site", "sensor"])
