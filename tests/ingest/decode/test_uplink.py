"""Uplinks of LoRaWAN models at ChirpStack 4, ChirpStack 3 and The Things Stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.decode import ChirpStackDecoder, Decoded, Reading
from ingest.decode.tts_v3 import TtsV3Decoder
from ingest.vocabulary import METRIC_BY_NAME, Quality

NOW_NS = 1_795_161_600_000_000_000
TIME = "2026-11-20T08:00:00Z"
EUI = "0101010101010101"
Fields = Mapping[str, Any]
Decode = Callable[[str, Fields], Decoded]


def chirpstack(profile: str, fields: Fields, **more: Any) -> Decoded:
    """Decode the fields as an uplink of ChirpStack 4."""
    about = {"time": TIME, "deviceInfo": {"deviceProfileName": profile, "devEui": EUI}, "object": fields} | more
    return ChirpStackDecoder().decode(
        f"application/a/device/{EUI}/event/up", json.dumps(about).encode(), retained=False, now_ns=NOW_NS
    )


def chirpstack_3(profile: str, fields: Fields) -> Decoded:
    """Decode the fields as an uplink of ChirpStack 3 in its JSON: bytes in base64, the fields as a text."""
    about = {
        "applicationID": "12",
        "devEUI": "AQEBAQEBAQE=",
        "deviceProfileName": profile,
        "rxInfo": [{"time": TIME}],
        "objectJSON": json.dumps(fields),
    }
    return ChirpStackDecoder().decode(
        f"application/12/device/{EUI}/event/up", json.dumps(about).encode(), retained=False, now_ns=NOW_NS
    )


def chirpstack_3_legacy(profile: str, fields: Fields) -> Decoded:
    """Decode the fields as an uplink of ChirpStack 3 before 3.11, in its JSON v3."""
    about = {"devEUI": EUI, "deviceProfileName": profile, "rxInfo": [{"time": TIME}], "object": fields}
    return ChirpStackDecoder().decode(
        f"application/12/device/{EUI}/rx", json.dumps(about).encode(), retained=False, now_ns=NOW_NS
    )


def tts(profile: str, fields: Fields, *, received: Any = TIME, **more: Any) -> Decoded:
    """Decode the fields as an uplink of The Things Stack."""
    uplink = {"received_at": received, "decoded_payload": fields, "version_ids": {"model_id": profile.lower()}}
    return TtsV3Decoder().decode(
        f"v3/a@t/devices/{EUI}/up",
        json.dumps({"uplink_message": uplink} | more).encode(),
        retained=False,
        now_ns=NOW_NS,
    )


SERVERS: list[Decode] = [chirpstack, chirpstack_3, chirpstack_3_legacy, tts]


def shown(decoded: Decoded) -> dict[tuple[str, str], float]:
    """Return the values by probe and metric; the probe of the device itself is ""."""
    assert all(reading.device == (EUI if "/" in reading.sensor else "") for reading in decoded.readings)
    return {(reading.sensor.removeprefix(EUI), reading.metric): reading.value for reading in decoded.readings}


MODELS: list[tuple[str, Fields, dict[tuple[str, str], float]]] = [
    ("EM500-SWL", {"depth": 210}, {("", "depth"): 2.1}),
    ("EM500-UDL", {"distance": 1840, "battery": 96}, {("", "distance"): 1.84, ("", "battery"): 96}),
    ("EM310-UDL", {"distance": 350, "position": "normal"}, {("", "distance"): 0.35}),
    ("EM400-TLD", {"distance": 2116, "temperature": 25.7}, {("", "distance"): 2.116, ("", "temperature"): 25.7}),
    ("EM410-RDL", {"distance": 1840, "battery": 96}, {("", "distance"): 1.84, ("", "battery"): 96}),
    (
        "DDS75-LB",
        {"Node_type": "DDS75-LB", "Bat": 3.3, "Distance": 2821},
        {("", "distance"): 2.821, ("", "battery_voltage"): 3.3},
    ),
    (
        "DDS04-LB",
        {"BatV": 3.3, "distance1_cm": 25.5, "distance2_cm": 0, "distance3_cm": 30},
        {("", "battery_voltage"): 3.3, ("/1", "distance"): 0.255, ("/3", "distance"): 0.3},
    ),
    ("MDS200-LB", {"dis1": 150, "dis2": 40}, {("/1", "distance"): 0.15, ("/2", "distance"): 0.04}),
    ("EM300-ZLD", {"leakage_status": "leak"}, {("", "leak"): 1}),
    ("EM300-ZLD", {"leakage_status": "normal"}, {("", "leak"): 0}),
    ("LWL02", {"WATER_LEAK_STATUS": 1, "BAT_V": 2.9, "MOD": 2}, {("", "leak"): 1, ("", "battery_voltage"): 2.9}),
    ("R718WA", {"Device": "R718WA", "Volt": 3, "WaterLeak": "Leak"}, {("", "leak"): 1, ("", "battery_voltage"): 3}),
    (
        "R311W",
        {"Volt": "2.4(low battery)", "WaterLeak_1": "NoLeak", "WaterLeak_2": "Leak"},
        {("", "battery_voltage"): 2.4, ("", "battery_low"): 1, ("/1", "leak"): 0, ("/2", "leak"): 1},
    ),
    (
        "TBWL100",
        {"status": 1, "battery": 3.6, "temperatureBoard": 31, "temperature": 21, "humidity": 40},
        {
            ("", "leak"): 1,
            ("", "battery_voltage"): 3.6,
            ("", "chip_temperature"): 31,
            ("", "temperature"): 21,
            ("", "humidity"): 40,
        },
    ),
    (
        "RA02A",
        {"FireAlarm": "Alarm", "HighTempAlarm": "Alarm", "Temp": 120},
        {("", "smoke"): 1, ("", "temperature"): 120},
    ),
    ("RA02A", {"FireAlarm": "No Alarm", "HighTempAlarm": "Alarm"}, {("", "smoke"): 0, ("", "heat"): 1}),
    ("RA02C", {"COAlarm": "Alarm", "HighTempAlarm": "No Alarm"}, {("", "carbon_monoxide"): 1, ("", "heat"): 0}),
    (
        "EM400-TLD",
        {
            "temperature": 23.2,
            "temperature_alarm": "threshold_alarm",
            "distance": 1601,
            "distance_alarm": "threshold alarm release",
        },
        {("", "temperature"): 23.2, ("", "distance"): 1.601, ("", "alarm"): 1},
    ),
    (
        "EM410-RDL",
        {
            "event": [{"distance": 900, "distance_alarm": "threshold alarm"}, {"distance_exception": "blind alarm"}],
            "distance": 900,
        },
        {("", "distance"): 0.9, ("", "alarm"): 1},
    ),
    ("EM410-RDL", {"event": [{"distance_exception": "sensor exception"}]}, {("", "fault"): 1}),
    ("LDS12-LB", {"Lidar_distance": 120.5, "Lidar_temp": 30}, {("", "distance"): 1.205, ("", "chip_temperature"): 30}),
    ("PS-LB", {"Water_deep_cm": 85, "Bat_V": 3.6}, {("", "depth"): 0.85, ("", "battery_voltage"): 3.6}),
    (
        "DL-MBX",
        {
            "protocol_version": 2,
            "distance": {"displayName": "Distance", "value": 1840, "unit": "mm"},
            "number_of_valid_samples": {"displayName": "Number of valid samples", "value": 10},
            "battery_voltage": {"displayName": "Battery voltage", "value": 3.6, "unit": "V"},
        },
        {("", "distance"): 1.84, ("", "battery_voltage"): 3.6},
    ),
    ("LWL03A", {"ALARM": "TRUE", "WATER_LEAK_STATUS": "NO LEAK", "TIME": "2026-11-20 08:00:00"}, {("", "leak"): 0}),
    ("ELT-2", {"waterleak": 255, "vdd": 3600}, {("", "leak"): 1, ("", "battery_voltage"): 3.6}),
    ("ELT-2", {"waterleak": 0, "distance": 850}, {("", "leak"): 0, ("", "distance"): 0.85}),
    ("R311A", {"Volt": 3, "OnOff": 1}, {("", "battery_voltage"): 3, ("", "open"): 1}),
    (
        "RB11E",
        {"Temp": 21, "Illuminance": 90, "Occupy": 1},
        {("", "temperature"): 21, ("", "illuminance"): 90, ("", "occupancy"): 1},
    ),
    ("RA02G", {"IncenseSmokeAlarm": "Alarm", "HighSoundAlarm": "No Alarm"}, {("", "smoke"): 1, ("", "alarm"): 0}),
    ("GS101", {"state": "abnormal", "life_remain": "60s"}, {("", "gas"): 1}),
    ("LHT65N", {"Bat_status": "Low", "Ext_TempC_SHT": 4.5}, {("", "battery_low"): 1, ("/Ext_SHT", "temperature"): 4.5}),
    ("GS101", {"gas_status": "abnormal", "valve": "close"}, {("", "gas"): 1}),
    ("GS101", {"alarm": "sensor failed"}, {("", "fault"): 1}),
    ("GS101", {"alarm": "sensor about to fail"}, {("", "end_of_life"): 1}),
    ("GS524N", {"event": "failover", "type": "smoke sensor"}, {("", "fault"): 1}),
    ("GS601", {"temperature_alarm": {"burning_alarm_trigger": {"temperature": 60}}}, {("", "heat"): 1}),
    (
        "VS133",
        {"line_1_total_in": 72, "line_1_total_out": 200, "line_4_period_in": 5, "region_2_count": 16},
        {
            ("/line_1", "people_in_total"): 72,
            ("/line_1", "people_out_total"): 200,
            ("/line_4", "people_in"): 5,
            ("/region_2", "object_count"): 16,
        },
    ),
    (
        "VS350",
        {"total_in": 18, "total_out": 22, "period_in": 19, "period_out": 20},
        {
            ("", "people_in_total"): 18,
            ("", "people_out_total"): 22,
            ("", "people_in"): 19,
            ("", "people_out"): 20,
        },
    ),
    ("VS121", {"people_count_all": 3, "people_count_max": 5}, {("", "object_count"): 3}),
    ("VS330", {"occupancy": "occupied", "distance_1": 3000}, {("", "occupancy"): 1}),
    ("LDS03A", {"DOOR1_OPEN_STATUS": "OPEN", "DOOR2_OPEN_STATUS": "CLOSE"}, {("/1", "open"): 1, ("/2", "open"): 0}),
    (
        "TS302",
        {"temperature_chn1": 21.5, "magnet_chn1": 1, "temperature_chn2": 95.0},
        {("/chn1", "temperature"): 21.5, ("/chn1", "open"): 1, ("/chn2", "temperature"): 95.0},
    ),
    ("UC300", {"pt100_1": 25.8, "pt100_2": 31}, {("/pt100_1", "temperature"): 25.8, ("/pt100_2", "temperature"): 31}),
    (
        "LHT65N",
        {"TempC_SHT": 20.5, "Hum_SHT": 50, "TempC_DS": 4.1, "BatV": 3.05},
        {
            ("", "temperature"): 20.5,
            ("", "humidity"): 50,
            ("/DS", "temperature"): 4.1,
            ("", "battery_voltage"): 3.05,
        },
    ),
    ("D23-LB", {"Temp_Red": 20, "Temp_White": 30}, {("/Red", "temperature"): 20, ("/White", "temperature"): 30}),
]


@pytest.mark.parametrize("decode", SERVERS, ids=lambda server: server.__name__)
@pytest.mark.parametrize(
    ("profile", "fields", "wanted"), MODELS, ids=[f"{row[0]}-{number}" for number, row in enumerate(MODELS)]
)
def test_a_documented_model_gives_its_readings(
    decode: Decode, profile: str, fields: Fields, wanted: dict[tuple[str, str], float]
) -> None:
    """The vendor's keys give our metrics in our units, each channel as its own sensor, and leave nothing unread."""
    decoded = decode(profile, fields)
    assert shown(decoded) == pytest.approx(wanted)
    assert not decoded.unread
    assert not decoded.rejects
    assert {reading.time_ns for reading in decoded.readings} == {NOW_NS}
    for reading in decoded.readings:
        known = METRIC_BY_NAME.get(reading.metric)
        assert known is None or reading.unit == known.unit


