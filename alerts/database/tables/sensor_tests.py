"""Table of sensor tests by persons."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Table

from .columns import metadata, text

sensor_tests = Table(
    "sensor_tests",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("sensor", text(256), primary_key=True),
    Column("site", text(64), nullable=False),
    Column("ticket", text(32), nullable=False, index=True),  # "" without one
    Column("started_ns", BigInteger, nullable=False),  # by the device of the person
    Column("until_ns", BigInteger, nullable=False),
    Column("started_by", text(64), nullable=False),
    Column("recorded_ns", BigInteger, nullable=False),
    Column("state", text(8), nullable=False, index=True),
    Column("metric", text(64), nullable=False),
    Column("value", Float),
    Column("before", Float),
    Column("response_ns", BigInteger),
    Index("test_of_sensor", "site", "sensor", "started_ns"),
)
