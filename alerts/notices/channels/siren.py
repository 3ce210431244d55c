"""Sirens and announcements over MQTT: orders to Home Assistant, Zigbee2MQTT and public address.

A command is delivered only when the device confirms the state on its feedback topic; otherwise the receipt states "not
confirmed", and the outbox retries. A drill sounds nothing unless its order requests sound.

Sources: home-assistant.io, MQTT siren (state, tone, duration, volume_level); zigbee2mqtt.io, warning devices (mode,
level, strobe, duration).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
from annotated_types import Interval, Unit, doc

from alerts.model import Notice, Receipt
from ingest.tables import FilledText, one_of

from .people import DRILL
from .routes import ORDERS, Route

STYLES = ("home_assistant", "zigbee2mqtt", "announcement")
ALL_CLEAR = "all_clear"
CONNECT_S = 3.0
TONES: Mapping[str, str] = {"evacuate": "fire", "lockdown": "burglar"}
"""Action of an order -> tone, by the names of Zigbee's warning modes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SirenSettings(Route):
    """Siren or public-address system over MQTT."""

    broker: Annotated[FilledText, doc("name or address of the MQTT broker")]
    topic: Annotated[FilledText, doc("command topic, such as zigbee2mqtt/siren-dorm/set")]
    feedback_topic: Annotated[FilledText, doc("topic on which the device states its condition")]
    style: Annotated[
        str, one_of(STYLES), doc("form of a command: `home_assistant`, `zigbee2mqtt` or `announcement` (text)")
    ]
    zones: Annotated[tuple[str, ...], doc("zones in which it is audible; empty: the whole site")] = ()
    port: Annotated[int, Interval(ge=1, le=65_535), doc("port of the broker")] = 1_883
    tls: Annotated[bool, doc("whether the connection uses TLS")] = False
    username: Annotated[str, doc("account at the broker; empty for none")] = ""
    password: Annotated[str, doc("its password")] = field(default="", repr=False)
    feedback_key: Annotated[str, doc("key of the condition in a JSON message; a plain message is the condition")] = (
        "state"
    )
    on: Annotated[str, doc("condition that confirms a command")] = "ON"
    off: Annotated[str, doc("condition that confirms an all-clear")] = "OFF"
    tones: Annotated[Mapping[str, str], doc("action of an order -> tone of the device")] = field(
        default_factory=lambda: dict(TONES)
    )
    drill_tone: Annotated[str, doc("tone of a drill whose order requests sound; empty: the tone of the action")] = ""
    duration_s: Annotated[
        int, Interval(ge=1, le=1_800), Unit("s"), doc("time after which the siren stops without a command")
    ] = 180
    confirm_s: Annotated[float, Interval(ge=0.1, le=10), Unit("s"), doc("longest wait for the confirmation")] = 5.0

    def errors(self) -> Iterable[str]:
        """Yield contradictions between the keys."""
        missing = [action for action in TONES if action not in self.tones]
        if missing:
            yield f"tones: no tone for {', '.join(missing)}; allowed is one for each action"
        if self.feedback_topic == self.topic:
            yield "feedback_topic: it must differ from topic, or a command would confirm itself"


