"""Benchmarks of the whole flow: ratios, losses, and the catalogue of a city."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from twinward.bench import city, drain
from twinward.log import TelemetryLog


@pytest.mark.broker
def test_a_flood_is_stored_whole_beside_a_discarding_reader() -> None:
    """Every case has its ratio, and no reading is lost at either quality of service."""
    rows = list(drain.run(seconds=0.5))
    assert len(rows) == 3
    for row in rows:
        assert row["lost"] == 0
        assert row["discarding_messages_per_s"] > 1_000
        assert row["ratio_to_discarding"] > 0
    single, _, hundred = rows
    assert hundred["per_cpu_s"] > 2.5 * single["per_cpu_s"]  # of the service: independent of other load


@pytest.mark.broker
def test_a_small_city_starts_and_takes_its_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Known sensors, a steady rate, an alarm a second: no loss, and a ticket for each alarm."""
    monkeypatch.setattr(city, "SENSORS", 5_000)
    monkeypatch.setattr(city, "RATE_PER_S", 2_000)
    start, load = city.run(seconds=4)
    assert start["ready_s"] > 0
    assert load["lost"] == 0
    assert load["tickets"] == load["alarms"] >= 3


def test_a_city_is_in_the_catalogue_before_its_messages(tmp_path: Path) -> None:
    """The log's catalogue contains the sensors of the load."""
    city.write_catalogue(tmp_path / "data", 50)
    log = TelemetryLog(tmp_path / "data" / "telemetry.sqlite", clock=time.time_ns)
    sensors, _ = log.catalog()
    log.close()
    assert {sensor.id for sensor in sensors} >= {f"bench-{number}" for number in range(50)}
