"""Shelly, first generation: topics `shellies/{device}/sensor/{quantity}`, status, info and channels.

Source: shelly-api-docs.shelly.cloud/gen1, MQTT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingest.vocabulary import Quality

from .contract import Decoded, Reading, Reject
from .document import branch, gathered, number_of, read_object, read_text, refuse
from .names import undescribed
from .presence import read_presence
from .shelly_gen1_keys import APART, IGNORED, MODELS, NO_STATE, NUMBERS, SLEEPERS, STATES, STATUS, TEST_WORDS, Meaning
from .units import MISSING, Quantity, convert, read_quantity

DEVICES_MAX = 20_000
_TOPIC = re.compile(
    r"shellies/([^/]{1,64})/("
    r"sensor/[a-z_]{1,32}|status|info|online|temperature|overtemperature|voltage|"
    r"(?:relay|light)/\d{1,2}/power|emeter/\d{1,2}/[a-z_]{1,32}|(?:ext_temperature|ext_humidity|ext_switch|input|adc)/\d{1,2})"
)
_IGNORED = {re.compile(pattern.replace("N", r"\d+")): reason for reason, pattern in IGNORED.items()}


class ShellyGen1Decoder:
    """Decoder of Shelly's first generation. Its state: devices and the unit of their temperature.

    A temperature sensor sends °C or °F as people set it. `info` and `status` name the unit; before the first of them
    the temperature is undescribed. An input keeps its own name (`input0`).

    Works badly for: buttons, valves, rollers and colours, which are no readings.

    >>> decoded = ShellyGen1Decoder().decode("shellies/shellyflood-1/sensor/flood", b"true", retained=False, now_ns=0)
    >>> [(reading.sensor, reading.metric, reading.value) for reading in decoded.readings]
    [('shellyflood-1', 'leak', 1.0)]
    """

    name = "shelly_gen1"
    subscriptions: Sequence[str] = tuple(
        f"shellies/+/{topic}"
        for topic in (
            *("sensor/+", "status", "info", "online", "temperature", "overtemperature", "voltage", "relay/+/power"),
            *("light/+/power", "emeter/+/+", "ext_temperature/+", "ext_humidity/+", "ext_switch/+", "input/+", "adc/+"),
        )
    )

    def __init__(self) -> None:
        self._units: dict[str, str] = {}  # device -> unit of its temperature, "" while unknown

    def claims(self, topic: str) -> bool:
        """Return True for a topic of this generation; a last will also of a later one, unless the device is known."""
        found = _TOPIC.fullmatch(topic)
        if found is None:
            return False
        return found[2] != "online" or found[1] in self._units or MODELS.fullmatch(found[1]) is not None

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore devices and their units."""
        self._units |= {device: unit.decode("utf-8", "replace") for device, unit in kept}

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message."""
        found = _TOPIC.fullmatch(topic)
        if found is None:
            return Decoded(ignored="topic")
        device, tail = found.groups()
        if tail == "online":
            return self._presence(device, payload)
        if not payload:
            return Decoded(ignored="forgotten")
        memory = self._note(device, self._units.get(device, ""))
        if tail in ("status", "info"):
            return self._document(device, payload, memory)
        text = read_text(payload)
        decoded = refuse(text) if isinstance(text, Reject) else self._value(device, tail, text)
        return replace(decoded, memory=memory)

    def _presence(self, device: str, payload: bytes) -> Decoded:
        decoded = read_presence(device, payload, {"true": True, "false": False})
        asleep = device.startswith(SLEEPERS)
        states = [replace(each, asleep=asleep and not each.online) for each in decoded.availability]
        return replace(decoded, availability=states)

    def _note(self, device: str, unit: str) -> dict[str, bytes | None]:
        """Keep a new device, or a new unit of its temperature."""
        if self._units.get(device) == unit or (device not in self._units and len(self._units) >= DEVICES_MAX):
            return {}
        self._units[device] = unit
        return {device: unit.encode()}

    def _value(self, device: str, tail: str, text: str) -> Decoded:
        """Read a topic with one value."""
        word = re.sub(r"/\d+", "/N", tail)
        reason = next((reason for pattern, reason in _IGNORED.items() if pattern.fullmatch(tail)), "")
        if reason:
            return Decoded(ignored=reason)
        if word in ("input/N", "ext_switch/N"):
            return _state(device, ("gate", undescribed(tail.replace("/", "")), {"1": 1.0, "0": 0.0}), text)
        if word == "sensor/error":
            return _state(device, ("device", "fault", {}), text, otherwise=float(text != "0"))
        if word in STATES:
            return _state(device, STATES[word], text)
        return self._measure(device, tail, word, text)

    def _measure(self, device: str, tail: str, word: str, text: str) -> Decoded:
        """Read a topic with one number, of the device or of a channel."""
        if word == "sensor/temperature":
            return _number(device, self._temperature(device), text, self._units.get(device, ""))
        if word not in NUMBERS:
            return Decoded(ignored="topic", unread=(tail,))
        channel, _, rest = tail.partition("/")
        index = rest.partition("/")[0]
        if "/N" not in word or (channel not in APART and index == "0"):
            return _number(device, NUMBERS[word], text)
        decoded = _number(f"{device}/{channel}:{index}", NUMBERS[word], text)
        return replace(decoded, readings=[replace(each, device=device) for each in decoded.readings])

    def _temperature(self, device: str) -> Meaning:
        known = bool(self._units.get(device))
        return ("env", "temperature", "Cel") if known else ("env", undescribed("temperature"), "")

    def _document(self, device: str, payload: bytes, memory: Mapping[str, bytes | None]) -> Decoded:
        """Read `status` or `info`: states, numbers, and the temperature with its unit."""
        document = read_object(payload)
        if isinstance(document, Reject):
            return replace(refuse(document), memory=memory)
        readings, rejects = list[Reading](), list[Reject]()
        for key, (kind, metric, unit) in STATUS.items():
            value = document.get(key, branch(document, "sensor").get(key))
            value = value.get("value") if isinstance(value, dict) else value
            number = float(value) if isinstance(value, bool) and unit == "bool" else number_of(value)
            if value is not None and (number is None or (unit == "bool" and not isinstance(value, bool))):
                rejects.append(Reject("type", f"{key} is of a wrong type"))
            elif number is not None:
                readings.append(Reading(device, kind, metric, number, unit))
        heat = branch(document, "tmp")
        unit = str(heat.get("units", ""))
        celsius = _celsius(heat, unit)
        if celsius is not None:
            readings.append(Reading(device, "env", "temperature", celsius, "Cel"))
        if unit in ("C", "F"):
            memory = {**memory, **self._note(device, unit)}
        rssi = number_of(branch(document, "wifi_sta").get("rssi"))
        if rssi is not None:
            readings.append(Reading(device, "device", "rssi", rssi, "dBm"))
        return replace(gathered(readings, rejects), memory=memory)


def _celsius(heat: Mapping[str, Any], unit: str) -> float | None:
    """Return the temperature of a document; None where it is not valid or has no unit."""
    if heat.get("is_valid") is False:
        return None
    stated = number_of(heat.get("tC"))
    value = number_of(heat.get("value"))
    return (
        stated if stated is not None or value is None or unit not in ("C", "F") else convert(value, f"°{unit}", "Cel")
    )


def _state(
    device: str, about: tuple[str, str, Mapping[str, float]], text: str, *, otherwise: float | None = None
) -> Decoded:
    """Read a word of a state."""
    kind, metric, words = about
    if text in NO_STATE:
        return Decoded(ignored="no measurement")
    value = words.get(text, otherwise)
    if value is None:
        return refuse(Reject("type", f"{text[:40]!r} is none of {', '.join(words)}"))
    quality = Quality.TEST if text in TEST_WORDS and metric != "fault" else Quality.GOOD
    return Decoded(readings=(Reading(device, kind, metric, value, "bool", quality=quality),))


def _number(sensor: str, meaning: Meaning, text: str, unit: str = "") -> Decoded:
    """Read a number; unit: C or F of a temperature."""
    quantity = read_quantity(text)
    if quantity is MISSING:
        return Decoded(ignored="no measurement")
    value = quantity.value if isinstance(quantity, Quantity) and not quantity.unit else None
    value = convert(value, f"°{unit}", "Cel") if unit and value is not None else value
    if value is None:
        return refuse(Reject("type", f"{text[:40]!r} is no number"))
    return Decoded(readings=(Reading(sensor, meaning[0], meaning[1], value, meaning[2]),))
