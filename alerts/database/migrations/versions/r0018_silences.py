"""Add silences, the pages that they mute, and rooms without a working detector."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0018"
down_revision = "0017"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the tables; no silence is active at first."""
    op.create_table(
        "silences",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("kind", _text(16), nullable=False),
        Column("zone", _text(64), nullable=False),
        Column("place", _text(300), nullable=False),
        Column("sensor", _text(256), nullable=False),
        Column("cause", _text(32), nullable=False),
        Column("owner", _text(64), nullable=False),
        Column("reason", Text, nullable=False),
        Column("starts_ns", BigInteger, nullable=False),
        Column("ends_ns", BigInteger, nullable=False),
        Column("weekly", JSON(none_as_null=True)),
        Column("patrol", JSON(none_as_null=True)),
        Column("patrols", JSON, nullable=False),
        Column("patrolled_ns", BigInteger),
        Column("reminded_ns", BigInteger),
        Column("ended_ns", BigInteger),
        Column("ended_by", _text(64)),
        Column("end_cause", _text(16), nullable=False),
        Column("created_by", _text(64), nullable=False),
        Column("created_ns", BigInteger, nullable=False),
        Column("version", Integer, nullable=False),
    )
    op.create_index("silence_of_site", "silences", ["site", "ended_ns"])
    op.create_table(
        "muted_pages",
        Column("hazard", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("silence", _text(32), nullable=False),
        Column("since_ns", BigInteger, nullable=False),
        Column("finding", _text(32), nullable=False),
        Column("facts", JSON, nullable=False),
        Column("at_ns", BigInteger, nullable=False),
    )
    op.create_table(
        "blind_rooms",
        Column("site", _text(64), primary_key=True),
        Column("place", _text(300), primary_key=True),
        Column("detection", _text(32), primary_key=True),
        Column("cause", _text(16), nullable=False),
        Column("since_ns", BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("blind_rooms", "muted_pages", "silences"):
        op.drop_table(name)
