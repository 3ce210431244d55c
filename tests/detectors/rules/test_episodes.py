"""Detectors of lasting states."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from detectors import Calendar, DetectionBatch, Phase, Recipe, build
from detectors.recipes.kinds import AfterHours, CameraObject, Forced, LastingState, Rule
from ingest import COLUMNS, METRIC_BY_NAME, TelemetryBatch, from_columns
from tests.detectors.histories import campus

SCHOOL = Calendar()
NOON_NS = int(datetime(2026, 9, 24, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()) * 10**9
NIGHT_NS = NOON_NS + 12 * 3600 * 10**9
Event = tuple[float, str, float, dict[str, Any]]  # s, metric, value, attributes


def batch(sensor: str, kind: str, events: list[Event], start_ns: int) -> TelemetryBatch:
    """Return the events of one sensor; they arrive at once."""
    times = [start_ns + round(at * 1e9) for at, *_ in events]
    columns = {
        "sensor": [campus().code("s", sensor, kind)] * len(events),
        "metric": [METRIC_BY_NAME[metric].code for _, metric, *_ in events],
        "time_ns": times, "arrival_ns": times, "value": [value for _, _, value, _ in events],
        "quality": [0] * len(events),
    }  # fmt: skip
    attributes = {row: attributes for row, (*_, attributes) in enumerate(events) if attributes}
    return from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS}, attributes)


def gate(rule: Rule, *events: tuple[float, str, float], start_ns: int = NOON_NS) -> list[tuple[Phase, int]]:
    """Return phase and level of the detections at a gate."""
    full: list[Event] = [(*event, {}) for event in events]
    return phases(build(Recipe("any", (rule,)), campus(), SCHOOL).update(batch("gate-1", "gate", full, start_ns)))


def camera(rule: Rule, *events: tuple[float, dict[str, Any]], sensor: str = "camera-1") -> DetectionBatch:
    """Return the detections of a camera; each event reports an object."""
    full: list[Event] = [(at, "object_present", 1.0, attributes) for at, attributes in events]
    return build(Recipe("any", (rule,)), campus(), SCHOOL).update(batch(sensor, "camera", full, NOON_NS))


def phases(found: DetectionBatch) -> list[tuple[Phase, int]]:
    """Return phase and level of each detection."""
    return [(Phase(phase), level) for phase, level in zip(found.phase, found.level.tolist(), strict=True)]


HELD = LastingState(name="held", hazard="gate_held_open", metric="open", after_s=(30.0, 120.0), levels=(1, 2))
FORCED = Forced(name="forced", hazard="gate_forced")
AFTER_HOURS = AfterHours(name="after", hazard="after_hours_entry")
PERSON = CameraObject(name="person", hazard="person_at_water", labels=("person",), score_min=0.5, hold_s=60.0)


def test_held_gate_rises_by_the_clock_and_clears_after_closing() -> None:
    """The clock of other rows raises the levels; a bounce of the contact is no closing."""
    events = [(0.0, "open", 1.0), (40.0, "battery", 90.0), (60.0, "open", 0.0), (61.0, "open", 1.0)]
    events += [(130.0, "battery", 90.0), (140.0, "open", 0.0), (150.0, "battery", 90.0)]
    assert gate(HELD, *events) == [(Phase.RAISE, 1), (Phase.CHANGE, 2), (Phase.CLEAR, 2)]


def test_gate_closed_in_time_raises_nothing() -> None:
    """An opening shorter than the first duration."""
    assert gate(HELD, (0.0, "open", 1.0), (20.0, "open", 0.0), (200.0, "battery", 90.0)) == []


def test_opening_without_a_grant_is_forced_once_the_gate_sends_grants() -> None:
    """A gate without grants has no forced openings by day; one with grants has."""
    opening, later = (100.0, "open", 1.0), (110.0, "battery", 90.0)
    assert gate(FORCED, opening, later) == []
    assert gate(FORCED, (0.0, "access_granted", 1.0), opening, later) == [(Phase.RAISE, 2)]
    assert gate(FORCED, opening, later, start_ns=NIGHT_NS) == [(Phase.RAISE, 2)]


def test_grant_before_or_right_after_the_opening_is_no_force() -> None:
    """A grant within grant_s before, or within wait_s after; a repeated report of the position is no opening."""
    seen = (0.0, "access_granted", 1.0)
    later = (130.0, "battery", 90.0)
    assert gate(FORCED, seen, (95.0, "access_granted", 1.0), (100.0, "open", 1.0), (120.0, "open", 1.0), later) == []
    assert gate(FORCED, seen, (100.0, "open", 1.0), (100.4, "access_granted", 1.0), later) == []
    assert gate(FORCED, seen, (100.0, "open", 1.0), (101.0, "access_granted", 1.0), later) == [(Phase.RAISE, 2)]


def test_reported_force_raises_at_once_and_clears_with_the_closed_gate() -> None:
    """The gate's own report needs no grant."""
    events = [(0.0, "forced", 1.0), (20.0, "forced", 0.0), (30.0, "battery", 90.0)]
    assert gate(FORCED, *events) == [(Phase.RAISE, 2), (Phase.CLEAR, 2)]


