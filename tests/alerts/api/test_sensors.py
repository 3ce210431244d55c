"""Sensors over HTTP: what is known of each, the end of its battery, and those that nobody has bound yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from detectors import Calendar, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, TelemetryBatch, from_columns

DAY_S = 86_400
START_S = 1_790_000_000


def beats(office: Any, sensor: str, span_s: tuple[int, int], *, low: bool) -> TelemetryBatch:
    """Heartbeats every ten minutes with the low flag."""
    catalog = office.world.catalog
    times = np.arange(*span_s, 600, dtype=np.int64)
    time_ns = (START_S + times) * 10**9
    found = {
        "sensor": np.full(len(times), catalog.code("school-1", sensor, "smoke")),
        "metric": np.full(len(times), METRIC_BY_NAME["battery_low"].code),
        "time_ns": time_ns,
        "arrival_ns": time_ns,
        "value": np.full(len(times), float(low)),
        "quality": np.zeros(len(times)),
    }
    return from_columns({name: found[name].astype(dtype) for name, dtype in COLUMNS})


def test_the_end_of_a_battery_stands_with_its_sensor_until_the_cell_is_changed(office: Any) -> None:
    """Messages left and the days between which it ends, in both languages; null for every other sensor."""
    viewer, world = office.sign_in("viewer"), office.world
    detector = build(load_recipe(), world.catalog, Calendar())
    steps = (((0, 9 * DAY_S), False), ((9 * DAY_S, 10 * DAY_S), True), ((10 * DAY_S, 11 * DAY_S), False))
    shown = []
    for position, (span_s, low) in enumerate(steps, 1):
        found = detector.update(beats(office, "smoke-101", span_s, low=low))
        world.desk.apply(found, world.catalog, cursor=position)
        shown.append(viewer.get("sensors/school-1/smoke-101").json()["battery"])
    before, told, after = shown
    assert before is None
    assert after is None
    assert (told["used"], told["left_low"], told["left_high"]) == (0, 4_000, 8_000)
    assert told["per_day"] == 144
    assert told["earliest"] < told["latest"]
    assert told["earliest"] in told["text"]["zh"]
    assert told["latest"] in told["text"]["en"]
    assert viewer.get("sensors/school-1/smoke-102").json()["battery"] is None
    [finding] = viewer.get("detections", params={"sensor": "smoke-101"}).json()["items"]
    assert finding["battery"] == told
