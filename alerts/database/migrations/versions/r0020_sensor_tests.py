"""Add the table of sensor tests, and the scanned sign of a photo."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, String, Text, false
from sqlalchemy.types import TypeEngine

revision = "0020"
down_revision = "0019"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty table. The place of a stored photo is what its sender stated."""
    op.create_table(
        "sensor_tests",
        Column("id", _text(64), primary_key=True),
        Column("sensor", _text(256), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("ticket", _text(32), nullable=False, index=True),
        Column("started_ns", BigInteger, nullable=False),
        Column("until_ns", BigInteger, nullable=False),
        Column("started_by", _text(64), nullable=False),
        Column("recorded_ns", BigInteger, nullable=False),
        Column("state", _text(8), nullable=False, index=True),
        Column("metric", _text(64), nullable=False),
        Column("value", Float),
        Column("before", Float),
        Column("response_ns", BigInteger),
    )
    op.create_index("test_of_sensor", "sensor_tests", ["site", "sensor", "started_ns"])
    with op.batch_alter_table("photos") as table:
        table.add_column(Column("scanned", Boolean, nullable=False, server_default=false()))


def downgrade() -> None:
    """Drop the table and the column."""
    with op.batch_alter_table("photos") as table:
        table.drop_column("scanned")
    op.drop_index("test_of_sensor", "sensor_tests")
    op.drop_table("sensor_tests")
