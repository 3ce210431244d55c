"""Add the tables of training, and the lock of an account."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Column, Integer, String, Text
from sqlalchemy.types import TypeEngine

revision = "0022"
down_revision = "0021"


def _text(length: int) -> TypeEngine[str]:
    return Text().with_variant(String(length), "sqlite")


def upgrade() -> None:
    """Create the empty tables; no account is locked."""
    op.create_table(
        "training_courses",
        Column("site", _text(64), primary_key=True),
        Column("id", _text(64), primary_key=True),
        Column("kind", _text(16), nullable=False),
        Column("name", JSON, nullable=False),
        Column("posts", JSON, nullable=False),
        Column("valid_days", Integer, nullable=False),
        Column("since_ns", BigInteger, nullable=False),
        Column("version", Integer, nullable=False),
        Column("edited_by", _text(64), nullable=False),
        Column("edited_ns", BigInteger, nullable=False),
    )
    op.create_table(
        "training_records",
        Column("id", _text(32), primary_key=True),
        Column("site", _text(64), nullable=False),
        Column("course", _text(64), nullable=False),
        Column("post", _text(64), nullable=False),
        Column("person", _text(64), nullable=False),
        Column("held_on", _text(16), nullable=False),
        Column("valid_until", _text(16), nullable=False),
        Column("evidence", Text, nullable=False),
        Column("recorded_by", _text(64), nullable=False),
        Column("recorded_ns", BigInteger, nullable=False),
    )
    op.create_index("record_of_person", "training_records", ["site", "course", "person", "held_on"])
    with op.batch_alter_table("accounts") as batch:
        batch.add_column(Column("locked_ns", BigInteger))


def downgrade() -> None:
    """Remove the lock and the tables; a locked account would sign in again, so it ends."""
    op.execute("UPDATE accounts SET ended_ns = locked_ns WHERE ended_ns IS NULL AND locked_ns IS NOT NULL")
    with op.batch_alter_table("accounts") as batch:
        batch.drop_column("locked_ns")
    op.drop_index("record_of_person", "training_records")
    op.drop_table("training_records")
    op.drop_table("training_courses")
