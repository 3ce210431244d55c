"""Add the course of hazards: begin of the alarm, highest grade and value, paged grade, further places."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Integer, text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; a hazard so far has paged if it is red or orange, neither late nor a drill."""
    with op.batch_alter_table("hazards") as table:
        table.add_column(Column("since_ns", BigInteger))
        table.add_column(Column("highest_grade", Integer))
        table.add_column(Column("highest", JSON))
        table.add_column(Column("paged_grade", Integer))
        table.add_column(Column("places", JSON))
    op.execute(
        text(
            "UPDATE hazards SET since_ns = opened_ns, highest_grade = grade, highest = '{}', places = '[]',"
            " paged_grade = CASE WHEN grade <= 2 AND NOT late AND NOT drill THEN grade ELSE 0 END"
        )
    )
    with op.batch_alter_table("hazards") as table:
        for name, kind in (("since_ns", BigInteger()), ("highest_grade", Integer()), ("paged_grade", Integer())):
            table.alter_column(name, existing_type=kind, nullable=False)
        for name in ("highest", "places"):
            table.alter_column(name, existing_type=JSON(), nullable=False)
        table.create_index("hazard_of_zone", ["site", "zone", "cause", "active"])