@pytest.mark.parametrize("decode", SERVERS, ids=lambda server: server.__name__)
@pytest.mark.parametrize(
    "metric", [name for name, metric in METRIC_BY_NAME.items() if metric.unit != "bool" and name != "new_names"]
)
def test_a_number_of_an_unknown_model_takes_no_unit_of_ours(decode: Decode, metric: str) -> None:
    """A key with the name of a measured metric is undescribed and has no unit, unless it means the same everywhere."""
    shared = {"temperature", "chip_temperature", "humidity", "co2", "battery_voltage", "rssi", "battery", "pm10"}
    [reading] = decode("ACME Level", {metric: 85.0}).readings
    assert (reading.metric == metric) == (metric in shared)
    assert metric in shared or (reading.unit, METRIC_BY_NAME.get(reading.metric)) == ("", None)


def test_a_unit_in_the_text_describes_the_number_of_an_unknown_model() -> None:
    """A number with its unit is the metric of that name; one with a foreign unit is not."""
    assert shown(chirpstack("ACME", {"distance": "2821 mm"})) == {("", "distance"): 2.821}
    assert shown(chirpstack("ACME", {"distance": {"value": 2821, "unit": "mm", "displayName": "Distance"}})) == {
        ("", "distance"): 2.821
    }
    assert shown(chirpstack("ACME", {"distance": "28 %"})) == {("", "distance_undescribed"): 28}


