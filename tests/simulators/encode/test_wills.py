"""Last wills: the messages that the broker publishes after the loss of a bridge."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.decode import decoders
from simulators import build_campus, load_scenario, plan
from simulators.encode import ENCODERS, last_will


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("zigbee2mqtt", "zigbee2mqtt/bridge/state"),
        ("frigate", "frigate/available"),
        ("sparkplug_b", "spBv1.0/school-1/NDEATH/edge-1"),
        ("tasmota", None),
        ("native", None),
        ("chirpstack", None),
    ],
)
def test_a_bridge_has_one_will(name: str, topic: str | None) -> None:
    """The will of a bridge covers all its devices; the product's decoder sets them offline."""
    world = plan(load_scenario("quiet"), build_campus())
    will = last_will(name, world.fleet)
    if topic is None:
        assert will is None
        return
    assert will is not None
    assert will.topic == topic
    (decoder,) = decoders([name])
    birth = ENCODERS[name](world.fleet).begin(range(len(world.fleet.devices)), 0)[0]
    decoder.decode(birth.topic, birth.payload, retained=False, now_ns=0)
    decoded = decoder.decode(will.topic, will.payload, retained=False, now_ns=0)
    assert [state.online for state in decoded.availability] == [False]


@pytest.mark.broker
def test_the_broker_publishes_it_when_the_player_is_killed(mosquitto: Any) -> None:
    """After a kill -9 of the player a subscriber receives the bridge's will."""
    offline, online = threading.Event(), threading.Event()

    def receive(_client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        (online if b"online" in message.payload else offline).set()

    listener = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    listener.on_message = receive
    listener.connect("127.0.0.1", mosquitto.port)
    listener.subscribe("zigbee2mqtt/bridge/state", qos=1)
    listener.loop_start()
    command = [str(Path(sys.executable).with_name("twinward")), "simulate", "--scenario", "quiet", "--formats"]
    player = subprocess.Popen(
        [*command, "zigbee2mqtt", "--broker", mosquitto.url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert online.wait(30)
        assert not offline.is_set()
        os.kill(player.pid, signal.SIGKILL)
        assert offline.wait(20)
    finally:
        player.kill()
        player.wait(10)
        listener.disconnect()
        listener.loop_stop()
