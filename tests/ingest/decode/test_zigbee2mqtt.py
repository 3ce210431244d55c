"""Zigbee2MQTT: any base topic, renaming, removal, and keys that are read, ignored or unread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.decode import Decoded, Zigbee2MqttDecoder
from ingest.decode.zigbee2mqtt_keys import IGNORED, MEASURES, SWITCHES, WORDS, read_key

HEAD = {"ieee_address": "0x0015bc003100702a", "type": "EndDevice", "definition": {"model": "SMSZB-120"}}


def decode(decoder: Zigbee2MqttDecoder, topic: str, payload: Any) -> Decoded:
    """Decode one live message."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return decoder.decode(topic, text.encode(), retained=False, now_ns=10**18)


def listed(*names: str) -> list[dict[str, Any]]:
    """Return the list of devices with these names, by distinct addresses."""
    return [{**HEAD, "ieee_address": f"0x{number:016x}", "friendly_name": name} for number, name in enumerate(names)]


@pytest.mark.parametrize("restart", [False, True])
def test_a_new_name_in_the_list_is_a_renaming(restart: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Also after a restart of the service, and once: the answer to the command and the list name the same change."""
    decoder = Zigbee2MqttDecoder()
    memory = dict(decode(decoder, "zigbee2mqtt/bridge/devices", listed("a", "b")).memory)
    if restart:
        decoder = Zigbee2MqttDecoder()
        decoder.recall([(key, value) for key, value in memory.items() if value])
    assert decode(decoder, "zigbee2mqtt/bridge/devices", listed("a", "c")).renamed == [("b", "c")]
    answer = {"data": {"from": "c", "to": "d", "homeassistant_rename": False}, "status": "ok"}
    assert decode(decoder, "zigbee2mqtt/bridge/response/device/rename", answer).renamed == (("c", "d"),)
    again = decode(decoder, "zigbee2mqtt/bridge/devices", listed("a", "d"))
    assert (again.renamed, again.removed, again.declares) == ([], [], ["a", "d"])


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("bridge/response/device/remove", {"data": {"id": "b", "block": False, "force": False}, "status": "ok"}),
        ("bridge/event", {"type": "device_leave", "data": {"friendly_name": "b", "ieee_address": "0x1"}}),
        ("bridge/log", {"type": "device_removed", "message": {"friendly_name": "b"}}),
        ("bridge/devices", listed("a")),
        ("b", ""),
    ],
)
def test_every_source_of_a_removal_counts_once(topic: str, payload: Any) -> None:
    """The list after the answer does not remove the device a second time."""
    decoder = Zigbee2MqttDecoder()
    decode(decoder, "zigbee2mqtt/bridge/devices", listed("a", "b"))
    assert list(decode(decoder, f"zigbee2mqtt/{topic}", payload).removed) == ["b"]
    if topic != "b":
        assert not decode(decoder, "zigbee2mqtt/bridge/devices", listed("a")).removed


def test_a_replaced_device_keeps_its_name() -> None:
    """Another address under the same name is neither removed nor renamed."""
    decoder = Zigbee2MqttDecoder()
    decode(decoder, "zigbee2mqtt/bridge/devices", listed("a"))
    other = decode(decoder, "zigbee2mqtt/bridge/devices", [{**HEAD, "friendly_name": "a"}])
    assert (other.renamed, other.removed) == ([], [])


def test_a_failed_command_changes_nothing() -> None:
    """An answer of status error renames and removes nothing."""
    decoder = Zigbee2MqttDecoder()
    for answer in ({"from": "a", "to": "b"}, {"id": "a"}):
        for word in ("rename", "remove"):
            found = decode(decoder, f"zigbee2mqtt/bridge/response/device/{word}", {"data": answer, "status": "error"})
            assert (list(found.renamed), list(found.removed)) == ([], [])


def test_a_bridge_with_another_base_topic_is_found() -> None:
    """Its retained state brings the subscription; as the only bridge it has plain names, also after a restart."""
    decoder = Zigbee2MqttDecoder()
    assert not decoder.claims("z2m/dorm1")
    found = decode(decoder, "z2m/bridge/state", "online")
    assert found.subscribe == ("z2m/#",)
    later = Zigbee2MqttDecoder()
    later.recall([(key, value) for key, value in found.memory.items() if value is not None])
    assert "z2m/#" in later.subscriptions
    for each in (decoder, later):
        assert each.claims("z2m/dorm1")
        (reading,) = decode(each, "z2m/dorm1", {"smoke": True}).readings
        assert (reading.sensor, reading.metric) == ("dorm1", "smoke")


def test_two_bridges_never_share_a_name() -> None:
    """Sensors of the second bridge have its base topic as prefix."""
    decoder = Zigbee2MqttDecoder()
    decode(decoder, "zigbee2mqtt/bridge/state", "online")
    decode(decoder, "zigbee2mqtt_2/bridge/info", {"coordinator": {}, "version": "2.1.0"})
    names = [
        decode(decoder, f"{base}/door", {"contact": True, "temperature_l2": 3}).readings
        for base in ("zigbee2mqtt", "zigbee2mqtt_2")
    ]
    assert [[(each.sensor, each.device) for each in found] for found in names] == [
        [("door", ""), ("door/l2", "door")],
        [("zigbee2mqtt_2/door", ""), ("zigbee2mqtt_2/door/l2", "zigbee2mqtt_2/door")],
    ]


@pytest.mark.parametrize("payload", ["ready", '{"state": "up"}', "{}", "[]", ""])
def test_the_topic_alone_makes_no_bridge(payload: str) -> None:
    """`x/bridge/state` of another program is ignored."""
    decoder = Zigbee2MqttDecoder()
    assert decode(decoder, "x/bridge/state", payload).ignored
    assert not decoder.claims("x/y")


def test_an_unknown_key_is_unread() -> None:
    """A key outside the tables is reported; settings and null are not."""
    found = decode(
        Zigbee2MqttDecoder(),
        "zigbee2mqtt/a",
        {"radon": 120, "radon_2": 1, "smoke": False, "co": None, "temperature_calibration": 1, "brightness": 3},
    )
    assert list(found.unread) == ["radon", "radon_2"]


@pytest.mark.parametrize("key", [*SWITCHES, *MEASURES, *WORDS])
def test_a_read_key_is_not_ignored(key: str) -> None:
    """Every key of the tables gives a value for its first word, a boolean or a number."""
    value: Any = True if key in SWITCHES else 1 if key in MEASURES else next(iter(WORDS[key]))
    assert list(read_key(key, value, {key: value}) or ())


@pytest.mark.parametrize("key", ["smoke", "water_leak_2", "contact_left"])
@pytest.mark.parametrize("value", [3.7, "maybe", [1], {"a": 1}])
def test_a_state_of_a_wrong_type_is_rejected(key: str, value: Any) -> None:
    """No word becomes false by accident."""
    found = decode(Zigbee2MqttDecoder(), "zigbee2mqtt/a", {key: value})
    assert [reject.reason for reject in found.rejects] == ["type"]
    assert not found.readings


def test_the_page_has_every_key_and_reason() -> None:
    """The tables of the decoder equal those of the page."""
    page = (Path(__file__).parents[3] / "docs" / "formats" / "zigbee2mqtt.md").read_text(encoding="utf-8")
    assert not [key for key in (*SWITCHES, *MEASURES, *WORDS) if f"`{key}`" not in page]
    assert not [reason for reason in IGNORED if reason not in page]
