"""Data folders with stored readings, for tests of commands."""

from __future__ import annotations

from pathlib import Path

from ingest import Catalog, Sealed, TelemetryBatch
from ingest.stores import open_store
from twinward.log import TelemetryLog


def store_readings(data: Path, batch: TelemetryBatch, catalog: Catalog, *, now_ns: int) -> None:
    """Write the readings into a new log and a new store of a data folder."""
    log = TelemetryLog(data / "telemetry.sqlite", clock=lambda: now_ns)
    log.append(Sealed(batch, [catalog.drain_changes()]))
    log.close()
    store = open_store("duckdb", data / "readings.duckdb")
    store.write(batch, cursor=1)
    store.close()
