"""Tables of site plans and their pictures."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from .columns import metadata, text

plans = Table(
    "plans",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("content", Text, nullable=False),  # canonical JSON
)

plan_pictures = Table(
    "plan_pictures",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("digest", text(64), primary_key=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