@pytest.mark.parametrize("key", [metric.name for metric in METRIC_BY_NAME.values() if metric.unit == "bool"])
@pytest.mark.parametrize("value", [True, 1.0])
def test_a_state_of_an_unknown_model_is_a_state(key: str, value: float) -> None:
    """A boolean has no unit to be wrong in: a state of the vocabulary stays one."""
    decoded = chirpstack("ACME", {key: value, "temperature": 20})
    if key == "test":
        assert {reading.quality for reading in decoded.readings} == {Quality.TEST}
    else:
        assert shown(decoded)[("", key)] == 1


def test_a_tag_names_the_model() -> None:
    """A device profile of a class of devices leaves the model to the tag."""
    about = {"deviceProfileName": "Class A", "devEui": EUI, "tags": {"model": "EM500-SWL"}}
    assert shown(chirpstack("", {"depth": 210}, deviceInfo=about)) == {("", "depth"): 2.1}


STATED: list[tuple[str, Any, dict[tuple[str, str], float]]] = [
    ("smoke", "alarm", {("", "smoke"): 1}),
    ("smokeDetected", True, {("", "smoke"): 1}),
    ("smoke_alarm", 1.0, {("", "smoke"): 1}),
    ("smoke_state", "normal", {("", "smoke"): 0}),
    ("fire_detected", "YES", {("", "smoke"): 1}),
    ("coAlarm", True, {("", "carbon_monoxide"): 1}),
    ("gas_leak", True, {("", "gas"): 1}),
    ("flood", "wet", {("", "leak"): 1}),
    ("door_open", False, {("", "open"): 0}),
    ("panic_button", "pressed", {("", "panic"): 1}),
    ("sensor_failure", True, {("", "fault"): 1}),
    ("leak_count", 1, {("", "leak_count"): 1}),
    ("smoke_level", 1, {("", "smoke_level"): 1}),
    ("smoke", 57, {("", "smoke_undescribed"): 57}),
    ("valve_open", True, {("", "valve_open"): 1}),
    ("fire_door", True, {("", "fire_door"): 1}),
]


