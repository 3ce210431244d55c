"""ONVIF: every source of a device is a sensor of its own, in any order of its events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode.onvif_events import BLIND, DOORS, FAULT, HEAT, IGNORED, MOTION, PASSES, SOUND
from ingest.decode.onvif_mqtt import OnvifMqttDecoder

PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats" / "onvif_mqtt.md"
STYLES = ("{}", "vs-{}", "V_SRC_{:03}", "VideoSource_{}", "{:05}")
KEYS = ("Source", "VideoSourceToken", "VideoSourceConfigurationToken")


def sensor_of(decoder: OnvifMqttDecoder, token: str, key: str) -> str:
    """Return the sensor of one event of a source."""
    payload = json.dumps({"Source": {key: token}, "Data": {"State": True}}).encode()
    topic = f"nvr/onvif-ej/VideoSource/GlobalSceneChange/&{token}"
    decoded = decoder.decode(topic, payload, retained=False, now_ns=0)
    (reading,) = decoded.readings
    assert reading.device == ("" if reading.sensor == "nvr" else "nvr")
    decoder.recall([(name, value) for name, value in decoded.memory.items() if value])
    return reading.sensor


@given(
    style=st.sampled_from(STYLES),
    key=st.sampled_from(KEYS),
    numbers=st.lists(st.integers(0, 40), min_size=1, max_size=12),
)
def test_sources_never_share_a_sensor(style: str, key: str, numbers: Sequence[int]) -> None:
    """In any order each source has one name, and no two sources have the same."""
    decoder, names = OnvifMqttDecoder(), dict[str, str]()
    for number in numbers:
        token = style.format(number)
        sensor = sensor_of(decoder, token, key)
        assert names.setdefault(token, sensor) == sensor
    assert len(set(names.values())) == len(names)


def test_names_of_sources_survive_a_restart() -> None:
    """After a restart another source does not take the camera's name."""
    first = OnvifMqttDecoder()
    payload = b'{"Source": {"Source": "0"}, "Data": {"State": true}}'
    kept = first.decode("nvr/onvif-ej/VideoSource/MotionAlarm", payload, retained=False, now_ns=0).memory
    second = OnvifMqttDecoder()
    second.recall([(key, value) for key, value in kept.items() if value])
    assert [sensor_of(second, token, "Source") for token in ("1", "0")] == ["nvr/1", "nvr"]


def test_unknown_event_is_unread() -> None:
    """An event without a meaning is counted by its items."""
    topic = "c/onvif-ej/Novel/Thing"
    decoded = OnvifMqttDecoder().decode(topic, b'{"Data": {"Level": 3}}', retained=False, now_ns=0)
    assert decoded.unread == ("Novel/Thing/Level",)


def test_end_of_a_property_ends_its_state() -> None:
    """The operation Deleted ends a state."""
    payload = b'{"PropertyOperation": "Deleted", "Data": {"State": true}}'
    decoded = OnvifMqttDecoder().decode("c/onvif-ej/VideoSource/MotionAlarm", payload, retained=False, now_ns=0)
    assert [reading.value for reading in decoded.readings] == [0.0]


@pytest.mark.parametrize("memory", [b"", b"{", b"7", b'{"#": 7}', b"[null]"])
def test_damaged_memory_is_left_out(memory: bytes) -> None:
    """A damaged stored state costs nothing but itself."""
    decoder = OnvifMqttDecoder()
    decoder.recall([("nvr", memory), ("=nvr/blind", memory)])
    assert sensor_of(decoder, "1", "Source") == "nvr"


def test_every_name_is_documented() -> None:
    """The tables of the decoder equal those of the page."""
    page = PAGE.read_text(encoding="utf-8")
    names = (*MOTION, *BLIND, *SOUND, *FAULT, *HEAT, *DOORS, *PASSES, *IGNORED)
    assert not [name for name in names if f"`{name}`" not in page]
