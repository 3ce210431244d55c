"""Sparkplug B: integer widths, probes of a device, titles of metrics, tests and times."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode.contract import Decoded, Reading
from ingest.decode.sparkplug_b import SparkplugBDecoder
from ingest.decode.sparkplug_schema import Payload
from ingest.vocabulary import METRIC_BY_NAME, Quality

NOW_NS = 1_795_161_600_000_000_000
TIME_MS = NOW_NS // 1_000_000
INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, FLOAT, DOUBLE, BOOLEAN, STRING = range(1, 13)
Metrics = list[tuple[str, int, Any]]


def payload(metrics: Metrics, *, seq: int = 0, time_ms: int | None = TIME_MS) -> bytes:
    """Return a payload with these metrics: name, data type, value."""
    message = Payload(seq=seq)
    if time_ms is not None:
        message.timestamp = time_ms
    for name, datatype, value in metrics:
        metric = message.metrics.add(name=name, datatype=datatype)
        if datatype == BOOLEAN:
            metric.boolean_value = value
        elif datatype == STRING:
            metric.string_value = value
        elif datatype in (FLOAT, DOUBLE):
            metric.double_value = value
        elif datatype in (INT64, UINT32, UINT64):
            metric.long_value = value
        else:
            metric.int_value = value
    return message.SerializeToString()


def born(metrics: Metrics, *, device: str = "d", **about: Any) -> Decoded:
    """Decode the birth of a device with these metrics."""
    decoder = SparkplugBDecoder()
    decoder.decode("spBv1.0/g/NBIRTH/n", payload([]), retained=False, now_ns=NOW_NS)
    return decoder.decode(
        f"spBv1.0/g/DBIRTH/n/{device}", payload(metrics, seq=1, **about), retained=False, now_ns=NOW_NS
    )


def shown(readings: Any, device: str = "d") -> dict[tuple[str, str], float]:
    """Return the values by probe and metric; "" for the device itself."""
    root = f"g/n/{device}"
    assert all(reading.device == (root if reading.sensor != root else "") for reading in readings)
    return {(reading.sensor.removeprefix(root), reading.metric): reading.value for reading in readings}


@given(data=st.data(), datatype=st.sampled_from([INT8, INT16, INT32, INT64]))
def test_signed_integers_have_the_width_of_their_type(data: Any, datatype: int) -> None:
    """A number in its own width and one extended to the carrier are the same; a larger one is rejected."""
    bits, carrier = 2 ** (datatype + 2), 64 if datatype == INT64 else 32
    value = data.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    for raw in (value % 2**bits, value % 2**carrier):
        assert shown(born([("Count of things", datatype, raw)]).readings) == {("", "count_of_things"): float(value)}


@pytest.mark.parametrize(("datatype", "bits"), [(UINT8, 8), (UINT16, 16), (INT8, 8), (INT16, 16)])
def test_an_integer_beyond_its_width_is_rejected(datatype: int, bits: int) -> None:
    """Neither the low bits nor the whole number are stored."""
    decoded = born([("Temperature", datatype, (1 << bits) + 5)])
    assert not decoded.readings
    assert [reject.reason for reject in decoded.rejects] == ["type"]
    assert shown(born([("Temperature", UINT8, 200)]).readings) == {("", "temperature"): 200.0}


TITLES: list[tuple[str, int, Any, tuple[str, float]]] = [
    ("Level/Depth m", DOUBLE, 1.5, ("depth", 1.5)),
    ("Level cm", DOUBLE, 150, ("depth", 1.5)),
    ("Tank Level %", DOUBLE, 80, ("fill", 80)),
    ("Depth", DOUBLE, 85, ("depth_undescribed", 85)),
    ("Level", INT16, 1840, ("level_undescribed", 1840)),
    ("Water Temp", INT16, 21, ("temperature", 21)),
    ("Temperature Setpoint", DOUBLE, 95, ("temperature_setpoint", 95)),
    ("Temperature High Limit", DOUBLE, 95, ("temperature_high_limit", 95)),
    ("CPU Temperature", DOUBLE, 71, ("chip_temperature", 71)),
    ("Battery", DOUBLE, 2.9, ("battery_voltage", 2.9)),
    ("Battery Voltage", UINT16, 3600, ("battery_voltage", 3.6)),
    ("Battery Level", UINT8, 71, ("battery", 71)),
    ("Battery", UINT8, 254, ("battery_undescribed", 254)),
    ("Entry Count", UINT32, 512, ("people_in_total", 512)),
    ("people_in", UINT32, 3, ("people_in", 3)),
    ("Exits", UINT32, 498, ("people_out_total", 498)),
    ("CO ppm", DOUBLE, 40, ("co", 40)),
    ("Smoke Alarm", BOOLEAN, True, ("smoke", 1)),
    ("Smoke Alarm", INT16, 1, ("smoke", 1)),
    ("Smoke Alarm", STRING, "ALARM", ("smoke", 1)),
    ("CO Alarm", BOOLEAN, True, ("carbon_monoxide", 1)),
    ("Gas Alarm", BOOLEAN, True, ("gas", 1)),
    ("High Level Alarm", BOOLEAN, True, ("level_high", 1)),
    ("Level Alarm", BOOLEAN, True, ("alarm", 1)),
    ("Smoke Detector Fault", BOOLEAN, True, ("fault", 1)),
    ("Door Open", BOOLEAN, True, ("open", 1)),
    ("Smoke OK", BOOLEAN, True, ("smoke_ok", 1)),
    ("Fire Door Open", BOOLEAN, True, ("open", 1)),
    ("Emergency Exit Open", BOOLEAN, True, ("open", 1)),
    ("Emergency Button", BOOLEAN, True, ("panic", 1)),
    ("Fire Pump Running", BOOLEAN, True, ("fire_pump_running", 1)),
    ("Gas Valve", BOOLEAN, True, ("gas_valve", 1)),
    ("Heat Pump Fault", BOOLEAN, True, ("fault", 1)),
    ("Smoke Vent", BOOLEAN, True, ("smoke_vent", 1)),
    ("Forced Door", BOOLEAN, True, ("forced", 1)),
    ("Leak North", BOOLEAN, True, ("leak", 1)),
    ("Pump Room Leak", BOOLEAN, True, ("leak", 1)),
    ("Smoke Boiler Room", BOOLEAN, True, ("smoke", 1)),
    ("Gas Boiler House Alarm", BOOLEAN, True, ("gas", 1)),
    ("Smoke Alarm Enabled", BOOLEAN, True, ("smoke_alarm_enabled", 1)),
    ("Temperature", BOOLEAN, True, ("temperature_undescribed", 1)),
    ("Pump Running", BOOLEAN, True, ("pump_running", 1)),
]


@pytest.mark.parametrize(("title", "datatype", "value", "wanted"), TITLES, ids=[row[0] for row in TITLES])
def test_a_title_and_its_type_give_the_metric(title: str, datatype: int, value: Any, wanted: tuple[str, float]) -> None:
    """Alarms are states, settings are undescribed, and a length without a unit takes none of ours."""
    [reading] = born([(title, datatype, value)]).readings
    assert (reading.metric, reading.value) == (wanted[0], pytest.approx(wanted[1]))
    known = METRIC_BY_NAME.get(reading.metric)
    assert known is None or known.unit == reading.unit


def test_a_turnstile_names_its_counters() -> None:
    """The words of the device describe its counters."""
    assert shown(born([("In", UINT32, 5), ("Out", UINT32, 3)], device="Turnstile1").readings, "Turnstile1") == {
        ("", "people_in_total"): 5,
        ("", "people_out_total"): 3,
    }


def test_sources_of_one_metric_are_probes() -> None:
    """Folders with the same metric are sensors; the device's own facts and single sources stay on the device."""
    decoded = born(
        [
            ("Probe1/Temperature", DOUBLE, 21.0),
            ("Probe1/Humidity", DOUBLE, 40.0),
            ("Probe2/Temperature", DOUBLE, 95.0),
            ("Leak North", BOOLEAN, False),
            ("Leak South", BOOLEAN, True),
            ("Inputs/CO ppm", DOUBLE, 3.0),
            ("Battery", UINT8, 88),
        ]
    )
    assert shown(decoded.readings) == {
        ("/Probe1", "temperature"): 21.0,
        ("/Probe1", "humidity"): 40.0,
        ("/Probe2", "temperature"): 95.0,
        ("/Leak North", "leak"): 0.0,
        ("/Leak South", "leak"): 1.0,
        ("", "co"): 3.0,
        ("", "battery"): 88.0,
    }