@pytest.mark.parametrize("decode", SERVERS, ids=lambda server: server.__name__)
@pytest.mark.parametrize(("key", "value", "wanted"), STATED)
def test_an_alarm_of_an_unknown_model_is_an_alarm(
    decode: Decode, key: str, value: Any, wanted: dict[tuple[str, str], float]
) -> None:
    """The key names the state; a boolean, a word, or 0 or 1 gives it; an amount is no state."""
    assert shown(decode("ACME", {key: value})) == wanted


CAYENNE: list[tuple[Decode, Fields]] = [
    (
        chirpstack,
        {
            "temperatureSensor": {"1": 25.4, "2": 95.0},
            "humiditySensor": {"2": 48.5},
            "digitalInput": {"3": 1.0},
            "barometer": {"4": 1013.2},
            "gps": {"5": {"latitude": 1.0, "longitude": 2.0, "altitude": 3.0}},
        },
    ),
    (
        tts,
        {
            "temperature_1": 25.4,
            "temperature_2": 95.0,
            "relative_humidity_2": 48.5,
            "digital_in_3": 1,
            "barometric_pressure_4": 1013.2,
            "gps_5": {"latitude": 1.0, "longitude": 2.0, "altitude": 3.0},
        },
    ),
]


@pytest.mark.parametrize(("decode", "fields"), CAYENNE, ids=["chirpstack", "tts"])
def test_channels_of_cayenne_are_sensors(decode: Decode, fields: Fields) -> None:
    """Two temperatures of one device stay apart, in both spellings of the network servers."""
    assert shown(decode("", fields)) == pytest.approx(
        {
            ("/1", "temperature"): 25.4,
            ("/2", "temperature"): 95.0,
            ("/2", "humidity"): 48.5,
            ("/3", "digital_input"): 1.0,
            ("/4", "pressure"): 0.10132,
        }
    )


