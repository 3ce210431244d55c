"""Tables of the journal, the cursors and the replies to repeated requests."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint
from sqlalchemy import text as _sql

from .columns import metadata, text

meta = Table("meta", metadata, Column("key", text(64), primary_key=True), Column("value", Text, nullable=False))

cursors = Table(
    "cursors", metadata, Column("name", text(64), primary_key=True), Column("position", BigInteger, nullable=False)
)

journal = Table(
    "journal",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),  # canonical JSON, covered by the digest
    Column("site", text(64), nullable=False, index=True),
    Column("kind", text(64), nullable=False),
    Column("subject", text(128), nullable=False, index=True),
    Column("digest", text(64), nullable=False),
    Index(
        "journal_of_drills",
        "kind",
        "seq",
        postgresql_where=_sql("kind = 'drill.ended'"),
        sqlite_where=_sql("kind = 'drill.ended'"),
    ),
)

replies = Table(
    "replies",
    metadata,
    Column("username", text(64), nullable=False),
    Column("key", text(128), nullable=False),
    Column("request", text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("etag", text(32), nullable=False),
    UniqueConstraint("username", "key"),
)
