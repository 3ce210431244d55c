"""Detectors on recordings of fires, floods and offices."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, Phase, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, from_columns

pytestmark = pytest.mark.shared
START_NS = 1_790_000_000_000_000_000
INCH_M = 0.0254
FIRES = 86
SETTLE_NS = 10_000_000_000
"""Thermocouples of one experiment settle by 5 K within the first seconds of its recording."""


def detected(rows: list[tuple[str, str, str, float, float]]) -> DetectionBatch:
    """Return the detections of rows (sensor, kind, metric, seconds, value), sorted by time."""
    catalog = Catalog()
    rows = sorted(rows, key=lambda row: row[3])
    time_ns = [START_NS + round(row[3] * 1e9) for row in rows]
    found = {
        "sensor": [catalog.code("s", row[0], row[1]) for row in rows],
        "metric": [METRIC_BY_NAME[row[2]].code for row in rows],
        "time_ns": time_ns, "arrival_ns": time_ns, "value": [row[4] for row in rows], "quality": [0] * len(rows),
    }  # fmt: skip
    batch = from_columns({name: np.array(found[name], dtype) for name, dtype in COLUMNS})
    return build(load_recipe(), catalog, Calendar()).update(batch)


def records(path: Path) -> list[dict[str, str]]:
    """Return the rows of a compressed CSV file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines)
        header = next(rows)
        return [
            dict(zip(header, row[-len(header) :], strict=True)) for row in rows
        ]  # some have a nameless number first


def fires(shared: Path) -> list[Path]:
    """Return about FIRES experiments with a time axis, evenly spaced."""
    paths = sorted((shared / "data/fsri-compartment-fires").glob("*_[0-9].csv.gz"))
    return paths[:: max(1, len(paths) // FIRES)]


def test_fires_are_found_after_ignition(shared_dir: Path) -> None:
    """Each experiment pages a fire from its ceiling sensors, none before ignition, the median within 20 s."""
    paths = fires(shared_dir)
    assert len(paths) >= 20
    delays = []
    for path in paths:
        rows = [
            (name, "smoke", "temperature", float(record["Time"]), float(record[name]))
            for record in records(path)
            for name in record
            if name.endswith("Temperature 25 mm Below Ceiling") and record[name]
        ]
        found = detected(rows)
        settled_ns = START_NS + round(rows[0][3] * 1e9) + SETTLE_NS
        pages = [found.hazard[i] == "fire" and found.pages(i) for i in range(len(found))]
        alarms = found.decided_ns[pages & (found.decided_ns >= settled_ns)]
        assert len(alarms), path.name
        delays.append((int(alarms.min()) - START_NS) / 1e9)
    assert [path.name for path, delay in zip(paths, delays, strict=True) if delay < 0] == []
    assert float(np.median(delays)) <= 20


def test_floods_that_cross_four_inches_are_raised_once(shared_dir: Path) -> None:
    """Each episode above 4 inches raises one flood by its depth, which leads to one ticket."""
    episodes = [
        record
        for record in records(shared_dir / "data/floodnet-events/flood-events.csv.gz")
        if float(record["max_depth_inches"]) >= 5 and float(record["duration_above_4_inches_mins"]) >= 3
    ]
    chosen = episodes[:: max(1, len(episodes) // 100)]
    assert len(chosen) >= 20
    missed, flapping = [], []
    for record in chosen:
        depth = json.loads(record["flood_profile_depth_inches"])
        seconds = json.loads(record["flood_profile_time_secs"])
        found = detected([("gauge", "water", "depth", s, d * INCH_M) for s, d in zip(seconds, depth, strict=True)])
        raised = sum(found.rule[i] == "water_depth" and found.phase[i] == Phase.RAISE for i in range(len(found)))
        missed += [record["sensor_id"]] * int(raised == 0)
        flapping += [record["sensor_id"]] * int(raised > 1)
    assert missed == []
    assert len(flapping) <= 0.03 * len(chosen)


def test_quiet_office_has_no_fire(shared_dir: Path) -> None:
    """Weeks of an office with sun and heating raise no fire."""
    for name in ("datatest", "datatraining"):
        rows = [
            (f"office-{name}", "env", "temperature", _seconds(record["date"]), float(record["Temperature"]))
            for record in records(shared_dir / f"data/uci-occupancy/{name}.csv.gz")
        ]
        assert len(rows) > 1000
        found = detected(rows)
        assert "fire" not in found.hazard


def _seconds(text: str) -> float:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(2015, 2, 1, tzinfo=UTC)).total_seconds()
