"""Sirens over a real Mosquitto: commands, confirmation, all-clear, drills, a lost broker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from alerts import Notice
from alerts.notices.channels.siren import SirenChannel, SirenSettings
from tests.processes.waiting import until

pytestmark = pytest.mark.broker
TOPIC, FEEDBACK = "siren/dorm/set", "siren/dorm"


class Siren:
    """A device that executes commands and publishes its condition, retained."""

    def __init__(self, port: int) -> None:
        self.commands: list[dict[str, Any]] = []
        self.answers = True
        self.ready = False
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
        self.client.on_subscribe = self._subscribed
        self.client.on_message = self._obey
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _subscribed(self, *_: Any) -> None:
        self.ready = True

    def _obey(self, client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        command = json.loads(message.payload)
        self.commands.append(command)
        mode = command.get("warning", {}).get("mode")
        state = command.get("state") or ("OFF" if mode == "stop" or command.get("action") == "all_clear" else "ON")
        if self.answers:
            client.publish(FEEDBACK, json.dumps({"state": state}), qos=1, retain=True)

    def close(self) -> None:
        """End the connection."""
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def siren(mosquitto: Any) -> Iterator[Siren]:
    """Return a device at a running broker."""
    device = Siren(mosquitto.port)
    until(lambda: device.ready, timeout_s=20, what="the connection")
    yield device
    device.close()


@pytest.fixture
def channels(mosquitto: Any) -> Iterator[Callable[..., SirenChannel]]:
    """Return a maker of channels; the test's end closes them."""
    made: list[SirenChannel] = []

    def make(**changes: Any) -> SirenChannel:
        given = {"name": "siren", "broker": "127.0.0.1", "port": mosquitto.port, "topic": TOPIC, "confirm_s": 1.0}
        given |= {"feedback_topic": FEEDBACK, "style": "home_assistant", "duration_s": 60} | changes
        made.append(SirenChannel(SirenSettings(**given)))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def order(notice: Callable[..., Notice]) -> Callable[..., Notice]:
    """Return a maker of notices of orders."""

    def make(action: str, **changes: Any) -> Notice:
        return notice(f"order.{action}", f"msg-{action}", action=action, **changes)

    return make


@pytest.mark.parametrize(
    ("style", "commands"),
    [
        (
            "home_assistant",
            (
                {"state": "ON", "tone": "fire", "duration": 60, "volume_level": 1.0},
                {"state": "OFF"},
            ),
        ),
        (
            "zigbee2mqtt",
            (
                {"warning": {"mode": "fire", "level": "very_high", "strobe": True, "duration": 60}},
                {"warning": {"mode": "stop", "level": "low", "strobe": False, "duration": 0}},
            ),
        ),
        (
            "announcement",
            (
                {"action": "evacuate", "zone": "dorm", "drill": False, "text_zh": "烟雾", "text_en": "smoke"},
                {"action": "all_clear", "zone": "dorm", "drill": False, "text_zh": "烟雾", "text_en": "smoke"},
            ),
        ),
    ],
)
def test_an_order_sounds_until_the_all_clear(
    siren: Siren, channels: Any, order: Any, style: str, commands: tuple[dict[str, Any], ...]
) -> None:
    """Both commands are delivered when the device confirms them; a repeat is confirmed again."""
    channel = channels(style=style)
    for action in ("evacuate", "evacuate", "all_clear"):
        assert channel.deliver(order(action)).delivered
    begin, end = commands
    assert siren.commands == [begin, begin, end]


def test_a_device_without_feedback_is_not_confirmed(siren: Siren, channels: Any, order: Any) -> None:
    """The failure is visible and retried; a retained condition from before the command confirms nothing."""
    channel = channels()
    assert channel.deliver(order("evacuate")).delivered
    siren.answers = False
    receipt = channels().deliver(order("evacuate"))
    assert (receipt.delivered, receipt.retry) == (False, True)
    assert receipt.error.startswith("not confirmed")


def test_a_drill_sounds_only_if_it_asks_for_sound(siren: Siren, channels: Any, order: Any) -> None:
    """The real tone never sounds in a drill with a tone of its own."""
    channel = channels(drill_tone="emergency")
    assert channel.deliver(order("evacuate", drill=True, sound=False)).delivered
    assert siren.commands == []
    assert channel.deliver(order("evacuate", drill=True, sound=True)).delivered
    assert [command["tone"] for command in siren.commands] == ["emergency"]


def test_a_lost_broker_is_a_failure_until_it_returns(mosquitto: Any, siren: Siren, channels: Any, order: Any) -> None:
    """The connection is restored without a restart."""
    channel = channels()
    assert channel.deliver(order("lockdown")).delivered
    mosquitto.stop()
    assert not channel.deliver(order("all_clear")).delivered
    siren.ready = False
    mosquitto.start()
    until(lambda: siren.ready, timeout_s=20, what="the connection")
    until(lambda: channel.deliver(order("all_clear")).delivered, timeout_s=20, what="the connection")
    assert siren.commands[-1] == {"state": "OFF"}


def test_an_order_reaches_the_sirens_of_its_zone(channels: Any) -> None:
    """An order without a zone reaches all of the site; an alarm alone sounds no siren."""
    channel = channels(zones=("dorm",))
    for zone, wanted in (("dorm", True), ("", True), ("hall", False)):
        assert channel.accepts("order.evacuate", {"zone": zone}, pages=True) is wanted
    assert not channel.accepts("hazard.opened", {"zone": "dorm", "grade": "red"}, pages=True)


def test_contradicting_keys_are_errors() -> None:
    """A command would confirm itself; an action has no tone."""
    given = {"name": "s", "broker": "b", "topic": "t", "feedback_topic": "t", "style": "zigbee2mqtt"}
    assert len(list(SirenSettings(**given, tones={"evacuate": "fire"}).errors())) == 2
