"""Zigbee2MQTT: `zigbee2mqtt/FRIENDLY_NAME` with the device's whole state as one JSON object.

Source: zigbee2mqtt.io, MQTT topics and messages; zigbee-herdsman-converters, lib/exposes and lib/modernExtend
(contact is true while closed; voltage of a battery is in mV).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest.vocabulary import METRIC_BY_NAME, Quality

from .contract import Availability, Decoded, Reading, Reject
from .document import branch, epoch_ns, gathered, read_list, read_object, read_text, refuse, rfc3339_ns
from .throttle import FLAGS, Throttle
from .units import Quantity, convert, read_quantity

# key -> (kind, metric); values are booleans
_SWITCHES: Mapping[str, tuple[str, str]] = {
    "smoke": ("smoke", "smoke"),
    "water_leak": ("water", "leak"),
    "occupancy": ("gate", "occupancy"),
    "presence": ("gate", "occupancy"),
    "carbon_monoxide": ("env", "carbon_monoxide"),
    "gas": ("env", "gas"),
    "vibration": ("env", "vibration"),
    "tamper": ("device", "tamper"),
    "battery_low": ("device", "battery_low"),
    "fault": ("device", "fault"),
    "trouble": ("device", "fault"),
}
# key -> (kind, metric, unit on the wire); values are numbers
_MEASURES: Mapping[str, tuple[str, str, str]] = {
    "smoke_density_dbm": ("smoke", "smoke_density", "dB/m"),
    "co": ("env", "co", "ppm"),
    "temperature": ("env", "temperature", "Cel"),
    "humidity": ("env", "humidity", "%"),
    "illuminance_lux": ("env", "illuminance", "lx"),
    "co2": ("env", "co2", "ppm"),
    "pm25": ("env", "pm25", "ug/m3"),
    "noise": ("env", "noise", "dB"),
    "pressure": ("env", "pressure", "hPa"),
    "wind_speed": ("env", "wind_speed", "m/s"),
    "soil_moisture": ("env", "soil_moisture", "%"),
    "liquid_depth": ("water", "depth", "m"),
    "current": ("env", "current", "A"),
    "power": ("env", "power", "W"),
    "battery": ("device", "battery", "%"),
    "linkquality": ("device", "linkquality", "lqi"),
}
_BRIDGE = "bridge"
_COMMANDS = frozenset(("set", "get"))
_SELF_TESTS = ("test", "self_test", "selftest")
_MILLIVOLTS_FROM = 1_000  # mains voltages are lower; battery voltages in mV are higher
_DEVICES_MAX = 1_000
_STEADY = FLAGS | {"linkquality", "battery_voltage"}


class Zigbee2MqttDecoder:
    """Decoder of Zigbee2MQTT's JSON output. Its state: the time of each device's last full report.

    Works badly for: output type "attribute" (a topic for each key); raw smoke densities, whose scale depends on the
    model; keys outside the tables above, mostly device configuration, which are left out.

    >>> decoder = Zigbee2MqttDecoder()
    >>> decoded = decoder.decode("zigbee2mqtt/east_gate", b'{"contact": true}', retained=False, now_ns=0)
    >>> [(reading.metric, reading.value) for reading in decoded.readings]
    [('open', 0.0)]
    """

    name = "zigbee2mqtt"

    def __init__(self, *, base: str = "zigbee2mqtt") -> None:
        """base: the setting `mqtt.base_topic` of the bridge."""
        self._base = f"{base}/"
        self.subscriptions: Sequence[str] = (f"{base}/#",)
        self._thinner = Throttle(_STEADY)

    def claims(self, topic: str) -> bool:
        """Return True for any topic under the base topic."""
        return topic.startswith(self._base)

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:
        """Decode one message; the caller decides whether retained readings count."""
        device = topic.removeprefix(self._base)
        head, *rest = device.split("/")
        if _COMMANDS.intersection(rest):
            return Decoded(ignored="command")
        if not device:
            return refuse(Reject("sensor_name", "a topic without a device"))
        if head == _BRIDGE:
            return _decode_bridge("/".join(rest), payload)
        if rest and rest[-1] == "availability":
            return replace(_decode_availability(device.removesuffix("/availability"), payload), gateway=_BRIDGE)
        if not payload:
            return Decoded(removed=(device,))
        decoded = _decode_state(device, payload)
        whole = decoded.readings  # from a retained copy: it must not replace a live message
        passed = whole if retained else self._thinner.thin(device, whole, now_ns)
        return replace(gathered(passed, decoded.rejects), gateway=_BRIDGE)


def _decode_bridge(topic: str, payload: bytes) -> Decoded:
    if topic == "state":
        return _decode_availability(_BRIDGE, payload)
    if topic == "devices":
        return _decode_devices(payload)
    if topic == "event":
        return _decode_event(payload)
    return Decoded(ignored="log")


def _decode_availability(sensor: str, payload: bytes) -> Decoded:
    """Decode both forms: {"state": "online"} and the plain word of older bridges."""
    if not payload:
        return Decoded(removed=(sensor,))
    if payload.lstrip()[:1] == b"{":
        document = read_object(payload)
        state = document if isinstance(document, Reject) else document.get("state")
    else:
        state = read_text(payload)
    if isinstance(state, Reject):
        return refuse(state)
    if state not in ("online", "offline"):
        return refuse(Reject("type", "availability is online or offline"))
    return Decoded(availability=(Availability(sensor, state == "online"),))


def _decode_devices(payload: bytes) -> Decoded:
    devices = read_list(payload)
    if isinstance(devices, Reject):
        return refuse(devices)
    found = [device for device in devices[:_DEVICES_MAX] if isinstance(device, dict)]
    names = [device.get("friendly_name") for device in found if device.get("type") != "Coordinator"]
    return Decoded(declares=[name for name in names if isinstance(name, str) and name], ignored="registry")


def _decode_event(payload: bytes) -> Decoded:
    document = read_object(payload)
    if isinstance(document, Reject):
        return refuse(document)
    name = branch(document, "data").get("friendly_name")
    if isinstance(name, str) and document.get("type") == "device_leave":
        return Decoded(removed=(name,))
    return Decoded(ignored="event")


def _decode_state(device: str, payload: bytes) -> Decoded:
    state = read_object(payload)
    if isinstance(state, Reject):
        return refuse(state)
    time_ns = _last_seen(state.get("last_seen"))
    quality = Quality.TEST if any(state.get(key) is True for key in _SELF_TESTS) else Quality.GOOD
    readings: list[Reading] = []
    rejects: list[Reject] = []
    for key, value in state.items():
        found = None if value is None else _read(key, value, state)
        if isinstance(found, Reject):
            rejects.append(found)
        elif found is not None:
            kind, metric, number, unit = found
            readings.append(Reading(device, kind, metric, number, unit, time_ns=time_ns, quality=quality))
    if quality is Quality.TEST and not any(reading.kind != "device" for reading in readings):
        readings.append(Reading(device, "smoke", "test", 1.0, "bool", time_ns=time_ns, quality=quality))
    return gathered(readings, rejects)


def _read(  # noqa: PLR0911 - a return a case
    key: str, value: Any, state: Mapping[str, Any]
) -> tuple[str, str, float, str] | Reject | None:
    """Return kind, metric, value and unit of one key; None for a key outside the tables."""
    if key in _SWITCHES or key == "contact":
        if not isinstance(value, bool):
            return Reject("type", f"{key} is true or false")
        kind, metric = _SWITCHES.get(key, ("gate", "open"))
        return kind, metric, float(value != (key == "contact")), "bool"
    if key != "voltage" and key not in _MEASURES:
        return None
    quantity = read_quantity(value)
    if isinstance(value, bool) or quantity is None:
        return Reject("type", f"{key} is a number")
    if not isinstance(quantity, Quantity):
        return None
    if key == "voltage":
        return _read_voltage(quantity.value, state)
    kind, metric, wire_unit = _MEASURES[key]
    unit = METRIC_BY_NAME[metric].unit if metric in METRIC_BY_NAME else wire_unit
    number = convert(quantity.value, quantity.unit or wire_unit, unit)
    return Reject("type", f"{key} in a foreign unit") if number is None else (kind, metric, number, unit)


def _read_voltage(value: float, state: Mapping[str, Any]) -> tuple[str, str, float, str]:
    """Return the unit of `voltage`: mV for batteries, V for sockets."""
    if "battery" in state or "battery_low" in state or value >= _MILLIVOLTS_FROM:
        return "device", "battery_voltage", round(value / 1_000, 6), "V"
    return "env", "voltage", value, "V"


def _last_seen(given: Any) -> int | None:
    """`advanced.last_seen` of the bridge, where it is switched on: ISO 8601 with offset or epoch milliseconds."""
    if isinstance(given, str):
        return rfc3339_ns(given)
    return None if isinstance(given, bool) or not isinstance(given, int) else epoch_ns(given / 1_000)