def test_data_by_alias_stay_on_their_probe() -> None:
    """The birth decides; data with one of two probes, and after a restart, have the same names."""
    decoder = SparkplugBDecoder()
    birth = Payload(seq=1, timestamp=TIME_MS)
    for alias, folder in ((7, "A"), (8, "B")):
        birth.metrics.add(name=f"{folder}/Temperature", alias=alias, datatype=DOUBLE, double_value=20.0)
    memory: dict[str, bytes | None] = {}
    for topic, message in (("NBIRTH/n", payload([])), ("DBIRTH/n/d", birth.SerializeToString())):
        memory |= dict(decoder.decode(f"spBv1.0/g/{topic}", message, retained=False, now_ns=NOW_NS).memory)
    data = Payload(seq=2, timestamp=TIME_MS)
    data.metrics.add(alias=8, double_value=95.0)
    restarted = SparkplugBDecoder()
    restarted.recall([(key, value) for key, value in memory.items() if value is not None])
    for one in (decoder, restarted):
        decoded = one.decode("spBv1.0/g/DDATA/n/d", data.SerializeToString(), retained=False, now_ns=NOW_NS)
        assert shown(decoded.readings) == {("/B", "temperature"): 95.0}


def test_members_of_templates_are_metrics() -> None:
    """Instances of a template are folders, in the birth and by alias; a definition gives nothing."""
    decoder = SparkplugBDecoder()
    decoder.decode("spBv1.0/g/NBIRTH/n", payload([]), retained=False, now_ns=NOW_NS)

    def message(seq: int, *, named: bool) -> bytes:
        made = Payload(seq=seq, timestamp=TIME_MS)
        for alias, value in enumerate((21.0, 95.0), 1):
            outer = made.metrics.add(alias=alias, datatype=19)
            if named:
                outer.name = f"Boiler{alias}"
            outer.template_value.metrics.add(name="Temperature", datatype=DOUBLE, double_value=value)
        definition = made.metrics.add(name="_types_/Boiler", datatype=19)
        definition.template_value.is_definition = True
        definition.template_value.metrics.add(name="Temperature", datatype=DOUBLE, double_value=0.0)
        return bytes(made.SerializeToString())

    for kind, named in (("DBIRTH", True), ("DDATA", False)):
        topic = f"spBv1.0/g/{kind}/n/d"
        decoded = decoder.decode(topic, message(1 + (not named), named=named), retained=False, now_ns=NOW_NS)
        assert shown(decoded.readings) == {("/Boiler1", "temperature"): 21.0, ("/Boiler2", "temperature"): 95.0}
        assert not decoded.unread
        assert not decoded.rejects


