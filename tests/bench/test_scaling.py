"""Cost of a batch against the number of sensors: ratios in one process, with a margin for noise."""

from __future__ import annotations

import time

import numpy as np

from detectors import Calendar, DetectorSet, build, load_recipe
from ingest import METRIC_BY_NAME, Catalog, Intake, TelemetryBatch, from_columns

NOW_NS = 1_764_000_000_000_000_000
DENSITY = METRIC_BY_NAME["smoke_density"].code
FEW, MANY = 2_000, 60_000
BATCH = 500


def city(sensors: int) -> Catalog:
    """Return a catalogue with this number of smoke detectors."""
    catalog = Catalog()
    for number in range(sensors):
        catalog.code("s1", f"d{number}", "smoke")
    return catalog


def quiet(first: int, turn: int) -> TelemetryBatch:
    """Return a batch of the sensors from this code on."""
    time_ns = np.full(BATCH, NOW_NS + turn * 25_000_000, np.int64)
    columns = {"sensor": np.arange(first, first + BATCH, dtype=np.int32), "metric": np.full(BATCH, DENSITY, np.int16)}
    columns |= {"time_ns": time_ns, "arrival_ns": time_ns, "value": np.full(BATCH, 0.005)}
    return from_columns(columns | {"quality": np.zeros(BATCH, np.uint8)})


def known(sensors: int) -> DetectorSet:
    """Return a detector set after one reading of every sensor."""
    detector = build(load_recipe(), city(sensors), Calendar())
    detector.sync()
    for first in range(1, sensors + 1, BATCH):
        detector.update(quiet(first, 0))
    return detector


def cpu_s(detector: DetectorSet) -> float:
    """Return the CPU seconds of the median quiet batch."""
    took = []
    for turn in range(1, 60):
        batch, begun_s = quiet(1, turn), time.thread_time()
        detector.update(batch)
        took.append(time.thread_time() - begun_s)
    return float(np.median(took))


def test_a_batch_costs_as_much_in_a_city_as_in_a_town() -> None:
    """Thirty times the sensors, the same batch: no rule visits all sensors for each batch."""
    assert cpu_s(known(MANY)) < 5 * cpu_s(known(FEW))


def test_a_new_sensor_costs_the_same_in_a_city() -> None:
    """First readings of the last sensors of a city cost the same as those of the first: no rescan."""
    detector = build(load_recipe(), city(MANY), Calendar())
    detector.sync()
    took = []
    for first in range(1, MANY + 1, BATCH):
        batch, begun_s = quiet(first, 0), time.thread_time()
        detector.update(batch)
        took.append(time.thread_time() - begun_s)
    assert np.median(took[-20:]) < 2 * np.median(took[1:21])


def test_state_of_a_quiet_city_is_small() -> None:
    """A snapshot takes less than forty bytes per quiet sensor and less than a second."""
    detector = known(MANY)
    begun_s = time.thread_time()
    state = detector.snapshot()
    assert time.thread_time() - begun_s < 1
    assert len(state) < 40 * MANY


def test_a_known_sensor_costs_less_than_a_new_one() -> None:
    """After a restart first messages cost under 0.7 of the first messages of unknown sensors."""
    frames = [
        (0x32, 1 + number % 60_000, b"campus/s1/smoke/d%d" % number, b'{"time":%d,"co":1}' % (NOW_NS // 1_000_000))
        for number in range(10_000)
    ]

    def took_s(catalog: Catalog) -> float:
        intake, begun_s = Intake(catalog), time.thread_time()
        intake.accept(frames, NOW_NS)
        return time.thread_time() - begun_s

    catalog = Catalog()
    learned_s = took_s(catalog)
    assert min(took_s(catalog) for _ in range(3)) < 0.7 * learned_s
