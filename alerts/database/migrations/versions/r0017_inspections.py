"""Add the tables of inspections, and the entry of a photo."""

from __future__ import annotations

import sqlalchemy
from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0017"
down_revision = "0016"
TABLES = ("inspection_plans", "inspections", "inspection_entries", "place_tags")


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty tables."""
    _create_inspections()
    _create_entries()
    with op.batch_alter_table("photos") as batch:
        batch.add_column(Column("entry", _text(200)))
        batch.create_index("photo_of_entry", ["entry"])


def _create_inspections() -> None:
    op.create_table(
        "inspection_plans",
        Column("site", _text(64), primary_key=True),
        Column("id", _text(64), primary_key=True),
        Column("kind", _text(32), nullable=False),
        Column("name", JSON, nullable=False),
        Column("post", _text(64), nullable=False),
        Column("zones", JSON, nullable=False),
        Column("places", JSON, nullable=False),
        Column("begins", JSON, nullable=False),
        Column("days", JSON, nullable=False),
        Column("window_min", Integer, nullable=False),
        Column("active", Boolean, nullable=False),
        Column("version", Integer, nullable=False),
        Column("edited_by", _text(64), nullable=False),
        Column("edited_ns", BigInteger, nullable=False),
    )
    op.create_table(
        "inspections",
        Column("site", _text(64), primary_key=True),
        Column("id", _text(64), primary_key=True),
        Column("kind", _text(32), nullable=False),
        Column("plan", _text(64), nullable=False),
        Column("name", JSON, nullable=False),
        Column("post", _text(64), nullable=False),
        Column("state", _text(16), nullable=False),
        Column("begin_ns", BigInteger, nullable=False),
        Column("end_ns", BigInteger, nullable=False),
        Column("route", JSON, nullable=False),
        Column("left_off", Integer, nullable=False),
        Column("proofs", JSON, nullable=False),
        Column("created_by", _text(64), nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Column("started_by", _text(64)),
        Column("started_ns", BigInteger),
        Column("ended_by", _text(64)),
        Column("ended_ns", BigInteger),
        Column("version", Integer, nullable=False),
    )
    op.create_index("inspection_of_state", "inspections", ["site", "state", "begin_ns"])
    op.create_index("inspection_of_plan", "inspections", ["site", "plan", "begin_ns"])


def _create_entries() -> None:
    op.create_table(
        "inspection_entries",
        Column("site", _text(64), primary_key=True),
        Column("inspection", _text(64), primary_key=True),
        Column("id", _text(64), primary_key=True),
        Column("type", _text(16), nullable=False),
        Column("stop", _text(16), nullable=False),
        Column("item", _text(160), nullable=False),
        Column("result", _text(16), nullable=False),
        Column("note", Text, nullable=False),
        Column("way", _text(16), nullable=False),
        Column("place", _text(300), nullable=False),
        Column("at", _text(64), nullable=False),
        Column("at_ns", BigInteger, nullable=False),
        Column("received_ns", BigInteger, nullable=False),
        Column("in_window", Boolean, nullable=False),
        Column("by", _text(64), nullable=False),
        Column("digest", _text(64), nullable=False),
        Column("danger", _text(32), nullable=False),
        Column("ticket", _text(32), nullable=False),
    )
    op.create_table(
        "place_tags",
        Column("site", _text(64), primary_key=True),
        Column("tag", _text(128), primary_key=True),
        Column("place", _text(300), nullable=False),
    )
    op.create_index("entry_of_place", "inspection_entries", ["site", "place", "type", "at_ns"])


def downgrade() -> None:
    """Drop the tables; the photos of inspections without a danger go with them."""
    photos = sqlalchemy.table("photos", sqlalchemy.column("danger"))
    op.get_bind().execute(sqlalchemy.delete(photos).where(photos.c.danger == ""))
    with op.batch_alter_table("photos") as batch:
        batch.drop_index("photo_of_entry")
        batch.drop_column("entry")
    for name in TABLES:
        op.drop_table(name)
