"""Tables of yearly archives and the documents frozen in them."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, Table, Text

from .columns import metadata, text

year_archives = Table(
    "year_archives",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("edition", Integer, primary_key=True),
    Column("note", Text, nullable=False),
    Column("position", BigInteger, nullable=False),  # last journal entry that the documents contain
    Column("digest", text(64), nullable=False),  # of that entry
    Column("documents", JSON, nullable=False),  # name, sha256, size of each
    Column("made_by", text(64), nullable=False),
    Column("made_ns", BigInteger, nullable=False),
)

archived_documents = Table(
    "archived_documents",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("edition", Integer, primary_key=True),
    Column("name", text(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