def test_objects_inside_the_fields_are_probes() -> None:
    """The same key in two objects gives two sensors."""
    decoded = chirpstack("ACME", {"north": {"temperature": 21}, "south": {"temperature": 95, "smoke": True}})
    assert shown(decoded) == {
        ("/north", "temperature"): 21,
        ("/south", "temperature"): 95,
        ("/south", "smoke"): 1,
    }


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (88, {("", "battery"): 88}),
        (2.95, {("", "battery_voltage"): 2.95}),
        ("2.9 V", {("", "battery_voltage"): 2.9}),
        (3600, {("", "battery_voltage"): 3.6}),
        ("3600 mV", {("", "battery_voltage"): 3.6}),
        (254, {("", "battery_undescribed"): 254}),
        (None, {}),
    ],
)
def test_battery_of_an_unknown_model_has_a_plausible_scale(value: Any, wanted: dict[tuple[str, str], float]) -> None:
    """Percent, volts and millivolts are recognised; another scale stays undescribed."""
    assert shown(tts("acme", {"battery": value})) == pytest.approx(wanted)


@pytest.mark.parametrize("decode", SERVERS, ids=lambda server: server.__name__)
@pytest.mark.parametrize("value", [327.67, -127, 3276.7])
def test_a_missing_probe_is_a_fault(decode: Decode, value: float) -> None:
    """The number that a codec gives for a missing probe is a device fault and no temperature."""
    assert shown(decode("", {"temperature": value})) == {("", "fault"): 1}


def test_a_fault_ends_with_the_next_value_of_its_metric() -> None:
    """Another metric of the device ends nothing."""
    decoder = TtsV3Decoder()

    def faults(fields: Fields) -> list[float]:
        message = json.dumps({"uplink_message": {"received_at": TIME, "decoded_payload": fields}}).encode()
        decoded = decoder.decode("v3/a/devices/d/up", message, retained=False, now_ns=NOW_NS)
        return [reading.value for reading in decoded.readings if reading.metric == "fault"]

    model = {"Node_type": "LDDS75"}
    assert faults(model | {"Distance": "No Sensor"}) == [1.0]
    assert faults(model | {"Bat": 3.1}) == []
    assert faults(model | {"Distance": 900}) == [0.0]
    assert faults(model | {"Distance": 900}) == []
    assert faults(model | {"Distance": "No Sensor", "Sensor_flag": 1}) == [1.0]  # one key with the fault is enough
    assert faults(model | {"Distance": 900, "Sensor_flag": 1})[-1] == 0.0
    assert faults({"level": "No Sensor"}) == [1.0]
    assert faults({"level": 12}) == [0.0]


@pytest.mark.parametrize("decode", SERVERS, ids=lambda server: server.__name__)
def test_keys_without_a_reading_are_unread(decode: Decode) -> None:
    """Words and structures that no row reads are named; identity and settings of the device are not."""
    decoded = decode(
        "ACME", {"flux": 1.5, "mood": "grey", "list": [1], "sn": "77", "firmware_version": "v1", "none": None}
    )
    assert decoded.unread == ["mood", "list"]
    assert shown(decoded) == {("", "flux"): 1.5}
    assert decode("EM500-SWL", {"depth": 12, "swirl": 3}).unread == ["swirl"]
    assert decode("WS301", {"magnet_status": "ajar"}).unread == ["magnet_status"]


@pytest.mark.parametrize("key", ["deviceInfo", ""])
def test_an_uplink_without_a_codec_is_unread(key: str) -> None:
    """The bytes that nobody decoded are named, for the device of the topic."""
    message = {"time": TIME, key or "devEUI": {"devEui": EUI} if key else EUI, "data": "AQID"}
    decoded = ChirpStackDecoder().decode(
        f"application/a/device/{EUI}/event/up", json.dumps(message).encode(), retained=False, now_ns=0
    )
    assert (decoded.unread, decoded.device) == (("data",), EUI)
    bare = TtsV3Decoder().decode(
        "v3/a/devices/d/up", b'{"uplink_message": {"frm_payload": "AQID"}}', retained=False, now_ns=0
    )
    assert (bare.unread, bare.device) == (("frm_payload",), "d")


