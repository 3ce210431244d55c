"""Zigbee2MQTT messages of a bridge, decoded by the product."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import Decoder, decoders
from simulators import World, build_campus, compose, load_scenario, plan
from simulators.encode import Message
from simulators.encode.zigbee2mqtt import MODELS
from simulators.play.player import Wire

METRICS = {
    "smoke_density",
    "co",
    "temperature",
    "humidity",
    "co2",
    "leak",
    "current",
    "power",
    "battery",
    "battery_voltage",
}


def world_of(scenario: str = "quiet", *, over: str = "", hours: float = 0.5) -> World:
    """Return a short span of a scenario on a small school."""
    script = replace(load_scenario(scenario), duration_s=hours * 3600)
    if over:
        script = compose(script, [(load_scenario(over), 0.0)])
    return plan(script, build_campus())


def messages_of(world: World) -> list[Message]:
    """Return all messages, in the bridge's format if a device uses it."""
    wire = Wire(world, formats="zigbee2mqtt")
    found = wire.advance(world.span_ms[1])
    while wire.stream.pending:
        found += wire.advance(wire.end_ms)
    return found


def decoder() -> Decoder:
    """Return the product's decoder."""
    (found,) = decoders(["zigbee2mqtt"])
    return found


def test_decoded_readings_are_those_that_were_measured() -> None:
    """The decoder returns each measurement with sensor, metric, value and time, and nothing else."""
    world = world_of()
    read, known = decoder(), {}
    measured = {
        (world.fleet.devices[device].id, metric, time_ms): value
        for part in world.frames(world.span_ms)
        for column, metric in enumerate(part.metrics)
        for device, time_ms, value in zip(
            part.device.tolist(), part.time_ms.tolist(), part.values[:, column].tolist(), strict=True
        )
        if world.fleet.devices[device].model in MODELS and metric in METRICS
    }
    assert len(measured) > 1000
    found = {}
    for message in messages_of(world):
        if (
            not message.topic.startswith("zigbee2mqtt/")
            or "/bridge/" in message.topic
            or "availability" in message.topic
        ):
            continue
        decoded = read.decode(message.topic, message.payload, retained=False, now_ns=message.time_ms * 1_000_000)
        assert not decoded.rejects
        for reading in decoded.readings:
            assert reading.time_ns is not None
            found[reading.sensor, reading.metric, reading.time_ns // 1_000_000] = reading.value
    for key, value in sorted(measured.items(), key=lambda item: item[0][2]):
        known[key[:2]] = value
        if key[1] != "battery_voltage":  # the decoder repeats constant values once an hour
            assert found[key] == pytest.approx(value, rel=1e-9), key
    reported = {(sensor, metric) for sensor, metric, _ in found if metric in METRICS}
    assert reported <= set(known)


def test_drill_is_a_self_test() -> None:
    """Every decoded reading of a drill has quality TEST."""
    script = load_scenario("S2")
    drilled = replace(script, effects=tuple((name, replace(made, drill=True)) for name, made in script.effects))
    world = plan(drilled, build_campus())
    (fire,) = world.truths()
    read = decoder()
    wire = Wire(world, formats="zigbee2mqtt", begin_ms=fire.onset_ms)
    marked = [m for m in wire.advance(fire.end_ms) if m.topic == f"zigbee2mqtt/{fire.devices[0]}"]
    assert len(marked) > 50
    for message in marked:
        decoded = read.decode(message.topic, message.payload, retained=False, now_ns=message.time_ms * 1_000_000)
        assert {reading.quality.name for reading in decoded.readings} == {"TEST"}


def test_outage_is_reported_in_the_format_of_the_bridge() -> None:
    """Availability changes to offline and online with the gateway; births come first, all retained."""
    sent = messages_of(world_of(over="blackout", hours=3))
    states = [
        (m.time_ms, json.loads(m.payload)["state"], m.retain)
        for m in sent
        if m.topic == "zigbee2mqtt/smoke-dorm1-306/availability"
    ]
    assert [state for _, state, _ in states] == ["online", "offline", "online"]
    assert all(retain for _, _, retain in states)
    assert sent[0].topic == "zigbee2mqtt/bridge/state"


@cache
def whole() -> tuple[World, list[Message]]:
    """Return a world and its messages in one piece."""
    world = world_of()
    return world, Wire(world, formats="zigbee2mqtt").advance(world.span_ms[1])


@settings(deadline=None, max_examples=10)
@given(cuts=st.lists(st.integers(1, 1_799_999), max_size=3, unique=True))
def test_cutting_time_changes_nothing(cuts: list[int]) -> None:
    """The cached state continues after a cut."""
    world, expected = whole()
    begin, end = world.span_ms
    wire, found = Wire(world, formats="zigbee2mqtt"), []
    for cut in [*sorted(cuts), end - begin]:
        found += wire.advance(begin + cut)
    assert found == expected
