"""Catalogue tables: every sensor and every learned metric, by code."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ingest import CatalogChanges, Metric, Sensor
from twinward.log.entries import Database

_SENSOR = msgspec.msgpack.Decoder(Sensor)
_PUT_SENSOR = "INSERT INTO sensors VALUES (?, ?) ON CONFLICT (code) DO UPDATE SET facts = excluded.facts"
_PUT_METRIC = (
    "INSERT INTO metrics VALUES (?, ?, ?, ?, ?) ON CONFLICT (code) DO UPDATE SET name = excluded.name,"
    " unit = excluded.unit, low = excluded.low, high = excluded.high"
)


class CatalogTable:
    """Stores `CatalogChanges`."""

    fact: ClassVar = CatalogChanges
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS sensors (code INTEGER PRIMARY KEY, facts BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS metrics (
  code INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, low REAL NOT NULL, high REAL NOT NULL) STRICT;
"""

    def put(self, db: Database, _seq: int, changes: CatalogChanges) -> None:
        """Insert or replace the changed sensors and metrics."""
        sensors = [(sensor.code, msgspec.msgpack.encode(sensor)) for sensor in changes.sensors]
        metrics = [(metric.code, metric.name, metric.unit, metric.low, metric.high) for metric in changes.metrics]
        db.executemany(_PUT_SENSOR, sensors)
        db.executemany(_PUT_METRIC, metrics)

    def load(self, db: Database) -> tuple[list[Sensor], list[Metric]]:
        """Return every sensor and every learned metric, codes ascending."""
        sensors = db.execute("SELECT facts FROM sensors ORDER BY code").fetchall()
        metrics = db.execute("SELECT code, name, unit, low, high FROM metrics ORDER BY code").fetchall()
        return [_SENSOR.decode(facts) for (facts,) in sensors], [Metric(*row) for row in metrics]
