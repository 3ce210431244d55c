"""Add the tables of the risk register: zones, points, grades, checks of measures, printed cards."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0014"
down_revision = "0013"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty tables; the campus file fills them at the next start."""
    op.create_table(
        "risk_zones",
        Column("site", _text(64), primary_key=True),
        Column("id", _text(64), primary_key=True),
        Column("number", Integer, nullable=False),
        Column("name", JSON, nullable=False),
        Column("key", _text(64), nullable=False),
        Column("version", Integer, nullable=False),
    )
    op.create_table(
        "risk_points",
        Column("site", _text(64), primary_key=True),
        Column("id", _text(64), primary_key=True),
        Column("zone", _text(64), nullable=False),
        Column("number", Integer, nullable=False),
        Column("state", _text(16), nullable=False),
        Column("draft", JSON, nullable=False),
        Column("approved", JSON),
        Column("inherent", Integer),
        Column("existing", Integer),
        Column("live", Integer),
        Column("version", Integer, nullable=False),
        Column("approved_version", Integer, nullable=False),
        Column("edited_by", _text(64), nullable=False),
        Column("edited_ns", BigInteger, nullable=False),
        Column("approved_by", _text(64)),
        Column("approved_ns", BigInteger),
    )
    op.create_index("risk_point_of_grade", "risk_points", ["live", "site"])
    op.create_index("risk_point_of_state", "risk_points", ["state", "site"])
    op.create_table(
        "risk_grades",
        Column("site", _text(64), primary_key=True),
        Column("point", _text(64), primary_key=True),
        Column("since_ns", BigInteger, primary_key=True),
        Column("zone", _text(64), nullable=False),
        Column("name", JSON, nullable=False),
        Column("grade", Integer),
        Column("existing", Integer),
        Column("version", Integer, nullable=False),
        Column("cause", _text(16), nullable=False),
    )
    op.create_table(
        "measure_checks",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("point", _text(64), nullable=False),
        Column("measure", _text(128), nullable=False),
        Column("at_ns", BigInteger, nullable=False),
        Column("works", Boolean, nullable=False),
        Column("note", Text, nullable=False),
        Column("by", _text(64), nullable=False),
    )
    op.create_index("check_of_measure", "measure_checks", ["site", "point", "measure", "at_ns"])
    op.create_table(
        "printed_cards",
        Column("site", _text(64), primary_key=True),
        Column("point", _text(64), primary_key=True),
        Column("version", Integer, nullable=False),
        Column("printed_by", _text(64), nullable=False),
        Column("printed_ns", BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("printed_cards", "measure_checks", "risk_grades", "risk_points", "risk_zones"):
        op.drop_table(name)
