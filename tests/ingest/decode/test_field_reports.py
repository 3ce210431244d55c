"""Reports from the field decode as their page expects: formats of homes and workshops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.decode import Router
from twinward.commands.decode import decode_lines

from .test_samples import NOW_NS

pytestmark = pytest.mark.shared


def decoded(shared_dir: Path, name: str) -> list[dict[str, Any]]:
    """Return the meaning of each line of a report."""
    lines = (shared_dir / "field-reports" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in decode_lines(lines, clock=lambda: NOW_NS)]


def values(meaning: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Return sensor and metric -> value of the readings."""
    return {(each["sensor"], each["metric"]): each["value"] for each in meaning["readings"]}


def test_illuminance_of_recent_bridges_is_read(shared_dir: Path) -> None:
    """R01-z2m-illuminance: `illuminance` alone is in lux."""
    (meaning,) = decoded(shared_dir, "R01-z2m-illuminance")
    assert values(meaning)["stair-lux", "illuminance"] == 212


def test_a_renamed_detector_is_followed(shared_dir: Path) -> None:
    """R05-z2m-rename: the answer renames, the list that follows confirms it, the new name has the readings."""
    meanings = decoded(shared_dir, "R05-z2m-rename")
    assert [meaning.get("renamed", []) for meaning in meanings] == [
        [],
        [],
        [{"old": "0x0015bc003100702a", "new": "dorm2-smoke-114"}],
        [],
        [],
    ]
    assert ("dorm2-smoke-114", "smoke") in values(meanings[-1])


def test_one_bad_chip_costs_one_chip(shared_dir: Path) -> None:
    """R08-tasmota-nan-json: the distance is read, and the other chip has a fault."""
    (meaning,) = decoded(shared_dir, "R08-tasmota-nan-json")
    assert values(meaning) == {("pumphouse", "distance"): 0.874, ("pumphouse/DHT11", "fault"): True}
    assert not meaning["rejects"]


def test_asleep_is_not_lost(shared_dir: Path) -> None:
    """R09-tasmota-deepsleep-lwt: the last will states a sleep."""
    *_, meaning = decoded(shared_dir, "R09-tasmota-deepsleep-lwt")
    (state,) = meaning["availability"]
    assert (state["sensor"], state["online"], state["asleep"]) == ("meadow-gauge", False, True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "R10-tasmota-underscore-index",
            {("labs/DS18B20_1", "temperature"): 21.4, ("labs/DS18B20_2", "temperature"): 4.1},
        ),
        (
            "R56-tasmota-two-types",
            {("boilerroom", "temperature"): 19.5, ("boilerroom/DS18B20", "temperature"): 71.2},
        ),
        (
            "R13-tasmota-chip-temperature",
            {("corridor-air", "temperature"): 21.0, ("corridor-air", "chip_temperature"): 61.3},
        ),
    ],
)
def test_each_source_is_one_series(name: str, expected: dict[tuple[str, str], float], shared_dir: Path) -> None:
    """Probes, chips and the processor of one board are apart."""
    (meaning,) = decoded(shared_dir, name)
    found = {key: value for key, value in values(meaning).items() if "temperature" in key[1]}
    assert found == expected


def test_a_message_with_a_trailing_nul_is_read(shared_dir: Path) -> None:
    """R33-trailing-nul: the alarm and the distance are read."""
    smoke, distance = decoded(shared_dir, "R33-trailing-nul")
    assert values(smoke)["lab-9", "smoke"] is True
    assert values(distance) == {("lab9", "distance"): 0.51}


def test_an_alarm_with_an_unset_clock_is_an_alarm(shared_dir: Path) -> None:
    """R25-shelly-clock-not-set: 7.3 s after 1970 does not cost the alarm."""
    (meaning,) = decoded(shared_dir, "R25-shelly-clock-not-set")
    assert values(meaning)["shellyplussmoke-aabbcc003344", "smoke"] is True
    assert not meaning["rejects"]


def test_a_comma_never_cuts_a_number(shared_dir: Path) -> None:
    """R63-comma-decimals: each value is used whole, or refused."""
    meanings = decoded(shared_dir, "R63-comma-decimals")
    numbers = {meaning["topic"]: [each["value"] for each in meaning["readings"]] for meaning in meanings}
    assert numbers["sump-esp/sensor/depth/state"] == [0.62]
    assert numbers["sump-esp/sensor/pressure/state"] == [pytest.approx(0.101676)]
    assert numbers["sump-esp/sensor/temperature/state"] == [pytest.approx(21.1667, rel=1e-4)]
    assert numbers["sump/2"] == numbers["homie/5/sump3/n/depth"] == numbers["zigbee2mqtt/sump4"] == [0.62]


def test_a_state_with_an_off_delay_ends(shared_dir: Path) -> None:
    """R21-ha-off-delay: each ON states its duration."""
    lines = (shared_dir / "field-reports" / "R21-ha-off-delay.jsonl").read_text(encoding="utf-8").splitlines()
    router = Router()
    for line in lines:
        message = json.loads(line)
        decoded = router.decode(message["topic"], message["payload"].encode(), retained=False, now_ns=NOW_NS)
    assert [(each.metric, each.value, each.lasts_s) for each in decoded.readings] == [("motion", 1.0, 2.0)]
