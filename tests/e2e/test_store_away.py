"""Outage of the store: the log accepts entries, and the store catches up automatically."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from ingest import Catalog, Sealed, from_columns, raw_only_plan
from ingest.stores.influxdb import InfluxStore, create_database
from twinward.latest import Latest
from twinward.log import TelemetryLog
from twinward.log.shared_catalog import LogCatalog
from twinward.pump import Pump
from twinward.stages import StoreStage

ROWS, ENTRIES = 200, 40
START_NS = 1_788_200_000_000_000_000


def _sealed(number: int) -> Sealed:
    """Return a batch of ROWS readings of ROWS sensors."""
    time_ns = np.full(ROWS, START_NS + number * 1_000_000_000, np.int64)
    batch = from_columns(
        {
            "sensor": np.arange(1, ROWS + 1, dtype=np.int32),
            "metric": np.full(ROWS, 5, np.int16),
            "time_ns": time_ns,
            "arrival_ns": time_ns.copy(),
            "value": np.full(ROWS, float(number)),
            "quality": np.zeros(ROWS, np.uint8),
        }
    )
    return Sealed(batch)


def _until(condition: Any, *, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"condition not met after {timeout_s} s"
        time.sleep(0.05)


def test_an_outage_of_the_store_loses_no_reading(tmp_path: Path, influxdb: Any) -> None:
    """Entries before and during the outage: every reading is stored once."""
    log = TelemetryLog(tmp_path / "telemetry.sqlite", clock=time.time_ns)
    database = f"t{uuid4().hex}"
    create_database(influxdb.url, database)
    store, catalog = InfluxStore(influxdb.url, database, api="1", timeout_s=2), Catalog()
    stage = StoreStage(
        store,
        Latest(),
        LogCatalog(log, catalog, shared=True),
        time.time_ns,
        end=log.head(),
        keep=lambda: raw_only_plan(36_500),
        retain_logs=lambda _: None,
    )
    pump = Pump(log, stage)
    pump.start()
    try:
        for number in range(ENTRIES // 2):
            log.append(_sealed(number))
        _until(lambda: pump.lag() == 0)
        influxdb.stop()
        for number in range(ENTRIES // 2, ENTRIES):
            log.append(_sealed(number))
        _until(lambda: pump.failures_total > 0)
        assert not pump.healthy()
        assert pump.lag() > 0
        influxdb.start()
        _until(lambda: pump.lag() == 0)
        assert store.count() == ROWS * ENTRIES
        assert store.cursor() == log.head()
        series = store.read(7, 5, from_ns=0, to_ns=2**62)
        assert series.value.tolist() == [float(number) for number in range(ENTRIES)]
        _until(pump.healthy)
    finally:
        pump.stop()
        store.close()
        log.close()
