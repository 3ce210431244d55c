"""Homie 4 messages of an independent library."""

from __future__ import annotations

import json

import pytest
from homie_spec import Device, Node, Property
from homie_spec.properties import Datatype

from ingest.decode import Decoded, decoders
from ingest.decode.homie import HomieDecoder


def test_a_device_of_an_independent_library_decodes() -> None:
    """Attributes, then values: each number and boolean decodes with its unit."""
    tank = Node(
        name="Tank",
        typeOf="tank",
        properties={
            "level": Property("Level", get=lambda: "1.92", datatype=Datatype.FLOAT, unit="m"),
            "leak": Property("Leak", get=lambda: "true", datatype=Datatype.BOOLEAN),
            "temperature": Property("Temperature", get=lambda: "50", datatype=Datatype.INTEGER, unit="°F"),
            "mode": Property("Mode", get=lambda: "auto", datatype=Datatype.ENUM, formatOf="auto,off"),
        },
    )
    device = Device("cistern", "Cistern", nodes={"tank": tank})
    (decoder,) = decoders(["homie"])

    def decode(topic: str, payload: str) -> Decoded:
        return decoder.decode(topic, payload.encode(), retained=False, now_ns=0)

    announced = [decode(message.topic, str(message.payload)) for message in device.messages()]
    assert not [reject for decoded in announced for reject in decoded.rejects]
    states = [availability.online for decoded in announced for availability in decoded.availability]
    assert states == [False, True]
    found = [
        reading
        for name, held in tank.properties.items()
        for reading in decode(f"homie/cistern/tank/{name}", held.get()).readings
    ]
    assert [(reading.metric, reading.value, reading.unit) for reading in found] == [
        ("depth", 1.92, "m"),
        ("leak", 1.0, "bool"),
        ("temperature", 10.0, "Cel"),
    ]


def test_topics_of_another_domain_are_read() -> None:
    """The domain is a setting; the usual one then belongs to nobody."""
    (decoder,) = decoders(["homie"], homie="campus-homie")
    about = {"nodes": {"n": {"properties": {"smoke": {"datatype": "boolean"}}}}}
    decoder.decode("campus-homie/5/d/$description", json.dumps(about).encode(), retained=True, now_ns=0)
    found = decoder.decode("campus-homie/5/d/n/smoke", b"true", retained=False, now_ns=0).readings
    assert [(each.sensor, each.metric) for each in found] == [("d/n/smoke", "smoke")]
    assert list(decoder.subscriptions) == ["campus-homie/#"]
    assert not decoder.claims("homie/5/d/n/smoke")


@pytest.mark.parametrize("version", ["5/", ""])
def test_an_attribute_reads_only_the_waiting_values_of_its_device(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work at a start with thousands of devices grows with the messages, not with their square."""
    (decoder,) = decoders(["homie"])
    decoded: list[str] = []
    original = HomieDecoder._decode
    monkeypatch.setattr(
        HomieDecoder, "_decode", lambda self, topic, payload: decoded.append(topic) or original(self, topic, payload)
    )
    for number in range(200):
        decoder.decode(f"homie/{version}d{number}/n/smoke", b"true", retained=True, now_ns=0)
    decoded.clear()
    for number in range(200):
        decoder.decode(f"homie/{version}d{number}/$name", b"x", retained=True, now_ns=0)
    assert len(decoded) == 200


@pytest.mark.parametrize("version", ["5/", ""])
def test_a_retained_state_before_its_description_is_read_with_it(version: str) -> None:
    """The broker sends retained messages in any order: an alarm is not lost."""
    (decoder,) = decoders(["homie"])
    about = {"homie": "5.0", "version": 1, "nodes": {"n": {"properties": {"smoke": {"datatype": "boolean"}}}}}
    described = ("homie/5/d/$description", json.dumps(about)) if version else ("homie/d/n/smoke/$datatype", "boolean")

    def decode(topic: str, payload: str, *, retained: bool = True) -> Decoded:
        return decoder.decode(topic, payload.encode(), retained=retained, now_ns=0)

    value = f"homie/{version}d/n/smoke", "true"
    assert decode(*value).ignored == "awaits its description"
    assert [(each.metric, each.value) for each in decode(*described).readings] == [("smoke", 1.0)]
    assert not decode(*described).readings
    assert [reject.reason for reject in decode(f"homie/{version}e/n/smoke", "true", retained=False).rejects] == [
        "undescribed"
    ]
