"""Inputs from the field that went wrong elsewhere: each gives the result that an operator expects."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors import Calendar
from twinward.commands.decode import decode_lines
from twinward.commands.detect import detect_file

NOW_NS = 1_795_161_605_000_000_000  # 2026-11-20 08:00:05 UTC
Value = tuple[str, str, float | bool]


@pytest.fixture
def reports(shared_dir: Path) -> Path:
    """Folder of the inputs."""
    return shared_dir / "field-reports"


def decoded(reports: Path, name: str) -> list[dict[str, Any]]:
    """Return the meaning of each message of a file."""
    lines = (reports / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in decode_lines(lines, clock=lambda: NOW_NS)]


def values(meanings: list[dict[str, Any]], *, quality: str = "good") -> set[Value]:
    """Return sensor, metric and value of the readings of a quality."""
    rows = [row for meaning in meanings for row in meaning["readings"] if row["quality"] == quality]
    return {(row["sensor"], row["metric"], round(row["value"], 4)) for row in rows}


READINGS: dict[str, set[Value]] = {
    "R01-z2m-illuminance": {("stair-lux", "illuminance", 212), ("stair-lux", "battery", 100)},
    "R08-tasmota-nan-json": {("pumphouse", "distance", 0.874)},
    "R10-tasmota-underscore-index": {("labs/DS18B20_1", "temperature", 21.4), ("labs/DS18B20_2", "temperature", 4.1)},
    "R29-cayenne-nested": {("0101010101010102/1", "temperature", 25.4), ("0101010101010102/2", "humidity", 48.5)},
    "R33-trailing-nul": {("lab-9", "smoke", True), ("lab9", "distance", 0.51)},
    "R36-stamps-in-other-units": {("a", "temperature", 20)},
    "R39-sparkplug-int16": {("Campus/Pump/Cold", "temperature", -8)},
    "R56-tasmota-two-types": {("boilerroom", "temperature", 19.5), ("boilerroom/DS18B20", "temperature", 71.2)},
}


@pytest.mark.parametrize("name", READINGS)
def test_readings_are_those_that_the_device_measured(reports: Path, name: str) -> None:
    """Each wanted reading is there, and no other value of its sensor and metric."""
    found, wanted = values(decoded(reports, name)), READINGS[name]
    keys = {(sensor, metric) for sensor, metric, _ in wanted}
    assert {row for row in found if row[:2] in keys} == wanted


def test_two_channels_of_a_recorder_are_two_cameras(reports: Path) -> None:
    """The covered one is blind, the other is not; both belong to the recorder."""
    rows = [row for meaning in decoded(reports, "R54-onvif-channels") for row in meaning["readings"]]
    assert len({row["sensor"] for row in rows}) == 2
    assert [row["value"] for row in rows] == [True, False]
    assert {row["device"] or row["sensor"] for row in rows} == {"nvr1"}


def test_the_chip_of_a_board_is_no_room(reports: Path) -> None:
    """Only the probe has a room temperature."""
    found = values(decoded(reports, "R13-tasmota-chip-temperature"))
    assert [value for _, metric, value in found if metric == "temperature"] == [21.0]
    assert 61.3 in {value for _, metric, value in found if metric != "temperature"}


def test_text_after_a_number_is_used_or_refused(reports: Path) -> None:
    """No depth of zero, no 70 degrees Celsius."""
    found = values(decoded(reports, "R63-comma-decimals"))
    depths = {value for _, metric, value in found if metric in {"depth", "distance"}}
    assert depths <= {0.62, 0.625}
    assert {value for _, metric, value in found if metric == "temperature"} <= {21.1667}
    assert {value for _, metric, value in found if metric == "pressure"} <= {0.1017}


def test_the_number_of_an_unknown_model_has_no_physical_limit(reports: Path) -> None:
    """Depth, distance and level of a model without a profile are stored without a unit."""
    found = values(decoded(reports, "R60-unknown-model-level"))
    assert ("24e1240000000042", "distance", 1.84) in found or all(metric != "distance" for _, metric, _ in found)
    assert all(metric not in {"depth", "level", "pressure"} for _, metric, _ in found)
    assert {85.0, 1840.0} <= {value for *_, value in found}


def test_a_simulated_message_is_a_test(reports: Path) -> None:
    """Every reading, the alarm of smoke and heat included."""
    [meaning] = decoded(reports, "R27-tts-simulated")
    assert {row["quality"] for row in meaning["readings"]} == {"test"}


def test_a_clock_that_is_not_set_withholds_no_alarm(reports: Path) -> None:
    """The arrival time counts, with the doubt."""
    [meaning] = decoded(reports, "R25-shelly-clock-not-set")
    [row] = [row for row in meaning["readings"] if row["metric"] == "smoke"]
    assert (row["value"], row["quality"], row["time"][:16], bool(row["doubt"])) == (
        True,
        "good",
        "2026-11-20T08:00",
        True,
    )


def test_times_are_read_in_every_unit(reports: Path) -> None:
    """Seconds, microseconds and milliseconds give one moment; local time gives a time of that day."""
    times = [row["time"] for meaning in decoded(reports, "R36-stamps-in-other-units") for row in meaning["readings"]]
    assert times[:3] == ["2026-11-20T08:00:00.000000Z"] * 3
    assert times[3][:10] in {"2026-11-20", "2026-11-19"}


def test_a_probe_without_a_value_is_a_fault_of_the_probe(reports: Path) -> None:
    """The message stays; the missing values are reported."""
    [meaning] = decoded(reports, "R08-tasmota-nan-json")
    assert ("pumphouse/DHT11", "fault", True) in values([meaning])


def test_a_rename_is_an_event(reports: Path) -> None:
    """The old and the new name."""
    renamed = [pair for meaning in decoded(reports, "R05-z2m-rename") for pair in meaning["renamed"]]
    assert renamed[:1] == [{"old": "0x0015bc003100702a", "new": "dorm2-smoke-114"}]


def test_a_sleeping_device_is_not_lost(reports: Path) -> None:
    """The last message announces the sleep."""
    last = decoded(reports, "R09-tasmota-deepsleep-lwt")[-1]
    [change] = last["availability"]
    assert (change["sensor"], change["asleep"], last["rejects"]) == ("meadow-gauge", True, [])


def test_motion_with_an_off_delay_ends(reports: Path) -> None:
    """The announcement states the delay, and the state ends without a further message."""
    meanings = decoded(reports, "R21-ha-off-delay")
    assert values(meanings) == {("pir9", "motion", True)}


DETECTIONS = {
    "R41-co-alarm-flag": "fire",
    "R43-distance-falls": "flood",
    "R45b-85-twice": "device",
    "R51-merged-probes-fire": "fire",
    "R52-chip-temperature-alone": "",
}
"""File -> hazard that must be detected; "" for none, "device" for a device fault without a fire."""


@pytest.mark.parametrize("name", DETECTIONS)
def test_alarms_are_detected_and_power_on_values_are_not(reports: Path, tmp_path: Path, name: str) -> None:
    """A life-safety alarm reaches level 2 or more."""
    out = tmp_path / "detections.csv"
    detect_file(reports / f"{name}.csv", out)
    rows = [line.split(",") for line in out.read_text(encoding="utf-8").splitlines()]
    found = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
    wanted = DETECTIONS[name]
    if wanted in {"", "device"}:
        assert all(row["hazard"] != "fire" for row in found)
        assert bool(found) == bool(wanted)
    else:
        assert any(row["hazard"] == wanted and int(row["level"]) >= 2 for row in found)


def test_a_make_up_day_is_a_school_day(reports: Path) -> None:
    """Sunday 2026-09-20 is open once the calendar names it; the Sunday before is not."""
    text = (reports / "R70-make-up-day.calendar.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text.replace('# workdays = ["2026-09-20"]', 'workdays = ["2026-09-20"] #'))["calendar"]
    mornings = np.array(["2026-09-13T02:00", "2026-09-20T02:00"], "datetime64[ns]").astype(np.int64)  # 10:00 local
    assert Calendar.from_table(table).closed(mornings).tolist() == [True, False]
