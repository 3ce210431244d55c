"""Tables of hazards, their findings and the sensors that they come from."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, Table, case, literal_column

from .columns import metadata, text

findings = Table(
    "findings",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("hazard", text(32), nullable=False, index=True),
    Column("site", text(64), nullable=False, index=True),
    Column("sensor", text(256), nullable=False),
    Column("metric", text(64), nullable=False),
    Column("rule", text(64), nullable=False),
    Column("detector", text(64), nullable=False),
    Column("kind", text(32), nullable=False),
    Column("level", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("gateway_ns", BigInteger, nullable=False),
    Column("arrival_ns", BigInteger, nullable=False),
    Column("decided_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Column("cleared_ns", BigInteger),
    Column("score", Float, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("timeline", text(8), nullable=False),
    Column("evidence", JSON, nullable=False),
    Index("active_finding", "active", "site", "sensor"),
    Index("finding_by_time", "decided_ns"),
)

hazards = Table(
    "hazards",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("site", text(64), nullable=False, index=True),
    Column("zone", text(64), nullable=False),
    Column("place", text(300), nullable=False),
    Column("cause", text(32), nullable=False),
    Column("kind", text(32), nullable=False),
    Column("grade", Integer, nullable=False),
    Column("likelihood", Float, nullable=False),
    Column("severity", Float, nullable=False),
    Column("method", text(32), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("count", Integer, nullable=False),
    Column("opened_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("cleared_ns", BigInteger),
    Column("gateway_ns", BigInteger, nullable=False),
    Column("arrival_ns", BigInteger, nullable=False),
    Column("decided_ns", BigInteger, nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Column("acknowledged_by", text(64)),
    Column("acknowledged_ns", BigInteger),
    Column("text", JSON, nullable=False),
    Column("clears", JSON, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("highest_grade", Integer, nullable=False),
    Column("highest", JSON, nullable=False),
    Column("paged_grade", Integer, nullable=False),
    Column("places", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Index("hazard_of_place", "site", "place", "cause", "drill"),
    Index("hazard_of_zone", "site", "zone", "cause", "active"),
)

_FRESH, _SEEN, _CLEARED, _ENDED = (literal_column(number, Integer) for number in "0123")
"""Literals, which the index of an expression needs."""
_unseen = hazards.c.acknowledged_by.is_(None)
standing = case((hazards.c.active, case((_unseen, _FRESH), else_=_SEEN)), else_=case((_unseen, _CLEARED), else_=_ENDED))
"""0 active and not acknowledged, 1 active, 2 cleared and not acknowledged, 3 ended: no person is required any more."""
ENDED = 3
Index("hazard_by_standing", standing, hazards.c.grade, hazards.c.opened_ns.desc(), hazards.c.id)

assignments = Table(
    "assignments",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("sensor", text(256), primary_key=True),
    Column("place", text(128), nullable=False),
)

ignored = Table(
    "ignored",
    metadata,
    Column("site", text(64), primary_key=True),
    Column("sensor", text(256), primary_key=True),
    Column("reason", text(200), nullable=False),
)
