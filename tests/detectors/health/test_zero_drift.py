"""Dust in smoke heads: found weeks before the early limit; quiet air and steam raise nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, Recipe, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, from_columns

START_NS = 1_790_000_000_000_000_000
DAYS, EARLY_DB_M = 120, 0.05
RULES = tuple(rule for rule in load_recipe().rules if rule.name == "smoke_dust")


def run(course: Callable[[float], float]) -> DetectionBatch:
    """Return the detections of one head that reports hourly; course: days -> dB/m without noise."""
    catalog = Catalog()
    code = catalog.code("s", "head", "smoke")
    chance = np.random.default_rng(4)
    hours = np.arange(DAYS * 24)
    values = np.array([course(hour / 24) for hour in hours.tolist()]) + chance.normal(0, 0.001, len(hours))
    times = START_NS + hours * 3_600 * 10**9
    given = {
        "sensor": np.full(len(hours), code),
        "metric": np.full(len(hours), METRIC_BY_NAME["smoke_density"].code),
        "time_ns": times,
        "arrival_ns": times,
        "value": np.clip(values, 0, None),
        "quality": np.zeros(len(hours)),
    }
    batch = from_columns({name: given[name].astype(dtype) for name, dtype in COLUMNS})
    return build(Recipe("test", RULES), catalog, Calendar()).update(batch)


@pytest.mark.parametrize("a_day", [0.0004, 0.0013])
def test_dust_is_found_two_weeks_before_the_early_limit(a_day: float) -> None:
    """The finding comes at least 14 days before the clean value reaches the early limit; it pages nobody."""
    found = run(lambda day: 0.008 + a_day * day)
    assert len(found) == 1
    assert found.hazard[0] == "sensor_drift"
    assert not found.pages(0)
    found_day = (int(found.decided_ns[0]) - START_NS) / 86_400e9
    assert found_day <= (EARLY_DB_M - 0.008) / a_day - 14


def test_quiet_air_steam_and_insects_are_no_dust() -> None:
    """Slow waves, an hour of steam a day and spikes raise nothing."""

    def course(day: float) -> float:
        steam = 0.3 if 0.3 < day % 1 < 0.34 else 0.0
        return 0.008 + 0.001 * float(np.sin(day / 3)) + steam + (0.4 if int(day * 24) % 977 == 0 else 0.0)

    assert len(run(course)) == 0
