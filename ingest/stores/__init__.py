"""Time-series stores, each behind the Store protocol; engines are loaded only when they are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, Unit, doc

from ingest.catalog import Catalog
from ingest.stores.contract import Store

from .memory import MemoryStore

__all__ = ["MemoryStore", "StoreSettings", "open_store"]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Engine, limits and retention of the time-series store."""

    kind: Annotated[Literal["duckdb", "influxdb", "memory"], doc("engine of the time-series store")] = "duckdb"
    memory_mb: Annotated[int, Interval(ge=64, le=65_536), Unit("MB"), doc("memory that the engine may use")] = 128
    threads: Annotated[int, Interval(ge=1, le=64), Unit("1"), doc("threads that the engine may use")] = 1
    retention: Annotated[Path | None, doc("file of the retention classes; the packaged classes when not given")] = None
    influx_url: Annotated[str, doc("InfluxDB: http(s)://host:port")] = "http://127.0.0.1:8086"
    influx_database: Annotated[str, doc("InfluxDB: database, or bucket with a mapping of that name")] = "twinward"
    influx_organisation: Annotated[str, doc("InfluxDB 2: organisation of the bucket")] = ""
    influx_token_file: Annotated[Path | None, doc("InfluxDB: file that holds the token; mode 0600")] = None
    influx_api: Annotated[Literal["1", "2"], doc("InfluxDB: writes by /write (1) or /api/v2/write (2)")] = "2"


def open_store(
    kind: Literal["duckdb", "influxdb", "memory"],
    path: Path,
    *,
    settings: StoreSettings | None = None,
    catalog: Catalog | None = None,
) -> Store:
    """Open a store of that kind; `path` is its file, created when missing. Raises StoreError.

    catalog: names of sensors and metrics, stored for external readers.
    """
    settings = settings or StoreSettings(kind=kind)
    if kind == "memory":
        return MemoryStore()
    if kind == "duckdb":
        from .duckdb import DuckdbStore  # noqa: PLC0415 - loads the engine

        return DuckdbStore(path, memory_mb=settings.memory_mb, threads=settings.threads)
    if kind == "influxdb":
        from .influxdb import InfluxStore, read_token  # noqa: PLC0415 - loads the client

        token = read_token(settings.influx_token_file)
        return InfluxStore(
            settings.influx_url,
            settings.influx_database,
            token=token,
            organisation=settings.influx_organisation,
            api=settings.influx_api,
            catalog=catalog,
        )
    raise ValueError(f"no store of kind {kind!r}; there are duckdb, influxdb and memory")
