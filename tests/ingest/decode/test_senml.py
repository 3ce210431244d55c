"""SenML: units of batteries and lengths, states, tests, unread values and times."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import cbor2
import pytest
from kpn_senml import SenmlPack, SenmlRecord

from ingest.decode.contract import Decoded
from ingest.decode.senml import SenmlDecoder
from ingest.vocabulary import Quality

NOW_NS = 1_795_161_600_000_000_000
NODE = "urn:dev:mac:0024befffe804ff1"


def decode(*records: dict[str, Any]) -> Decoded:
    """Decode a pack of records of one device."""
    pack = [{"bn": f"{NODE}:"}, *records]
    return SenmlDecoder().decode("campus/senml/g", json.dumps(pack).encode(), retained=False, now_ns=NOW_NS)


VALUES: list[tuple[dict[str, Any], tuple[str, float, str]]] = [
    ({"n": "battery", "u": "%EL", "v": 71}, ("battery", 71, "%")),
    ({"n": "battery", "u": "/", "v": 0.71}, ("battery", 71, "%")),
    ({"n": "battery", "v": 71}, ("battery", 71, "%")),
    ({"n": "battery", "u": "V", "v": 2.9}, ("battery_voltage", 2.9, "V")),
    ({"n": "battery", "u": "mV", "v": 2900}, ("battery_voltage", 2.9, "V")),
    ({"n": "batt", "u": "V", "v": 2.9}, ("battery_voltage", 2.9, "V")),
    ({"n": "battery", "u": "EL", "v": 5000}, ("battery_undescribed", 5000, "EL")),
    ({"n": "battery", "v": 254}, ("battery_undescribed", 254, "")),
    ({"n": "humidity", "u": "/", "v": 0.485}, ("humidity", 48.5, "%")),
    ({"n": "depth", "v": 85}, ("depth_undescribed", 85, "")),
    ({"n": "depth", "u": "mm", "v": 850}, ("depth", 0.85, "m")),
    ({"n": "level", "u": "%", "v": 80}, ("fill", 80, "%")),
    ({"n": "distance", "u": "cm", "v": 184}, ("distance", 1.84, "m")),
    ({"n": "chip-temperature", "u": "Cel", "v": 71}, ("chip_temperature", 71, "Cel")),
    ({"n": "smoke", "vb": True}, ("smoke", 1, "bool")),
    ({"n": "smoke", "vs": "ALARM"}, ("smoke", 1, "bool")),
    ({"n": "co", "vb": True}, ("carbon_monoxide", 1, "bool")),
    ({"n": "gas-alarm", "vb": True}, ("gas", 1, "bool")),
    ({"n": "people-in-total", "u": "count", "v": 7}, ("people_in_total", 7, "count")),
    ({"n": "a0e2073a01080063", "u": "Cel", "v": 21}, ("temperature", 21, "Cel")),
]


@pytest.mark.parametrize(("record", "wanted"), VALUES, ids=[str(row[0]) for row in VALUES])
def test_a_record_gives_its_metric_in_our_unit(record: dict[str, Any], wanted: tuple[str, float, str]) -> None:
    """The unit of the record decides the scale; without one, a length takes none of ours."""
    decoded = decode(record)
    [reading] = decoded.readings
    assert (reading.metric, reading.value, reading.unit) == (wanted[0], pytest.approx(wanted[1]), wanted[2])
    assert reading.sensor == f"{NODE}:{record['n']}"
    assert not decoded.rejects


def test_a_pack_of_an_independent_encoder_is_read_in_cbor() -> None:
    """Base values, labels and numbers of RFC 8428, section 6, as the JSON form of the same pack."""
    pack = SenmlPack(f"{NODE}:")
    pack.base_time = 1_795_161_000
    for name, unit, value in (("co", "ppm", 3), ("humidity", "%RH", 48.5), ("smoke", None, True)):
        record = SenmlRecord(name, value=value)
        record.unit = unit
        pack.add(record)
    packed = SenmlDecoder().decode("campus/senml/g", bytes(pack.to_cbor()), retained=False, now_ns=NOW_NS)
    text = SenmlDecoder().decode("campus/senml/g", pack.to_json().encode(), retained=False, now_ns=NOW_NS)
    assert packed == text
    assert [(each.metric, each.value) for each in packed.readings] == [("co", 3), ("humidity", 48.5), ("smoke", 1)]


@pytest.mark.parametrize(
    ("record", "value"),
    [({2: Decimal("27315e-2")}, 273.15), ({2: 1 << 80}, float(1 << 80)), ({2: 0.5, "x": [1]}, 0.5)],
    ids=["decimal fraction", "big number", "unknown label"],
)
def test_numbers_of_cbor_are_numbers(record: dict[Any, Any], value: float) -> None:
    """A decimal fraction and a big number are values; an unknown label changes nothing."""
    payload = cbor2.dumps([{-2: f"{NODE}:", 0: "flux", **record}])
    [reading] = SenmlDecoder().decode("campus/senml/g", payload, retained=False, now_ns=NOW_NS).readings
    assert reading.value == pytest.approx(value)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x81",
        b"\x9b" + b"\xff" * 8,
        b"\x81" * 60_000,
        b"\x81\x5b\x7f" + b"\xff" * 7,
        cbor2.dumps([{0: "flux", 2: Decimal("1e99999")}]),
        cbor2.dumps([{0: "flux", 2: 1, "new_": 1}]),
        cbor2.dumps([{(): 1}]),
    ],
)
def test_a_broken_pack_in_cbor_is_no_reading(payload: bytes) -> None:
    """Cut, endless and deep packs, values out of range and labels that must be understood."""
    assert not SenmlDecoder().decode("campus/senml/g", payload, retained=False, now_ns=NOW_NS).readings


def test_a_record_belongs_to_its_device() -> None:
    """The device is the name before the metric; a record without a metric's name is a device itself."""
    [smoke] = decode({"n": "smoke", "vb": False}).readings
    assert smoke.device == NODE
    lone = b'[{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}]'
    [own] = SenmlDecoder().decode("campus/senml/g", lone, retained=False, now_ns=0).readings
    assert own.device == ""


