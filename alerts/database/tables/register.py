"""Tables of the risk register: zones, points, grades, checks and printed cards."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table, Text

from .columns import metadata, text

risk_zones = Table(
    "risk_zones",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("id", text(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("name", JSON, nullable=False),
    Column("key", text(64), nullable=False),
    Column("version", Integer, nullable=False),
)

risk_points = Table(
    "risk_points",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("id", text(64), primary_key=True),
    Column("zone", text(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", text(16), nullable=False),
    Column("draft", JSON, nullable=False),  # newest edit
    Column("approved", JSON(none_as_null=True)),  # as a person approved it
    Column("inherent", Integer),  # grades of the approved content
    Column("existing", Integer),
    Column("live", Integer),  # existing grade, raised by a confirmed proposal
    Column("version", Integer, nullable=False),
    Column("approved_version", Integer, nullable=False),
    Column("edited_by", text(64), nullable=False),
    Column("edited_ns", BigInteger, nullable=False),
    Column("approved_by", text(64)),
    Column("approved_ns", BigInteger),
    Index("risk_point_of_grade", "live", "site"),
    Index("risk_point_of_state", "state", "site"),
)

risk_grades = Table(
    "risk_grades",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("point", text(64), primary_key=True),
    Column("since_ns", BigInteger, primary_key=True),
    Column("zone", text(64), nullable=False),
    Column("name", JSON, nullable=False),
    Column("grade", Integer),  # null: removed
    Column("existing", Integer),
    Column("version", Integer, nullable=False),
    Column("cause", text(16), nullable=False),
)

measure_checks = Table(
    "measure_checks",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("point", text(64), nullable=False),
    Column("measure", text(128), nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("works", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("by", text(64), nullable=False),
    Index("check_of_measure", "site", "point", "measure", "at_ns"),
)

printed_cards = Table(
    "printed_cards",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("point", text(64), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("printed_by", text(64), nullable=False),
    Column("printed_ns", BigInteger, nullable=False),
)
