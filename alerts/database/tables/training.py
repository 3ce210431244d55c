"""Tables of training: lessons and drills by post, and the records of persons."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from .columns import metadata, text

training_courses = Table(
    "training_courses",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("id", text(64), primary_key=True),
    Column("kind", text(16), nullable=False),  # lesson or drill
    Column("name", JSON, nullable=False),
    Column("posts", JSON, nullable=False),
    Column("valid_days", Integer, nullable=False),
    Column("since_ns", BigInteger, nullable=False),  # a first record is due some days later
    Column("version", Integer, nullable=False),
    Column("edited_by", text(64), nullable=False),
    Column("edited_ns", BigInteger, nullable=False),
)

training_records = Table(
    "training_records",
    metadata,
    Column("id", text(32), primary_key=True),  # of site, course, person and day
    Column("site", text(64), nullable=False),
    Column("course", text(64), nullable=False),
    Column("post", text(64), nullable=False),
    Column("person", text(64), nullable=False),  # id in the roster
    Column("held_on", text(16), nullable=False),  # local days
    Column("valid_until", text(16), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("recorded_by", text(64), nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Index("record_of_person", "site", "course", "person", "held_on"),
)
