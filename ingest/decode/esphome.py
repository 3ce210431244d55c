"""ESPHome: `{node}/{type}/{entity}/state` with a bare value, and the last will `{node}/status`.

Source: esphome/esphome-docs, components/mqtt. Temperature is in °C, pressure in hPa. A length has the unit that its
author chose, which only the discovery message of the entity states.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ingest.vocabulary import METRIC_BY_NAME

from .contract import Decoded, Reading, Reject
from .document import read_text, refuse
from .faults import Faults
from .names import Meaning, described, entity_name, is_chip, kind_of, meaning_of, measured, undescribed
from .presence import read_presence
from .states import flag_of
from .units import Quantity, read_quantity

_TOPIC = re.compile(
    r"(?!campus/)(?:([^/]+(?:/[^/]+){0,3}?)/"
    r"(?:(sensor|binary_sensor|alarm_control_panel|lock)/([^/]+)/state|(status)|(debug))"
    r"|[^/]+(?:/[^/]+){0,3}?/(switch|light|fan|cover|climate|number|select|text|text_sensor|button|event|valve|update|date"
    r"|time|datetime)/[^/]+/.+)"
)
_UNITS: Mapping[str, str] = {
    "pressure": "hPa",
    "temperature": "Cel",
    "battery_voltage": "V",
    "current": "A",
    "power": "W",
    "smoke_density": "dB/m",
}
"""Metric -> unit of a value without one: the unit of ESPHome's components, or the only usual one."""
_TRIGGERED = "triggered"
_LOCKS: Mapping[str, float] = {"LOCKED": 0.0, "UNLOCKED": 1.0, "JAMMED": 1.0}


class EspHomeDecoder:
    """Decoder of ESPHome nodes. Its state: the entities with an active device fault.

    An entity named like a metric of the vocabulary becomes that metric; a binary sensor whose last words name an alarm
    (`kitchen_smoke`) becomes that alarm. A length without a unit (`depth`) and any other entity stay undescribed.

    Works badly for: entities with a custom state_topic, and topic prefixes of more than four levels.

    >>> decoder = EspHomeDecoder()
    >>> decoded = decoder.decode("lab/sensor/temperature/state", b"21.5", retained=False, now_ns=0)
    >>> [(reading.sensor, reading.metric, reading.unit) for reading in decoded.readings]
    [('lab/temperature', 'temperature', 'Cel')]
    """

    name = "esphome"
    subscriptions: Sequence[str] = tuple(
        f"{'+/' * levels}{topic}"
        for levels in range(1, 5)
        for topic in (
            "status",
            "sensor/+/state",
            "binary_sensor/+/state",
            "alarm_control_panel/+/state",
            "lock/+/state",
        )
    )

    def __init__(self) -> None:
        self._faults = Faults()

    def claims(self, topic: str) -> bool:
        """Return True for a topic that has the form of a node's topic."""
        return _TOPIC.fullmatch(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract; a return a case
        """Decode one message."""
        found = _TOPIC.fullmatch(topic)
        if found is None or found[5] or found[6]:
            return Decoded(ignored="log" if found is None or found[5] else "setting or state of an actuator")
        if found[4]:
            return read_presence(found[1], payload, {"online": True, "offline": False})
        if not payload:
            return Decoded(ignored="forgotten")
        text = read_text(payload)
        if isinstance(text, Reject):
            return refuse(text)
        node, sort, entity = found[1], found[2], found[3]
        metric = entity_name(entity)
        if not metric:
            return refuse(Reject("metric_name", f"{entity[:64]!r} is no entity's name"))
        sensor = f"{node}/{entity}"
        if sort == "sensor":
            decoded = self._number(sensor, metric, text)
        elif sort == "binary_sensor":
            decoded = _switch(sensor, metric, text)
        else:
            decoded = _panel(sensor, text) if sort == "alarm_control_panel" else _lock(sensor, text)
        return replace(decoded, readings=[replace(each, device=node) for each in decoded.readings])

    def _number(self, sensor: str, metric: str, text: str) -> Decoded:
        quantity = read_quantity(text)
        if quantity is None:
            return refuse(Reject("type", f"{metric} is no number"))
        if not isinstance(quantity, Quantity):
            return self._faults.fault(sensor)
        unit = quantity.unit or _UNITS.get(metric, "")
        meaning = _meaning(metric, unit)
        if meaning is None:
            kind = kind_of(metric, otherwise="env")
            reading = Reading(sensor, kind, metric, quantity.value, quantity.unit)
        else:
            number = measured(meaning, quantity.value, unit)
            if number is None:
                return refuse(Reject("type", f"{metric} in a foreign unit"))
            reading = Reading(sensor, meaning.kind, meaning.metric, number, meaning.unit)
        return Decoded(readings=self._faults.over(reading))


def _meaning(metric: str, unit: str) -> Meaning | None:
    """Return the meaning of a number by its entity; a processor's temperature is not that of the room."""
    if metric.endswith(("temperature", "temp")) and is_chip(metric):
        return Meaning("device", "chip_temperature", "Cel")
    meaning = meaning_of(metric, unit) if metric in METRIC_BY_NAME else None
    return meaning and described(meaning, unit)


def _panel(sensor: str, text: str) -> Decoded:
    """Decode the state of an alarm panel: any state but `triggered` is no alarm."""
    return Decoded(readings=(Reading(sensor, "env", "alarm", float(text.lower() == _TRIGGERED), "bool"),))


def _lock(sensor: str, text: str) -> Decoded:
    """Decode the state of a lock; a movement between two states is none."""
    if text.upper() not in _LOCKS:
        return Decoded(ignored="movement of a lock")
    return Decoded(readings=(Reading(sensor, "gate", "lock_open", _LOCKS[text.upper()], "bool"),))


def _switch(sensor: str, metric: str, text: str) -> Decoded:
    if text not in ("ON", "OFF"):
        return refuse(Reject("type", f"{metric} is ON or OFF"))
    flag, known = flag_of(metric), METRIC_BY_NAME.get(metric)
    meaning = meaning_of(metric, "") if known is not None and known.unit == "bool" else None
    if meaning is not None:
        kind, name = meaning.kind, metric
    else:
        kind, name = flag or (kind_of(metric, otherwise="gate"), undescribed(metric))
    return Decoded(readings=(Reading(sensor, kind, name, float(text == "ON"), "bool"),))