def test_entry_after_hours_raises_only_while_the_school_is_closed() -> None:
    """An opening and a grant count, a forced report does not; it clears hold_s after the last one."""
    night = [(0.0, "access_granted", 1.0), (700.0, "battery", 90.0)]
    assert gate(AFTER_HOURS, *night, start_ns=NIGHT_NS) == [(Phase.RAISE, 2), (Phase.CLEAR, 2)]
    assert gate(AFTER_HOURS, *night) == []
    assert gate(AFTER_HOURS, (0.0, "forced", 1.0), (700.0, "battery", 90.0), start_ns=NIGHT_NS) == []
    assert SCHOOL.hours(datetime(2026, 9, 24, tzinfo=ZoneInfo("Asia/Shanghai")).date()) == (time(6), time(22, 30))


def test_camera_object_needs_its_label_and_score() -> None:
    """Other labels and lower scores raise nothing; the score of the detection is that of the camera."""
    assert phases(camera(PERSON, (0.0, {"label": "dog", "score": 0.9}))) == []
    assert phases(camera(PERSON, (0.0, {"label": "person", "score": 0.4}))) == []
    found = camera(PERSON, (0.0, {"label": "person", "score": 0.7}), (90.0, {"label": "dog"}))
    assert phases(found) == [(Phase.RAISE, 2), (Phase.CLEAR, 2)]
    assert found.score[0] == 0.7
    assert found.evidence[0]["dims"] == {"label": "person", "score": 0.7}


def test_end_of_an_object_clears_after_clear_s() -> None:
    """The end event starts the clearing time."""
    rule = replace(PERSON, clear_s=5.0, hold_s=1000.0)
    events = [(0.0, {"label": "person", "score": 0.7}), (10.0, {"label": "person", "phase": "end"}), (20.0, {})]
    assert phases(camera(rule, *events)) == [(Phase.RAISE, 2), (Phase.CLEAR, 2)]


def test_zone_of_an_event_has_to_be_one_of_the_rule() -> None:
    """An event without a zone counts for cameras of the zone profiles only."""
    rule = replace(PERSON, zones=("pond",), zone_profiles=("waterside",))
    person = {"label": "person", "score": 0.9}
    assert len(camera(rule, (0.0, {**person, "zone": "pond"}))) == 1
    assert len(camera(rule, (0.0, {**person, "zones": ["path", "pond"]}))) == 1
    assert len(camera(rule, (0.0, {**person, "zone": "path"}))) == 0
    assert len(camera(rule, (0.0, person))) == 0
    assert len(camera(rule, (0.0, person), sensor="camera-0")) == 1