class SirenChannel:
    """One device. It receives orders for its zones. Not thread-safe: one worker delivers for one channel."""

    for_programs = True
    sounds = True

    def __init__(self, settings: SirenSettings) -> None:
        self.name, self._settings = settings.name, settings
        self._link: _Link | None = None

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether the notice is an order for a zone of the device."""
        del pages
        zone, zones = body.get("zone", ""), self._settings.zones
        return kind.startswith(ORDERS) and (not zones or not zone or zone in zones)

    def deliver(self, notice: Notice) -> Receipt:
        """Send the command once and wait for the confirmation of the device."""
        body = notice.body
        if "action" not in body:
            return Receipt(delivered=False, retry=False, error="the notice is no order")
        if self._link is None:
            self._link = _Link(self._settings)
        if not self._link.connected(CONNECT_S):
            return Receipt(delivered=False, error="no connection to the broker")
        if body.get("drill") and not body.get("sound"):
            return Receipt(delivered=True)
        wanted = self._settings.off if body["action"] == ALL_CLEAR else self._settings.on
        if self._link.command(orjson.dumps(command(self._settings, body)), wanted):
            return Receipt(delivered=True)
        return Receipt(delivered=False, error=f"not confirmed: no {wanted} on the feedback topic")

    def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.close()


def command(settings: SirenSettings, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command of an order in the form of the device.

    >>> settings = SirenSettings(
    ...     name="s", broker="b", topic="a/set", feedback_topic="a", style="home_assistant", duration_s=60
    ... )
    >>> command(settings, {"action": "evacuate"})
    {'state': 'ON', 'tone': 'fire', 'duration': 60, 'volume_level': 1.0}
    >>> command(settings, {"action": "all_clear"})
    {'state': 'OFF'}
    """
    action, drill = str(body["action"]), bool(body.get("drill"))
    ends = action == ALL_CLEAR
    tone = "" if ends else (settings.drill_tone if drill else "") or settings.tones[action]
    if settings.style == "announcement":
        words, (zh, en) = body.get("text", {}), DRILL if drill else ("", "")
        text = {"text_zh": f"{zh}{words.get('zh', '')}", "text_en": f"{en}{words.get('en', '')}"}
        return {"action": action, "zone": body.get("zone", ""), "drill": drill, **text}
    if settings.style == "home_assistant":
        if ends:
            return {"state": "OFF"}
        return {"state": "ON", "tone": tone, "duration": settings.duration_s, "volume_level": 1.0}
    if ends:
        return {"warning": {"mode": "stop", "level": "low", "strobe": False, "duration": 0}}
    return {"warning": {"mode": tone, "level": "very_high", "strobe": True, "duration": settings.duration_s}}


class _Link:
    """A kept connection to the broker with the last condition of the device."""

    def __init__(self, settings: SirenSettings) -> None:
        from paho.mqtt.client import Client  # noqa: PLC0415 - only installations with sirens load it
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415 - as above

        self._settings = settings
        self._changed = threading.Condition()
        self._ready, self._condition = False, ""
        self._client = Client(CallbackAPIVersion.VERSION2)
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password)
        if settings.tls:
            self._client.tls_set()
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._message
        self._client.reconnect_delay_set(1, 5)
        self._client.connect_async(settings.broker, settings.port, keepalive=30)
        self._client.loop_start()

    def connected(self, limit_s: float) -> bool:
        """Return whether the feedback topic is subscribed, within the limit."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready, limit_s)

    def command(self, payload: bytes, wanted: str) -> bool:
        """Publish the command; return whether the device then states the wanted condition in time."""
        with self._changed:
            self._condition = ""
            self._client.publish(self._settings.topic, payload, qos=1)
            return self._changed.wait_for(lambda: self._condition == wanted, self._settings.confirm_s)

    def close(self) -> None:
        """End the connection and its thread."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe(self._settings.feedback_topic, qos=1)

    def _subscribed(self, *_facts: Any) -> None:
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def _disconnected(self, *_facts: Any) -> None:
        with self._changed:
            self._ready = False

    def _message(self, _client: Any, _userdata: Any, message: Any) -> None:
        """Keep the condition. A retained message is the condition before the command."""
        if message.retain:
            return
        with self._changed:
            self._condition = _condition(message.payload, self._settings.feedback_key)
            self._changed.notify_all()


def _condition(payload: bytes, key: str) -> str:
    """Return the condition in a message: the value at the key of a JSON object, else the whole text."""
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload[:100].decode(errors="replace")
    value = found.get(key, "") if isinstance(found, dict) else found
    return str(value).lower() if isinstance(value, bool) else str(value)
