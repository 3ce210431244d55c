"""Time-series stores, each behind the Store protocol; engines are loaded only when they are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Interval, Unit, doc

from ingest.store import Store

from .memory import MemoryStore

__all__ = ["MemoryStore", "StoreSettings", "open_store"]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where readings are kept, and for how long."""

    kind: Annotated[Literal["duckdb", "memory"], doc("engine of the time-series store")] = "duckdb"
    memory_mb: Annotated[int, Interval(ge=64, le=65_536), Unit("MB"), doc("memory that the engine may use")] = 128
    threads: Annotated[int, Interval(ge=1, le=64), Unit("1"), doc("threads that the engine may use")] = 1
    raw_days: Annotated[
        float, Interval(ge=0.01, le=36_500), Unit("d"), doc("readings older than this are dropped from the store")
    ] = 366.0


def open_store(kind: Literal["duckdb", "memory"], path: Path, *, settings: StoreSettings | None = None) -> Store:
    """The store of that kind in the file `path`, made when it is not there. Raises StoreError."""
    settings = settings or StoreSettings(kind=kind)
    if kind == "memory":
        return MemoryStore()
    if kind == "duckdb":
        from .duckdb import DuckdbStore  # noqa: PLC0415 - loads the engine

        return DuckdbStore(path, memory_mb=settings.memory_mb, threads=settings.threads)
    raise ValueError(f"no store of kind {kind!r}; there are duckdb and memory")
