"""Recovery time of a killed service with a large store and a long unread log."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import httpx
import numpy as np
import pytest

from ingest import COLUMNS, CatalogChanges, MessageKeys, Sealed, Sensor, from_columns
from ingest.block import batch_id, encode
from ingest.stores import open_store
from twinward.log import TelemetryLog
from twinward.log.connection import connect, transaction
from twinward.log.verify import Link, link

STORED, STORED_LONG = 3_000_000, 780_000_000
"""Readings in the store, 13 bytes each: random values do not compress."""

ENTRIES, ENTRIES_LONG = 20_000, 1_000_000
KEYS, KEYS_LONG = 100_000, 1_000_000
SENSORS, SENSORS_LONG = 1_000, 10_000
PART = 1_000_000
KILLS, KILLS_LONG = 3, 20
ROWS = 10
BACK_S = 3.0


def age_store(path: Path, rows: int, sensors: int) -> None:
    """Add a month of readings below the current cursor, at random so that they do not compress."""
    rng, store = np.random.default_rng(2), open_store("duckdb", path)
    cursor = store.cursor()
    for part in range(max(1, rows // PART)):
        columns = {name: np.zeros(PART, dtype) for name, dtype in COLUMNS}
        columns["metric"][:] = 6
        columns["sensor"] = (10 + rng.integers(0, sensors, PART)).astype(np.int32)
        columns["time_ns"] = time.time_ns() - rng.integers(0, 30 * 86_400, PART) * 1_000_000_000
        columns["value"] = rng.random(PART)
        store.write(from_columns(columns), cursor=cursor + 1 + part)
    store.close()
    with closing(duckdb.connect(str(path))) as database:
        database.execute("UPDATE progress SET cursor = ?", [cursor])


def age_log(path: Path, *, entries: int, keys: int, sensors: int) -> None:
    """Append entries that no stage has read, with duplicate keys and sensors."""
    with closing(TelemetryLog(path, clock=time.time_ns)) as log:
        known = len(log.catalog()[0])
        more = tuple(Sensor(code, f"old-{code}", "rel", "env") for code in range(known, known + sensors))
        columns = {name: np.zeros(ROWS, dtype) for name, dtype in COLUMNS}
        columns["metric"][:] = 6
        columns["sensor"] = np.arange(known, known + ROWS, dtype=np.int32)
        columns["time_ns"] = columns["arrival_ns"] = np.full(ROWS, time.time_ns())
        batch = from_columns(columns)
        rng = np.random.default_rng(1)
        for part in range(keys // 10_000):
            fresh = rng.integers(-(2**63), 2**63 - 1, 10_000).tolist()
            log.append(Sealed(batch, [MessageKeys(fresh), CatalogChanges(more if part == 0 else ())]))
    block = encode(batch)
    name = batch_id(block)
    with closing(connect(path)) as database, transaction(database):
        rows = []
        seq, digest = database.execute("SELECT seq, digest FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        for number in range(seq + 1, seq + 1 + entries):
            entry = Link(number, time.time_ns(), 0, name)
            digest = link(digest, entry, block)
            rows.append((number, entry.written_ns, 0, name, digest, block))
        database.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)


def serving(client: httpx.Client) -> bool:
    """Return whether `/readyz` answers 200. The caller keeps one client: a new one costs as much as 100 requests."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def cpu_s(service: Any) -> float:
    """Return the CPU seconds of the service; other load changes them less than the clock."""
    fields = Path(f"/proc/{service.processes['all'].pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.broker
def test_a_killed_service_is_ready_within_seconds(mosquitto: Any, rig: Any) -> None:
    """Repeated kills over old data: `/readyz` and the first new reading in the log come within the limit."""
    service = rig.service(mosquitto.url)
    service.start()
    assert service.stop() == 0
    sensors = rig.size(SENSORS, SENSORS_LONG)
    age_store(service.data / "readings.duckdb", rig.size(STORED, STORED_LONG), sensors)
    entries = rig.size(ENTRIES, ENTRIES_LONG)
    age_log(service.data / "telemetry.sqlite", entries=entries, keys=rig.size(KEYS, KEYS_LONG), sensors=sensors)
    service.start()
    alarms, data = rig.alarms(mosquitto.port, service), rig.data_of(service)
    served_s, taken_s, used_s, client = [], [], [], httpx.Client(base_url=service.url, timeout=2)
    for number in range(rig.size(KILLS, KILLS_LONG)):
        stored = data.total()["stored"]
        service.kill()
        began_s = time.monotonic()
        service.spawn()
        alarms.publish("new", b'{"seq": %d, "co2": 500}' % number)
        rig.until(lambda stored=stored: data.total()["stored"] > stored, timeout_s=60, what="a reading", every_s=0.02)
        taken_s.append(time.monotonic() - began_s)
        rig.until(lambda: serving(client), timeout_s=60, what="ready", every_s=0.02)
        served_s.append(time.monotonic() - began_s)
        used_s.append(cpu_s(service))
        time.sleep(rig.rng.uniform(0.0, 1.0))
    client.close()
    gigabytes = sum(file.stat().st_size for file in service.data.iterdir() if file.is_file()) / 1e9
    figures = {"served": max(served_s), "served_median": float(np.median(served_s)), "taken": max(taken_s)}
    figures |= {"taken_median": float(np.median(taken_s)), "cpu_median": float(np.median(used_s))}
    rig.report(gigabytes=round(gigabytes, 2), open_entries=entries, **{k: round(v, 2) for k, v in figures.items()})
    for spent_s in (served_s, taken_s) if rig.long else (used_s,):  # other load of the machine changes the clock's
        assert max(spent_s) <= rig.bound_s(BACK_S)
