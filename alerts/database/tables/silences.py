"""Tables of silences, the pages that they mute, and rooms without a working detector."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, Table, Text

from .columns import metadata, text

silences = Table(
    "silences",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("kind", text(16), nullable=False),
    Column("zone", text(64), nullable=False),
    Column("place", text(300), nullable=False),
    Column("sensor", text(256), nullable=False),
    Column("cause", text(32), nullable=False),
    Column("owner", text(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("starts_ns", BigInteger, nullable=False),
    Column("ends_ns", BigInteger, nullable=False),
    Column("weekly", JSON(none_as_null=True)),
    Column("patrol", JSON(none_as_null=True)),
    Column("patrols", JSON, nullable=False),
    Column("patrolled_ns", BigInteger),
    Column("reminded_ns", BigInteger),
    Column("ended_ns", BigInteger),
    Column("ended_by", text(64)),
    Column("end_cause", text(16), nullable=False),
    Column("created_by", text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Index("silence_of_site", "site", "ended_ns"),
)

muted_pages = Table(
    "muted_pages",
    metadata,
    Column("hazard", text(32), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("silence", text(32), nullable=False),
    Column("since_ns", BigInteger, nullable=False),  # begin of the alarm whose page is muted
    Column("finding", text(32), nullable=False),
    Column("facts", JSON, nullable=False),  # of the journal entry of its page
    Column("at_ns", BigInteger, nullable=False),
)

blind_rooms = Table(
    "blind_rooms",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("place", text(300), primary_key=True),
    Column("detection", text(32), primary_key=True),
    Column("cause", text(16), nullable=False),
    Column("since_ns", BigInteger, nullable=False),
)