@pytest.mark.parametrize(
    "decoded",
    [
        tts("RA02A", {"FireAlarm": "Alarm", "Temp": 120}, simulated=True),
        chirpstack("RA02A", {"FireAlarm": "Alarm", "Temp": 120, "test": True}),
        chirpstack("GS524N", {"event": "testing alarm with normal battery", "temperature": 21}),
        chirpstack("ACME", {"smoke": True, "self_test": "Pressed"}),
        chirpstack_3("ACME", {"smoke": 1, "test_button": 1}),
    ],
)
def test_a_simulation_or_a_test_button_marks_the_message(decoded: Decoded) -> None:
    """All readings are a test; without the mark they are not."""
    assert decoded.readings
    assert {reading.quality for reading in decoded.readings} == {Quality.TEST}
    assert {reading.quality for reading in chirpstack("ACME", {"smoke": True, "test": False}).readings} == {
        Quality.GOOD
    }


@pytest.mark.parametrize("given", ["soon", "", None, 0, "2026-11-20 08:00:00", True])
def test_no_time_costs_an_alarm(given: Any) -> None:
    """An alarm with an unusable time is a reading with the doubt, or without a time."""
    for decoded in (
        tts("RA02A", {"FireAlarm": "Alarm"}, received=given),
        chirpstack("RA02A", {"FireAlarm": 1}, time=given),
    ):
        [reading] = decoded.readings
        assert (reading.metric, reading.value) == ("smoke", 1.0)
        assert (reading.time_ns is None) or not reading.doubt


def test_past_values_are_history() -> None:
    """Milesight's history has its own time and quality at every network server."""
    fields = {"depth": 200, "history": [{"timestamp": 1788200000, "depth": 150}, {"depth": 9}]}
    for decode in SERVERS:
        decoded = decode("EM500-SWL", fields)
        assert [(reading.value, reading.quality) for reading in decoded.readings] == [
            (2.0, Quality.GOOD),
            (1.5, Quality.HISTORICAL),
        ]
        assert "history_without_time" in decoded.notices


def test_status_of_the_first_releases_has_the_scale_of_lorawan() -> None:
    """1 to 254 is a share, 0 external power, 255 unknown."""

    def status(document: Mapping[str, Any]) -> list[Reading]:
        topic = f"application/1/device/{EUI}/status"
        return [*ChirpStackDecoder().decode(topic, json.dumps(document).encode(), retained=False, now_ns=0).readings]

    assert [reading.value for reading in status({"devEUI": EUI, "battery": 127})] == [50.0]
    assert [reading.value for reading in status({"devEUI": "AQEBAQEBAQE=", "batteryLevel": 75.5})] == [75.5]
    assert not status({"battery": 255})
    assert not status({"battery": 0})


def test_battery_of_the_network_server_is_read() -> None:
    """The level that the server got by DevStatusAns counts unless the device sends its own."""
    uplink = {"decoded_payload": {"temperature": 20}, "last_battery_percentage": {"f_cnt": 3, "value": 78.5}}
    message = json.dumps({"uplink_message": uplink}).encode()
    decoded = TtsV3Decoder().decode("v3/a/devices/d/up", message, retained=False, now_ns=0)
    assert {reading.metric: reading.value for reading in decoded.readings} == {"temperature": 20.0, "battery": 78.5}


@pytest.mark.shared
def test_inputs_of_the_field_give_their_expected_result(shared_dir: Path) -> None:
    """A simulated alarm is a test, channels are sensors, and levels of unknown models have no unit."""

    def lines(name: str) -> list[Decoded]:
        text = (shared_dir / "field-reports" / name).read_text(encoding="utf-8")
        messages = [json.loads(line) for line in text.splitlines()]
        decoders = (ChirpStackDecoder(), TtsV3Decoder())
        return [
            next(one for one in decoders if one.claims(message["topic"])).decode(
                message["topic"], message["payload"].encode(), retained=False, now_ns=NOW_NS
            )
            for message in messages
            if any(one.claims(message["topic"]) for one in decoders)
        ]

    [simulated] = lines("R27-tts-simulated.jsonl")
    assert {reading.quality for reading in simulated.readings} == {Quality.TEST}
    [nested] = lines("R29-cayenne-nested.jsonl")
    assert [reading.sensor[16:] for reading in nested.readings] == ["/1", "/2", "/3"]
    radar, depth, level = lines("R60-unknown-model-level.jsonl")
    assert [(r.metric, r.value) for r in radar.readings] == [("distance", 1.84), ("battery", 96.0)]  # documented: mm
    for decoded in (depth, level):
        assert {(METRIC_BY_NAME.get(reading.metric), reading.unit) for reading in decoded.readings} == {(None, "")}
    [comma] = lines("R63-comma-decimals.jsonl")
    assert [reading.value for reading in comma.readings] in ([0.625], [])
