"""Inputs that were right and stay right: readings, detections, and three tested at their own parts."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors import Calendar, Phase, build, load_recipe
from ingest import Catalog, Quality, Sensor, from_columns
from tests.twinward.commands.test_field_reports import Value, values
from twinward.commands.decode import decode_lines

TESTS = Path(__file__).parents[2]
NOW_NS = 1_795_161_605_000_000_000  # 2026-11-20 08:00:05 UTC
TASMOTA, TIME = "tele/lab/SENSOR", {"Time": "2026-11-20T08:00:00"}
GAUGE = {"deviceProfileName": "EM400-MUD", "devEui": "24e124713c140002"}
READINGS: dict[str, tuple[str, Any, Value]] = {
    "bare number as text": ("esphome/lab/sensor/t/state", "21.5", ("esphome/lab/t", "t", 21.5)),
    "number in quotes": ("zigbee2mqtt/env", {"temperature": "21.4"}, ("env", "temperature", 21.4)),
    "text number with unit": (TASMOTA, TIME | {"BME280": {"Temperature": "21.4 °C"}}, ("lab", "temperature", 21.4)),
    "stated Fahrenheit": (
        TASMOTA,
        TIME | {"DS18B20": {"Temperature": 70.0}, "TempUnit": "F"},
        ("lab", "temperature", 21.1111),
    ),
    "centimetres": (TASMOTA, TIME | {"SR04": {"Distance": 51.0}}, ("lab", "distance", 0.51)),
    "millimetres of a known model": (
        "application/a/device/24e124713c140002/event/up",
        {"deviceInfo": GAUGE, "object": {"distance": 2600}},
        ("24e124713c140002", "distance", 2.6),
    ),
    "number below zero": ("zigbee2mqtt/env", {"temperature": -8.5}, ("env", "temperature", -8.5)),
    "null beside a value": ("zigbee2mqtt/env", {"temperature": None, "humidity": 40}, ("env", "humidity", 40)),
    "quiet smoke head": ("zigbee2mqtt/head", {"smoke": False, "battery": 100}, ("head", "smoke", False)),
    "contact that is open": ("zigbee2mqtt/door", {"contact": False}, ("door", "open", True)),
    "wet leak sensor": ("zigbee2mqtt/leak", {"water_leak": True}, ("leak", "leak", True)),
}
GOOD, TEST, FAULT, LATE = Quality.GOOD, Quality.TEST, Quality.FAULT, Quality.HISTORICAL
SMOKE, HEAT, DENSITY = "smoke", "temperature", "smoke_density"
QUIET: set[tuple[bool, bool]] = set()
DETECTIONS: dict[str, tuple[str, list[float], list[Quality], set[tuple[bool, bool]]]] = {
    "test followed by a fire": (SMOKE, [1, 0, 1], [TEST, TEST, GOOD], {(True, False), (False, True)}),
    "test alone": (SMOKE, [1, 1, 0], [TEST] * 3, {(True, False)}),
    "alarm": (SMOKE, [0, 1, 1], [GOOD] * 3, {(False, True)}),
    "alarm that the source marks as history": (SMOKE, [0, 1, 1], [GOOD, LATE, LATE], {(False, False)}),
    "faulty reading of a smoke head": (SMOKE, [0, 1, 0], [GOOD, FAULT, GOOD], QUIET),
    "one spike of the temperature": (HEAT, [21, 21, 180, 21, 21], [GOOD] * 5, QUIET),
    "one spike of the smoke density": (DENSITY, [0.0, 0.0, 0.9, 0.0, 0.0], [GOOD] * 5, QUIET),
}
"""Name -> metric, values each 10 s, qualities, and (drill, page) of the fires."""
ELSEWHERE = {
    "rebirth of a Sparkplug node": ("e2e/test_formats.py", "test_data_without_a_birth_request_a_rebirth"),
    "repeated hour of summer time": (
        "ingest/decode/test_times.py",
        "test_the_repeated_hour_of_summer_time_is_the_one_of_the_arrival",
    ),
    "redirect is no delivery": ("alerts/notices/channels/test_webhook.py", "test_a_redirect_is_not_followed"),
}


@pytest.mark.parametrize("name", READINGS)
def test_reading_stays_right(name: str) -> None:
    """One message gives the reading with its value in our unit."""
    topic, payload, wanted = READINGS[name]
    line = json.dumps({"topic": topic, "payload": payload if isinstance(payload, str) else json.dumps(payload)})
    found = values([json.loads(answer) for answer in decode_lines([line], clock=lambda: NOW_NS)])
    assert [row for row in found if row[:2] == wanted[:2]] == [wanted]


@pytest.mark.parametrize("name", DETECTIONS)
def test_detection_stays_right(name: str) -> None:
    """The fires are those that a person expects: drills apart, pages only for live ones."""
    metric, series, qualities, wanted = DETECTIONS[name]
    catalog = Catalog([Sensor(0, "s", "school-1", "smoke")])
    detector = build(load_recipe(), catalog, Calendar())
    times = NOW_NS + np.arange(len(series), dtype=np.int64) * 10_000_000_000
    columns = {
        "sensor": np.zeros(len(series), np.int32),
        "metric": np.full(len(series), catalog.metric(metric).code, np.int16),
        "time_ns": times,
        "arrival_ns": times,
        "value": np.array(series, np.float64),
        "quality": np.array(qualities, np.uint8),
    }
    found = detector.update(from_columns(columns))
    fires = [row for row in range(len(found)) if found.hazard[row] == "fire" and found.phase[row] == Phase.RAISE]
    assert {(bool(found.drill[row]), found.pages(row)) for row in fires} == wanted


@pytest.mark.parametrize("name", ELSEWHERE)
def test_input_is_tested_at_its_part(name: str) -> None:
    """The named test exists."""
    file, function = ELSEWHERE[name]
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
