"""Unusual counts: a raise on an event, none on the usual course, in holidays, for other series."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from detectors import Calendar, Phase, Recipe, build
from detectors.recipes.traffic import UnusualCount
from ingest import COLUMNS, Catalog, Quality, from_columns

RULE = UnusualCount(name="count", hazard="unusual_traffic", levels=(0,), pages=())
START_NS = 1_789_948_800_000_000_000
"""A Monday, midnight UTC."""
SLOT_NS = 1_800_000_000_000


def course(days: int, *, event_day: int = -1, seed: int = 1) -> np.ndarray:
    """Return half-hourly counts with a daily peak; on the event day 80 more people come at 20:00."""
    slots = np.arange(days * 48)
    counts = np.random.default_rng(seed).poisson(2 + 30 * np.exp(-0.5 * ((slots % 48 - 18) / 5) ** 2)).astype(float)
    counts[(slots // 48 == event_day) & (slots % 48 == 40)] += 80
    return counts


def days_found(
    counts: np.ndarray, *, metric: str = "people_in", quality: int = Quality.GOOD, calendar: Calendar | None = None
) -> list[int]:
    """Return the days with a raise; the counts end their half hours."""
    catalog = Catalog()
    sensor, code = catalog.code("s", "gate", "gate"), catalog.metric(metric).code
    times = START_NS + np.arange(len(counts)) * SLOT_NS
    columns = {
        "sensor": sensor,
        "metric": code,
        "time_ns": times,
        "arrival_ns": times,
        "value": counts,
        "quality": quality,
    }
    batch = from_columns(
        {name: np.broadcast_to(np.asarray(columns[name], dtype), len(counts)).copy() for name, dtype in COLUMNS}
    )
    found = build(Recipe("r", (RULE,)), catalog, calendar or Calendar()).update(batch)
    first = found.first_ns[found.phase == Phase.RAISE]
    return sorted({int(day) for day in (first - START_NS) // (48 * SLOT_NS)})


@pytest.mark.parametrize("metric", ["people_in", "object_count", "crossings"])
def test_an_event_raises_on_its_day_only(metric: str) -> None:
    """Counts, numbers present, and an undescribed metric that proves to be a count."""
    assert days_found(course(21, event_day=17), metric=metric) == [17]


def test_running_totals_are_counts() -> None:
    """A total that grows by the counts, and starts again once, gives the same detections."""
    totals = np.cumsum(course(21, event_day=17))
    totals[480:] -= totals[479]
    assert days_found(totals, metric="people_in_total") == [17]


def test_other_series_raise_nothing() -> None:
    """An undescribed metric of fractions, and one without a daily course, are no counts."""
    flat = np.random.default_rng(3).poisson(10, 21 * 48).astype(float)
    flat[820] = 90
    assert days_found(course(21, event_day=17) + 0.5, metric="mystery") == []
    assert days_found(flat, metric="mystery") == []


def test_tests_and_history_raise_nothing() -> None:
    """Only live readings are scored."""
    for quality in (Quality.TEST, Quality.HISTORICAL, Quality.FAULT):
        assert days_found(course(21, event_day=17), quality=int(quality)) == []


def test_holidays_are_neither_learned_nor_scored() -> None:
    """A holiday without people leaves the usual counts of its weekday: the next week raises nothing."""
    counts = course(24)
    holiday = Calendar("UTC", holidays=frozenset({date(2026, 9, 28)}))
    counts[7 * 48 : 8 * 48] = 0
    assert days_found(counts, calendar=holiday) == []
