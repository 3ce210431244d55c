"""A campus of several formats: every device uses one of them, without duplicates or omissions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulators import build_campus, load_scenario, plan
from simulators.encode import CHOICES, ENCODERS
from simulators.play.player import Wire


@pytest.mark.parametrize("formats", ["all", "native", "senml", "shelly_gen2", "tasmota", "zigbee2mqtt"])
def test_every_message_is_sent_once_in_order(formats: str) -> None:
    """Formats with one message per row send as many as native, announcements aside, in time order."""
    world = plan(replace(load_scenario("quiet"), duration_s=900), build_campus())
    plain = Wire(world).advance(world.span_ms[1])
    mixed = Wire(world, formats=formats).advance(world.span_ms[1])
    assert [message.time_ms for message in mixed] == sorted(message.time_ms for message in mixed)
    assert len([message for message in mixed if not message.retain]) == len(plain)


def test_all_divides_the_devices() -> None:
    """Some smoke heads use Zigbee2MQTT, some native; every device keeps its id."""
    world = plan(load_scenario("quiet"), build_campus())
    encoder = ENCODERS["all"](world.fleet)
    assert {encoder.identity(device, "temperature") for device in world.fleet.devices} == {
        device.id for device in world.fleet.devices
    }
    topics = {message.topic.split("/")[0] for message in Wire(world, formats="all").advance(world.start_ms + 600_000)}
    topics -= {device.id for device in world.fleet.devices}  # topics of Shelly begin with the device
    assert topics == {"campus", "tele", "zigbee2mqtt"}
    assert set(CHOICES) <= {device.model for device in world.fleet.drawn}