def test_a_test_flag_marks_its_device_for_a_bounded_time() -> None:
    """Readings after the flag are a test; its end or ten minutes end that."""
    decoder = SparkplugBDecoder()
    seq = iter(range(1, 100))

    def alarm(metrics: Metrics, at_s: int = 0, device: str = "d", kind: str = "DDATA") -> Quality:
        topic, message = f"spBv1.0/g/{kind}/n/{device}", payload(metrics, seq=next(seq))
        decoded = decoder.decode(topic, message, retained=False, now_ns=NOW_NS + at_s * 10**9)
        [found] = {reading.quality for reading in decoded.readings if reading.metric == "smoke"} or {Quality.GOOD}
        return found

    decoder.decode("spBv1.0/g/NBIRTH/n", payload([]), retained=False, now_ns=NOW_NS)
    birth: Metrics = [("Smoke", BOOLEAN, False), ("Self Test", BOOLEAN, False)]
    assert alarm(birth, kind="DBIRTH") == Quality.GOOD
    assert alarm(birth, kind="DBIRTH", device="e") == Quality.GOOD
    assert alarm([("Self Test", BOOLEAN, True), ("Smoke", BOOLEAN, True)]) == Quality.TEST
    assert alarm([("Smoke", BOOLEAN, True)], 60) == Quality.TEST
    assert alarm([("Smoke", BOOLEAN, True)], 60, device="e") == Quality.GOOD
    assert alarm([("Smoke", BOOLEAN, True)], 601) == Quality.GOOD
    assert alarm([("Self Test", BOOLEAN, True)], 700) == Quality.GOOD
    assert alarm([("Self Test", BOOLEAN, False)], 710) == Quality.GOOD
    assert alarm([("Smoke", BOOLEAN, True)], 720) == Quality.GOOD


@pytest.mark.parametrize("time_ms", [None, 0, 7_300, TIME_MS // 1_000, 2**63])
def test_no_time_costs_an_alarm(time_ms: int | None) -> None:
    """A missing, early or impossible time leaves the alarm; seconds are recognised."""
    [reading] = born([("Smoke", BOOLEAN, True)], time_ms=time_ms).readings
    assert (reading.metric, reading.value) == ("smoke", 1.0)
    assert time_ms != TIME_MS // 1_000 or reading.time_ns == NOW_NS


def test_texts_and_structures_are_unread() -> None:
    """A text that is no state is named; control metrics and missing values are not."""
    decoded = born([("Mode", STRING, "auto"), ("Depth m", DOUBLE, 1.0), ("Node Control/Rebirth", BOOLEAN, False)])
    assert (list(decoded.unread), decoded.device) == (["Mode"], "g/n/d")


@pytest.mark.shared
def test_inputs_of_the_field_give_their_expected_result(shared_dir: Path) -> None:
    """Minus eight degrees in 16 and in 8 bits are minus eight degrees."""
    decoder, found = SparkplugBDecoder(), list[Reading]()
    text = (shared_dir / "field-reports" / "R39-sparkplug-int16.jsonl").read_text(encoding="utf-8")
    for message in map(json.loads, text.splitlines()):
        raw = base64.b64decode(message["payload_b64"])
        found += decoder.decode(message["topic"], raw, retained=False, now_ns=NOW_NS).readings
    assert [reading.value for reading in found] == [-8.0] * 3
