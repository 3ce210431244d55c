"""Contract suite of the decoders, for arbitrary input."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import KINDS, REASONS
from ingest.decode import Decoded, Decoder, NativeDecoder, Remembering, decoders
from ingest.decode.chirpstack import ChirpStackDecoder
from ingest.decode.sparkplug_schema import Payload
from ingest.decode.tts_v3 import TtsV3Decoder

TOPICS = {
    "native": ["campus/s1/smoke/a", "campus/s1/camera/c", "campus//x/y", "campus/_service/x/status"],
    "zigbee2mqtt": [
        *(f"zigbee2mqtt/{topic}" for topic in ("a", "a/b/availability", "bridge/devices", "", "bridge/event")),
        *(f"zigbee2mqtt/{topic}" for topic in ("bridge/state", "a/set")),
    ],
    "frigate": [
        *(f"frigate/{topic}" for topic in ("events", "reviews", "a/person", "a/motion", "available", "stats")),
        *(f"frigate/{topic}" for topic in ("a/status/detect", "a/person/snapshot", "/")),
    ],
    "chirpstack": [f"application/1/device/24e124713c140001/event/{event}" for event in ("up", "status", "join", "log")]
    + ["application/x"],
    "senml": ["campus/senml/gw1", "campus/senml/", "campus/senml/a/b"],
}
TOPICS |= {
    "ha_discovery": [
        *(f"homeassistant/{topic}/config" for topic in ("sensor/a", "binary_sensor/n/b", "device/d")),
        *("homeassistant/sensor/a/state", "homeassistant/"),
    ],
    "tts_v3": ["v3/app@t/devices/d/up", "v3/app/devices/d/join", "v3/app/devices/d/down/push", "v3/x"],
    "homie": [
        *(f"homie/5/d/{topic}" for topic in ("$description", "$state", "n/p", "n/p/set", "$log")),
        *(f"homie/d/{topic}" for topic in ("n/p/$datatype", "n/p/$unit", "n/p", "n/$properties", "$homie")),
    ],
    "sparkplug_b": [
        *(
            f"spBv1.0/g/{topic}"
            for topic in ("NBIRTH/n", "NDATA/n", "NDEATH/n", "DBIRTH/n/d", "DDATA/n/d", "DDEATH/n/d")
        ),
        *("spBv1.0/STATE/h", "spBv1.0/g/NCMD/n", "spBv1.0/g/DDATA/n"),
    ],
    "tasmota": ["tele/a/SENSOR", "tele/a/STATE", "tele/a/LWT", "stat/a/RESULT", "cmnd/a/Power", "tele//SENSOR"],
    "hikvision_isapi": ["hikvision/g/AccessControllerEvent", "hikvision/g/heartBeat"],
    "onvif_mqtt": [
        *(
            f"c/onvif-ej/{topic}"
            for topic in ("VideoSource/MotionAlarm/&1", "RuleEngine/CountAggregation/Counter/&1/C", "")
        ),
        "/onvif-ej/x",
    ],
    "shelly_gen1": [
        *(f"shellies/s/{topic}" for topic in ("sensor/flood", "sensor/temperature", "sensor/error", "status", "info")),
        *(f"shellies/s/{topic}" for topic in ("relay/0/power", "emeter/1/voltage", "input/0", "overtemperature")),
        "shellies/shellyflood-ABE866/online",
    ],
    "shelly_gen2": ["s/events/rpc", "s/status/smoke:0", "s/status/devicepower:0", "s/online", "s/rpc"],
    "esphome": ["n/sensor/a/state", "n/binary_sensor/a/state", "n/status", "n/debug"],
}
SHAPED = ("onvif_mqtt", "shelly_gen1", "shelly_gen2", "esphome")
ROOTS = {"senml": "campus/senml"}
WORDS = [
    "smoke",
    "contact",
    "type",
    "after",
    "before",
    "camera",
    "id",
    "label",
    "new",
    "end",
    "time",
    "object",
    "depth",
]
WORDS += ["deviceInfo", "deviceProfileName", "EM500-SWL", "LDDS75", "Distance", "No Sensor", "history", "timestamp"]
WORDS += ["battery", "voltage", "last_seen", "data", "objects", "zones", "event", "2821 mm", "frame_time", "state"]
WORDS += ["Time", "SR04", "TempUnit", "Wifi", "Signal", "Switch1", "ON", "OFF", "online", "true", "ready", "21.5"]
WORDS += [
    "method",
    "params",
    "NotifyStatus",
    "ts",
    "smoke:0",
    "alarm",
    "tC",
    "errors",
    "percent",
    "external",
    "present",
]
WORDS += ["nodes", "properties", "datatype", "unit", "float", "boolean", "root", "n", "p", "homie", "m", "°C"]
WORDS += [
    "unique_id",
    "state_topic",
    "stat_t",
    "~",
    "value_template",
    "{{ value_json.a }}",
    "device_class",
    "cmps",
    "avty",
]
WORDS += ["uplink_message", "decoded_payload", "received_at", "rx_metadata", "Node_type", "2026-09-01T01:15:46Z"]
WORDS += ["UtcTime", "Data", "Source", "State", "Count", "RuleName", "AccessControllerEvent", "macAddress", "doorNo"]
WORDS += ["majorEventType", "subEventType", "currentEvent", "dateTime"]
WORDS += ["bn", "bt", "bu", "bv", "n", "u", "v", "vb", "t", "x_"]
texts = st.sampled_from(WORDS) | st.text(max_size=12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=20,
)
payloads = st.binary(max_size=200) | documents.map(lambda document: json.dumps(document).encode())


def _all() -> list[Decoder]:
    return [*decoders(), NativeDecoder()]


def _check(decoded: Decoded) -> None:
    for reading in decoded.readings:
        assert isinstance(reading.value, float)
        assert isfinite(reading.value)
        assert reading.kind in KINDS
        assert reading.sensor
        assert reading.metric
        assert reading.time_ns is None or 0 <= reading.time_ns < 2**63
        json.dumps(dict(reading.dims), allow_nan=False)
    assert all(isinstance(key, str) for key in decoded.unread)
    assert decoded != Decoded(), "a claimed message leaves no record"
    for key in decoded.memory:
        assert key
    assert all(reject.reason in REASONS for reject in decoded.rejects)


@pytest.mark.parametrize("decoder", _all(), ids=lambda decoder: decoder.name)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_arbitrary_payload_never_raises(decoder: Decoder, data: Any) -> None:
    """Arbitrary bytes and JSON give valid readings and known reasons."""
    topic = data.draw(st.sampled_from(TOPICS[decoder.name]))
    payload = data.draw(payloads)
    _check(decoder.decode(topic, payload, retained=data.draw(st.booleans()), now_ns=10**18))


@pytest.mark.parametrize("decoder", _all(), ids=lambda decoder: decoder.name)
@settings(max_examples=50, deadline=None)
@given(tail=st.text(max_size=40), payload=payloads)
def test_arbitrary_topic_never_raises(decoder: Decoder, tail: str, payload: bytes) -> None:
    """Any topic that a decoder claims gives a result."""
    root = ROOTS.get(decoder.name, TOPICS[decoder.name][0].split("/")[0])
    topic = f"{root}/{tail}"
    assert decoder.claims(topic) or decoder.name in SHAPED
    _check(decoder.decode(topic, payload, retained=False, now_ns=10**18))


@settings(max_examples=50, deadline=None)
@given(messages=st.lists(payloads, max_size=5))
def test_same_input_gives_same_output(messages: list[bytes]) -> None:
    """Two new decoders give the same results for the same messages in the same order."""
    for one, other in zip(_all(), _all(), strict=True):
        topic = TOPICS[one.name][0]
        for number, payload in enumerate(messages):
            left = one.decode(topic, payload, retained=False, now_ns=number)
            assert left == other.decode(topic, payload, retained=False, now_ns=number)


@pytest.mark.parametrize("payload", [b"[" * 100_000, b'{"object":' * 5_000, b"\xff\xfe", b"{", b"1e999", b"\x00" * 99])
def test_a_hostile_payload_is_rejected_without_an_error(payload: bytes) -> None:
    """Deep nesting, broken text and truncated JSON are rejects."""
    for decoder in _all():
        for topic in TOPICS[decoder.name]:
            _check(decoder.decode(topic, payload, retained=False, now_ns=0))


REMEMBERING = [decoder.name for decoder in _all() if isinstance(decoder, Remembering)]


@pytest.mark.parametrize("name", REMEMBERING)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_recalled_memory_decodes_alike(name: str, data: Any) -> None:
    """A decoder restarted at any point decodes the next messages like one that kept running.

    The readings of one message have no order among themselves: two entities may share a state topic.
    """
    lived = decoders([name])[0]
    kept: dict[str, bytes | None] = {}
    before = [_message(name, data) for _ in range(data.draw(st.integers(0, 6)))]
    for number, (topic, payload) in enumerate(before):
        kept |= dict(lived.decode(topic, payload, retained=False, now_ns=number).memory)
    restarted = decoders([name])[0]
    assert isinstance(restarted, Remembering)
    restarted.recall([(key, value) for key, value in kept.items() if value is not None])
    for _ in range(3):
        topic, payload = _message(name, data, born=True)
        left = lived.decode(topic, payload, retained=False, now_ns=10**18)
        right = restarted.decode(topic, payload, retained=False, now_ns=10**18)
        meant, again = (
            sorted((_meant(reading) for reading in decoded.readings if reading.metric != "fault"), key=repr)
            for decoded in (left, right)
        )
        assert meant == again
        assert set(restarted.subscriptions) == set(lived.subscriptions)


def _meant(reading: Any) -> tuple[Any, ...]:
    return reading.sensor, reading.kind, reading.metric, reading.value, reading.unit, reading.time_ns


def _message(name: str, data: Any, *, born: bool = False) -> tuple[str, bytes]:
    """Draw a message that is usually valid in the format. born: without a birth, which would reset the state."""
    number = data.draw(st.sampled_from([0.5, 7, -3, 21.5]))
    if name == "homie":
        unit, datatype = data.draw(st.sampled_from(["m", "°C", "K"])), data.draw(st.sampled_from(["float", "boolean"]))
        return data.draw(
            st.sampled_from(
                [
                    ("homie/5/d/$description", _homie(unit, datatype)),
                    ("homie/d/n/level/$datatype", datatype.encode()),
                    ("homie/d/n/level/$unit", unit.encode()),
                    ("homie/d/n/level", str(number).encode()),
                    ("homie/5/d/n/level", str(number).encode()),
                    ("homie/5/d/$description", b""),
                ]
            )
        )
    if name == "ha_discovery":
        about = {
            "state_topic": "yard/a",
            "unit_of_measurement": data.draw(st.sampled_from(["cm", "m"])),
            "name": "depth",
        }
        config = json.dumps(about | {"unique_id": data.draw(st.sampled_from(["x", "y"]))}).encode()
        topic = data.draw(st.sampled_from(["homeassistant/sensor/a/config", "homeassistant/sensor/b/config"]))
        return data.draw(st.sampled_from([(topic, config), (topic, b""), ("yard/a", str(number).encode())]))
    return _sparkplug(data, number, ["DDATA/n/d", "NDATA/n"] if born else ["NBIRTH/n", "DBIRTH/n/d", "DDATA/n/d"])


def _homie(unit: str, datatype: str) -> bytes:
    about = {"nodes": {"n": {"properties": {"level": {"unit": unit, "datatype": datatype}}}}}
    return json.dumps(about).encode()


def _sparkplug(data: Any, number: float, kinds: list[str]) -> tuple[str, bytes]:
    alias = data.draw(st.integers(0, 2))
    name = data.draw(st.sampled_from(["Depth m", "Leak", "Water Temp"]))
    payload = Payload(timestamp=1_788_200_000_000, seq=data.draw(st.integers(0, 3)))
    kind = data.draw(st.sampled_from(kinds))
    alias += 10 * (kind == "NBIRTH/n")  # an alias is unique in its node
    if "BIRTH" in kind:
        payload.metrics.add(name=name, alias=alias, datatype=10, double_value=number)
    else:
        payload.metrics.add(alias=alias, double_value=number)
    return f"spBv1.0/g/{kind}", payload.SerializeToString()


@pytest.mark.parametrize(
    ("decoder", "topic", "payload"),
    [
        (ChirpStackDecoder(), "application/a/device/0101010101010101/event/join", '{"deviceInfo": {"devEui": "%s"}}'),
        (TtsV3Decoder(), "v3/a@t/devices/0101010101010101/join", '{"end_device_ids": {"device_id": "%s"}}'),
    ],
    ids=["chirpstack", "tts_v3"],
)
def test_a_device_id_in_the_payload_must_equal_the_topic(decoder: Any, topic: str, payload: str) -> None:
    """Another id is a reject of reason identity; the same one is accepted."""
    rejects = [
        decoder.decode(topic, (payload % name).encode(), retained=False, now_ns=0).rejects
        for name in ("0101010101010101", "0202020202020202")
    ]
    assert [[reject.reason for reject in each] for each in rejects] == [[], ["identity"]]
