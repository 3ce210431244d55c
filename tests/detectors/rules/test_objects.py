"""Detectors of tracked objects and of charging loads."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from detectors import Calendar, DetectionBatch, Phase, Recipe, build
from detectors.recipes.cameras import Abandoned, Charging, Loiter
from ingest import COLUMNS, METRIC_BY_NAME, from_columns
from tests.detectors.histories import campus

NOON_NS = int(datetime(2026, 9, 24, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 10**9
NIGHT_NS = NOON_NS + 12 * 3600 * 10**9
LOITER = Loiter(name="loiter", hazard="intrusion", labels=("person",), zones=("fence",))
ABANDONED = Abandoned(name="left", hazard="abandoned_object", labels=("backpack",), levels=(1,))
CHARGING = Charging(
    name="bike", hazard="ebike_in_building", metric="current", low=0.8, high=3.5, limits=(3600.0,), levels=(2,)
)


def events(rule: Any, rows: list[tuple[float, str, str, str]], start_ns: int = NIGHT_NS) -> list[tuple[str, float]]:
    """Return phase and decision of each detection; rows: second, label, state and track at one camera."""
    times = [start_ns + round(at * 1e9) for at, *_ in rows]
    columns = {
        "sensor": [campus().code("s", "camera-1", "camera")] * len(rows), "time_ns": times, "arrival_ns": times,
        "metric": [METRIC_BY_NAME["object_present"].code] * len(rows),
        "value": [float(state != "end") for *_, state, _ in rows], "quality": [0] * len(rows),
    }  # fmt: skip
    dims = {
        row: {"label": label, "phase": state, "track": track, "zone": "fence"}
        for row, (_, label, state, track) in enumerate(rows)
    }
    batch = from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS}, dims)
    detector = build(Recipe("any", (rule,)), campus(), Calendar())
    return phases(detector.update(batch), start_ns)


def phases(found: DetectionBatch, start_ns: int) -> list[tuple[str, float]]:
    """Return phase and seconds of each detection."""
    return [(Phase(found.phase[i]).name, (int(found.decided_ns[i]) - start_ns) / 1e9) for i in range(len(found))]


def test_a_person_who_stays_loiters_and_passers_by_do_not() -> None:
    """Two passers-by of 20 s each, one after the other, are no loiterer; one of 40 s is."""
    passers = [(0, "person", "start", "a"), (18, "person", "start", "b"), (20, "person", "end", "a")]
    assert events(LOITER, [*passers, (38, "person", "end", "b"), (200, "cat", "start", "c")]) == []
    stays = [(float(t), "person", "update", "a") for t in range(0, 40, 5)]
    assert events(LOITER, [*stays, (41, "person", "end", "a")]) == [("RAISE", 30.0), ("CLEAR", 41.0)]


def test_loitering_counts_only_while_the_school_is_closed() -> None:
    """At noon a parent waits; the same at midnight is a finding."""
    stays = [(float(t), "person", "update", "a") for t in range(0, 120, 5)]
    assert events(LOITER, stays, NOON_NS) == []
    assert events(LOITER, stays)[0][0] == "RAISE"


def test_an_object_is_abandoned_once_its_owner_has_gone() -> None:
    """A backpack beside a person is not; two minutes after the person left it is, until somebody takes it."""
    rows = [(0, "person", "start", "p"), (5, "backpack", "start", "x")]
    rows += [(float(t), "person", "update", "p") for t in range(60, 301, 60)]
    rows += [(310, "person", "end", "p"), (500, "backpack", "end", "x")]
    assert events(ABANDONED, rows) == [("RAISE", 500.0), ("CLEAR", 500.0)]
    assert events(ABANDONED, [*rows[:-2], (500, "backpack", "end", "x")]) == []


def current(values: list[tuple[int, float]], start_ns: int = NIGHT_NS) -> list[str]:
    """Return the phases at a socket; values: minutes of a current each, one reading a minute."""
    amperes = [value for minutes, value in values for _ in range(minutes)]
    times = [start_ns + minute * 60 * 10**9 for minute in range(len(amperes))]
    columns = {
        "sensor": [campus().code("s", "smoke-1", "smoke")] * len(amperes), "time_ns": times, "arrival_ns": times,
        "metric": [METRIC_BY_NAME["current"].code] * len(amperes), "value": amperes, "quality": [0] * len(amperes),
    }  # fmt: skip
    batch = from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS}, {})
    found = build(Recipe("any", (CHARGING,)), campus(), Calendar()).update(batch)
    return [phase for phase, _ in phases(found, start_ns)]


def test_a_charger_at_night_is_found_and_other_loads_are_not() -> None:
    """Two hours of 2 A after nothing raise; a constant load, a heater and pauses within the hour do not."""
    assert current([(10, 0.0), (120, 2.0), (30, 0.0)]) == ["RAISE", "CLEAR"]
    assert current([(200, 2.0)]) == []
    assert current([(10, 0.0), (120, 8.0)]) == []
    assert current([(10, 0.0), *[(40, 2.0), (5, 0.0)] * 4]) == []
    assert current([(10, 0.0), (120, 2.0)], NOON_NS) == []
