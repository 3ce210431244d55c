"""Tables of inspections: plans, inspections with their routes, entries, NFC tags of places."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table, Text

from .columns import metadata, text

inspection_plans = Table(
    "inspection_plans",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("id", text(64), primary_key=True),
    Column("kind", text(32), nullable=False),
    Column("name", JSON, nullable=False),
    Column("post", text(64), nullable=False),
    Column("zones", JSON, nullable=False),  # none: those of the kind
    Column("places", JSON, nullable=False),  # stops of a guard round; none: key places
    Column("begins", JSON, nullable=False),  # local times of day
    Column("days", JSON, nullable=False),
    Column("window_min", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("edited_by", text(64), nullable=False),
    Column("edited_ns", BigInteger, nullable=False),
)

inspections = Table(
    "inspections",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("id", text(64), primary_key=True),
    Column("kind", text(32), nullable=False),
    Column("plan", text(64), nullable=False),  # "": made by a person
    Column("name", JSON, nullable=False),
    Column("post", text(64), nullable=False),
    Column("state", text(16), nullable=False),
    Column("begin_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("route", JSON, nullable=False),  # stops with their items, as they were
    Column("left_off", Integer, nullable=False),
    Column("proofs", JSON, nullable=False),  # items that sensors proved, at the end
    Column("created_by", text(64), nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("started_by", text(64)),
    Column("started_ns", BigInteger),
    Column("ended_by", text(64)),
    Column("ended_ns", BigInteger),
    Column("version", Integer, nullable=False),
    Index("inspection_of_state", "site", "state", "begin_ns"),
    Index("inspection_of_plan", "site", "plan", "begin_ns"),
    Index("inspection_by_time", "begin_ns"),
)

inspection_entries = Table(
    "inspection_entries",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("inspection", text(64), primary_key=True),
    Column("id", text(64), primary_key=True),
    Column("type", text(16), nullable=False),
    Column("stop", text(16), nullable=False),
    Column("item", text(160), nullable=False),
    Column("result", text(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("way", text(16), nullable=False),  # of a check-in: qr, nfc, manual
    Column("place", text(300), nullable=False),
    Column("at", text(64), nullable=False),  # device time with its offset, as sent
    Column("at_ns", BigInteger, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Column("in_window", Boolean, nullable=False),
    Column("by", text(64), nullable=False),
    Column("digest", text(64), nullable=False),  # of the entry as sent
    Column("danger", text(32), nullable=False),
    Column("ticket", text(32), nullable=False),
    Index("entry_of_place", "site", "place", "type", "at_ns"),
)

place_tags = Table(
    "place_tags",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("tag", text(128), primary_key=True),  # id of an NFC tag
    Column("place", text(300), nullable=False),
)
