"""Tables of hidden dangers: dangers, public reports, photos and guide clauses."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, false

from .columns import metadata, text

dangers = Table(
    "dangers",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("zone", text(64), nullable=False),
    Column("place", text(300), nullable=False),
    Column("risk_point", text(64), nullable=False),
    Column("cause", text(32), nullable=False),
    Column("source", text(16), nullable=False),
    Column("text", JSON, nullable=False),
    Column("found_by", text(64), nullable=False),
    Column("found_ns", BigInteger, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("clauses", JSON, nullable=False),
    Column("merged_into", text(32)),
    Column("version", Integer, nullable=False),
    Index("danger_of_place", "site", "place", "cause"),
    Index("danger_of_finder", "found_by", "source"),
)

danger_hazards = Table(
    "danger_hazards",
    metadata,
    Column("hazard", text(32), primary_key=True),
    Column("danger", text(32), nullable=False, index=True),
    Column("site", text(64), nullable=False),
)

public_reports = Table(
    "public_reports",
    metadata,
    Column("receipt", text(64), primary_key=True),  # digest of the number on the reporter's screen
    Column("site", text(64), nullable=False),
    Column("danger", text(32), nullable=False, index=True),
    Column("created_ns", BigInteger, nullable=False),
)

photos = Table(
    "photos",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("danger", text(32), nullable=False, index=True),
    Column("stage", text(16), nullable=False),
    Column("place", text(300), nullable=False),  # as the sender states it
    Column("scanned", Boolean, nullable=False, server_default=false()),  # the place is of a signed sign
    Column("taken_ns", BigInteger, nullable=False),
    Column("added_by", text(64), nullable=False),
    Column("added_ns", BigInteger, nullable=False),
    Column("sent_sha256", text(64), nullable=False),
    Column("sha256", text(64), nullable=False),  # of `content`
    Column("content", LargeBinary, nullable=False),  # JPEG, encoded by the service
    Column("entry", text(200)),  # of an inspection, as site/inspection/entry
    Index("photo_of_entry", "entry"),
)

guide_clauses = Table(
    "guide_clauses",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("body", JSON, nullable=False),
)
