"""ESPHome: `{node}/{type}/{entity}/state` with a bare value, and the last will `{node}/status`.

Source: esphome/esphome-docs, components/mqtt. Values are in ESPHome's own units (temperature in °C, pressure in hPa,
distance in m). The discovery message of an entity, where one exists, gives its metric.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.vocabulary import DEVICE_METRICS, METRIC_BY_NAME

from .contract import Decoded, Reading, Reject
from .document import read_text, refuse
from .faults import Faults
from .names import entity_name, kind_of, meaning_of, measured
from .presence import read_presence
from .units import Quantity, read_quantity

_TOPIC = re.compile(r"([^/]+)/(?:(sensor|binary_sensor)/([^/]+)/state|(status)|(debug))")
_UNITS = {"pressure": "hPa"}


class EspHomeDecoder:
    """Decoder of ESPHome nodes. Its state: the entities with an active device fault.

    An entity named like a metric of the vocabulary becomes that metric; any other entity keeps its name.

    Works badly for: entities with a custom state_topic, and topic prefixes of several levels.

    >>> decoder = EspHomeDecoder()
    >>> decoded = decoder.decode("lab/sensor/temperature/state", b"21.5", retained=False, now_ns=0)
    >>> [(reading.sensor, reading.metric, reading.unit) for reading in decoded.readings]
    [('lab/temperature', 'temperature', 'Cel')]
    """

    name = "esphome"
    subscriptions: Sequence[str] = ("+/status", "+/sensor/+/state", "+/binary_sensor/+/state")

    def __init__(self) -> None:
        self._faults = Faults()

    def claims(self, topic: str) -> bool:
        """Return True for a topic that has the form of a node's topic."""
        return _TOPIC.fullmatch(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002, PLR0911 - contract; a return a case
        """Decode one message."""
        found = _TOPIC.fullmatch(topic)
        if found is None or found[5]:
            return Decoded(ignored="log")
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
        if sort == "binary_sensor":
            return _switch(f"{node}/{entity}", metric, text)
        return self._number(f"{node}/{entity}", metric, text)

    def _number(self, sensor: str, metric: str, text: str) -> Decoded:
        quantity = read_quantity(text)
        if quantity is None:
            return refuse(Reject("type", f"{metric} is no number"))
        if not isinstance(quantity, Quantity):
            return self._faults.fault(sensor)
        meaning = meaning_of(metric, _UNITS.get(metric, "")) if metric in METRIC_BY_NAME else None
        if meaning is None:
            kind = kind_of(metric, otherwise="env")
            reading = Reading(sensor, kind, metric, quantity.value, "")
        else:
            number = measured(meaning, quantity.value, _UNITS.get(metric, ""))
            if number is None:
                return refuse(Reject("type", f"{metric} in a foreign unit"))
            reading = Reading(sensor, meaning.kind, meaning.metric, number, meaning.unit)
        return Decoded(readings=self._faults.over(reading))


def _switch(sensor: str, metric: str, text: str) -> Decoded:
    if text not in ("ON", "OFF"):
        return refuse(Reject("type", f"{metric} is ON or OFF"))
    known = METRIC_BY_NAME.get(metric)
    kind = "device" if metric in DEVICE_METRICS else kind_of(metric, otherwise="gate")
    if known is not None and known.unit == "bool":
        meaning = meaning_of(metric, "")
        kind = kind if meaning is None else meaning.kind
    return Decoded(readings=(Reading(sensor, kind, metric, float(text == "ON"), "bool"),))
