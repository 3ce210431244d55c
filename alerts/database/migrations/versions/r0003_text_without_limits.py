"""Remove the length limits of text columns on PostgreSQL.

SQLite declares lengths and does not enforce them. PostgreSQL refuses a longer value, and with it the whole
transaction: a sensor id of 200 characters would stop the alarms behind it.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import String, Text, inspect

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Change every VARCHAR(n) to TEXT; PostgreSQL rewrites no rows for it."""
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    inspector = inspect(bind)
    for name in inspector.get_table_names():
        if name == "alembic_version":
            continue
        for column in inspector.get_columns(name):
            if isinstance(column["type"], String) and not isinstance(column["type"], Text):
                op.alter_column(name, column["name"], type_=Text())
