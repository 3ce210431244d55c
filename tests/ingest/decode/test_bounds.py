"""Bounds of decoders with memory: a flood of new names is rejected, and known devices keep working."""

from __future__ import annotations

import json

import pytest

from ingest.decode import Decoded, decoders, ha_discovery, homie, sparkplug_b
from ingest.decode.sparkplug_schema import Payload


def _announce(name: str, number: int) -> tuple[str, bytes]:
    """Return the message that announces a device."""
    if name == "homie":
        about = {"nodes": {"n": {"properties": {"depth": {"datatype": "float", "unit": "m"}}}}}
        return f"homie/5/d{number}/$description", json.dumps(about).encode()
    if name == "ha_discovery":
        config = {"unique_id": f"d{number}", "device_class": "smoke", "state_topic": f"x/d{number}"}
        return f"homeassistant/binary_sensor/d{number}/config", json.dumps(config).encode()
    birth = Payload(timestamp=1, seq=0)
    birth.metrics.add(name="Depth m", alias=1, datatype=10, double_value=1.0)
    return f"spBv1.0/g/NBIRTH/d{number}", birth.SerializeToString()


def _value(name: str, number: int) -> tuple[str, bytes]:
    """Return a message with a value of that device."""
    if name == "homie":
        return f"homie/5/d{number}/n/depth", b"1.5"
    if name == "ha_discovery":
        return f"x/d{number}", b"ON"
    data = Payload(timestamp=1, seq=1)
    data.metrics.add(alias=1, double_value=1.5)
    return f"spBv1.0/g/NDATA/d{number}", data.SerializeToString()


@pytest.mark.parametrize("name", ["homie", "ha_discovery", "sparkplug_b"])
def test_a_flood_of_names_is_rejected_and_known_devices_keep_working(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound nothing is stored or subscribed to; known devices decode as before."""
    monkeypatch.setattr(homie, "DEVICES_MAX", 3)
    monkeypatch.setattr(ha_discovery, "ENTITIES_MAX", 3)
    monkeypatch.setattr(sparkplug_b, "NODES_MAX", 3)
    (decoder,) = decoders([name])

    def decode(message: tuple[str, bytes]) -> Decoded:
        return decoder.decode(*message, retained=False, now_ns=0)

    for number in range(3):
        assert not decode(_announce(name, number)).rejects
    before = list(decoder.subscriptions)
    for number in range(3, 50):
        decoded = decode(_announce(name, number))
        assert [reject.reason for reject in decoded.rejects] == ["sensor_limit"]
        assert not decoded.memory
    assert list(decoder.subscriptions) == before
    for number in range(3):
        assert decode(_value(name, number)).readings
        assert not decode(_announce(name, number)).rejects  # a known device may announce itself again
