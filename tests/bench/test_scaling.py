"""What a batch costs must not grow with how many sensors there are: ratios in one process, with room for noise."""

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
    """A catalogue that knows so many smoke detectors."""
    catalog = Catalog()
    for number in range(sensors):
        catalog.code("s1", f"d{number}", "smoke")
    return catalog


def quiet(first: int, turn: int) -> TelemetryBatch:
    """A batch of the sensors from that code on."""
    time_ns = np.full(BATCH, NOW_NS + turn * 25_000_000, np.int64)
    columns = {"sensor": np.arange(first, first + BATCH, dtype=np.int32), "metric": np.full(BATCH, DENSITY, np.int16)}
    columns |= {"time_ns": time_ns, "arrival_ns": time_ns, "value": np.full(BATCH, 0.005)}
    return from_columns(columns | {"quality": np.zeros(BATCH, np.uint8)})


def known(sensors: int) -> DetectorSet:
    """A detector that has heard every sensor once."""
    detector = build(load_recipe(), city(sensors), Calendar())
    detector.sync()
    for first in range(1, sensors + 1, BATCH):
        detector.update(quiet(first, 0))
    return detector


def cpu_s(detector: DetectorSet) -> float:
    """CPU seconds of the median batch while all is quiet."""
    took = []
    for turn in range(1, 60):
        batch, begun_s = quiet(1, turn), time.thread_time()
        detector.update(batch)
        took.append(time.thread_time() - begun_s)
    return float(np.median(took))


def test_a_batch_costs_as_much_in_a_city_as_in_a_town() -> None:
    """Thirty times the sensors, the same batch: no rule looks at all sensors for each batch."""
    assert cpu_s(known(MANY)) < 5 * cpu_s(known(FEW))


def test_a_new_sensor_is_taken_in_by_itself() -> None:
    """First readings of the last sensors of a city cost what those of the first cost: nothing is gone through anew."""
    detector = build(load_recipe(), city(MANY), Calendar())
    detector.sync()
    took = []
    for first in range(1, MANY + 1, BATCH):
        batch, begun_s = quiet(first, 0), time.thread_time()
        detector.update(batch)
        took.append(time.thread_time() - begun_s)
    assert np.median(took[-20:]) < 2 * np.median(took[1:21])


def test_state_of_a_quiet_city_is_small() -> None:
    """Quiet sensors take less than forty bytes each in a snapshot, and in a second it is long done."""
    detector = known(MANY)
    begun_s = time.thread_time()
    state = detector.snapshot()
    assert time.thread_time() - begun_s < 1
    assert len(state) < 40 * MANY


def test_a_known_sensor_is_met_faster_than_a_new_one_is_learned() -> None:
    """After a restart first messages cost a part of what they cost when nobody knew the sensors; here, under 0.7."""
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