def test_a_test_marks_the_records_of_its_device() -> None:
    """The order of the records does not count; another device of the pack is not marked."""
    decoded = decode(
        {"n": "smoke", "vb": True}, {"n": "test", "vb": True}, {"bn": "urn:dev:b:", "n": "smoke", "vb": True}
    )
    assert [(one.device, one.quality) for one in decoded.readings if one.metric == "smoke"] == [
        (NODE, Quality.TEST),
        ("urn:dev:b", Quality.GOOD),
    ]
    assert {one.quality for one in decode({"n": "smoke", "vb": True}, {"n": "test", "vb": False}).readings} == {
        Quality.GOOD
    }


@pytest.mark.parametrize("label", ["t", "bt"])
@pytest.mark.parametrize("given", ["soon", None, True, -1e300, 1e300, float("nan")])
def test_no_time_costs_an_alarm(label: str, given: Any) -> None:
    """A time of another type or size leaves the alarm with the doubt."""
    [reading] = decode({"n": "smoke", "vb": True, label: given}).readings
    assert (reading.value, reading.time_ns) == (1.0, None)


@pytest.mark.parametrize("time", [1_795_161_600, 1_795_161_600_000, 1.7951616e15])
def test_other_units_of_time_are_recognised(time: float) -> None:
    """Seconds, milliseconds and microseconds give the same time."""
    assert [reading.time_ns for reading in decode({"n": "smoke", "vb": True, "bt": time}).readings] == [NOW_NS]


def test_values_without_a_reading_are_unread() -> None:
    """Texts, data and sums are named once; null and NaN are no measurement."""
    decoded = decode(
        {"n": "label", "vs": "x"},
        {"n": "label", "vs": "y"},
        {"n": "nfc", "vd": "aGk"},
        {"n": "total", "u": "kWh", "s": 5},
        {"n": "co", "u": "ppm", "v": None},
        {"n": "co", "u": "ppm", "v": float("nan")},
    )
    assert list(decoded.unread) == ["label.vs", "nfc.vd", "total.s"]
    assert not decoded.readings
    assert not decoded.rejects
