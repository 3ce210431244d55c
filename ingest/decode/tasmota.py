"""Tasmota: `tele/{device}/SENSOR`, `/STATE`, `/RESULT`, last will `/LWT`, and states under `stat/`.

Source: tasmota.github.io/docs, MQTT (full topic), JSON-Status-Responses, DeepSleep, Zigbee, SetOption64 and 114.
Temperature and pressure have the units in `TempUnit` and `PressureUnit`. Times without an offset are local.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.vocabulary import METRIC_BY_NAME, Quality

from .contract import Decoded, Reading, Reject
from .document import branch, gathered, number_of, read_object, read_text, refuse
from .faults import Faults
from .names import entity_name, kind_of, meaning_of, undescribed
from .presence import read_presence
from .tasmota_keys import (
    IGNORED_KEY,
    IGNORED_TOPICS,
    INDEXED,
    MEASURES,
    STATES,
    SWITCHES,
    ZONE_BITS,
    ZONE_TEST_BIT,
    configured_unit,
    meaning_of_key,
    read_attribute,
)
from .times import WireTime, read_time
from .units import FAULTY, MISSING, Quantity, convert, read_quantity

DEVICES_MAX = 20_000
_SENSORS_MAX = 64
_TOPIC = re.compile(r"(?:(tele|stat|cmnd)/(.+)|(.+)/(tele|stat|cmnd))/([A-Z][A-Za-z_]*)(\d{0,2})")
_NUMBERED = re.compile(r"([A-Za-z]+)(\d{1,2})", re.ASCII)


@dataclass(slots=True)
class _Found:
    """Parts of one message, and facts that hold for all of them. whole: whether it has every chip of the device."""

    device: str
    document: Mapping[str, Any]
    time: WireTime
    quality: Quality = Quality.GOOD
    readings: list[Reading] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    whole: bool = True
    unread: list[str] = field(default_factory=list)
    memory: dict[str, bytes | None] = field(default_factory=dict)

    def reading(self, sensor: str, kind: str, metric: str, value: float, unit: str) -> Reading:
        """Return a reading of the device or of its probe."""
        return Reading(
            sensor,
            kind,
            metric,
            value,
            unit,
            time_ns=self.time.time_ns,
            quality=self.quality,
            device="" if sensor == self.device else self.device,
            doubt=self.time.doubt,
        )


class TasmotaDecoder:
    """Decoder of Tasmota's telemetry. Its state: the chip that gives a quantity of a device, and chips with a fault.

    A switch keeps its own name, because the format does not name the connected device. A chip with an index, an address
    or a serial number is a sensor of its own, `device/DS18B20-1`. Of several chips that measure one quantity, the first
    is the device itself and each further one a sensor of its own, `device/DS18B20`. A new chip in a message without the
    first one replaces it.

    Works badly for: custom state texts other than ON and OFF, which are rejected; Zigbee devices that
    get another name at the bridge.

    >>> decoder = TasmotaDecoder()
    >>> decoded = decoder.decode("tele/cistern/SENSOR", b'{"SR04": {"Distance": 123.4}}', retained=False, now_ns=0)
    >>> [(reading.metric, reading.value, reading.unit) for reading in decoded.readings]
    [('distance', 1.234, 'm')]
    """

    name = "tasmota"
    subscriptions: Sequence[str] = (
        *("tele/#", "stat/#"),
        *(f"{levels}{prefix}/+" for levels in ("+/", "+/+/", "+/+/+/") for prefix in ("tele", "stat")),
    )

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}  # device and metric -> chip; with a further chip -> ""
        self._faults = Faults()

    def claims(self, topic: str) -> bool:
        """Return True for telemetry, responses and commands, with the prefix first or after the device."""
        return topic.startswith(("tele/", "stat/", "cmnd/")) or _TOPIC.fullmatch(topic) is not None

    def recall(self, kept: Iterable[tuple[str, bytes]]) -> None:
        """Restore the chips of devices."""
        self._owners |= {key: chip.decode("utf-8", "replace") for key, chip in kept}

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message."""
        found = _TOPIC.fullmatch(topic)
        if found is None:
            return _unnamed(topic)
        prefix, device, word, number = found[1] or found[4], found[2] or found[3], found[5], found[6]
        if prefix == "cmnd":
            return Decoded(ignored="command")
        if word == "LWT":
            return read_presence(device, payload, {"Online": True, "Offline": False}, asleep=("DeepSleep",))
        if word == "SWITCH":
            return self._switched(device, f"{word}{number}", payload)
        if word in ("SENSOR", "RESULT") or (word == "STATUS" and number in ("8", "10")) or word == "STATE":
            return self._document(device, word, payload, now_ns)
        reason = IGNORED_TOPICS.get(word, "answer to a command" if prefix == "stat" else "")
        return Decoded(ignored=reason) if reason else Decoded(ignored="topic", unread=(word[:64],))

    def _document(self, device: str, word: str, payload: bytes, now_ns: int) -> Decoded:
        document = read_object(payload) if payload else Reject("empty", "payload has no bytes")
        if isinstance(document, Reject):
            return Decoded(ignored="answer to a command") if word == "RESULT" else refuse(document)
        document = branch(document, "StatusSNS") or document
        out = _Found(device, document, read_time(document.get("Time"), now_ns=now_ns), whole=word != "RESULT")
        if word == "STATE":
            return _state(out)
        self._sensors(out)
        unread = () if word == "RESULT" else out.unread  # answers to any command
        return replace(gathered(out.readings, out.rejects, notices=out.notices), unread=unread, memory=out.memory)

    def _switched(self, device: str, key: str, payload: bytes) -> Decoded:
        """Decode `stat/{device}/SWITCH1`: a word, or an object with `STATE` or `Action`."""
        document, text = read_object(payload), read_text(payload)
        value = text if isinstance(document, Reject) else document
        out = _Found(device, {}, WireTime())
        _switch(out, key.capitalize(), value)
        return gathered(out.readings, out.rejects)

    def _sensors(self, out: _Found) -> None:
        for key, value in list(out.document.items())[:_SENSORS_MAX]:
            if key in ("ZbReceived", "ZbInfo"):
                _zigbee(out, value)
            elif isinstance(value, dict) and not key.startswith("Switch"):
                self._chip(out, key[:64], value)
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                for number, each in enumerate(value[:_SENSORS_MAX], 1):
                    self._chip(out, f"{key[:60]}-{number}", each if isinstance(each, dict) else {})
            elif key.startswith("Switch") or (value in ("ON", "OFF") and not IGNORED_KEY.fullmatch(key)):
                _switch(out, key, value)
            elif value is not None and not IGNORED_KEY.fullmatch(key):
                out.unread.append(key[:64])

    def _chip(self, out: _Found, chip: str, fields: Mapping[str, Any]) -> None:
        """Read the values of one chip; null is no measurement, NaN a fault of the chip."""
        single = sum(isinstance(value, dict) for value in out.document.values()) == 1
        apart = f"{out.device}/{chip}"
        whole = out.device if single and not INDEXED.fullmatch(chip) else apart
        faulty = False
        for key, value in fields.items():
            if isinstance(value, list):  # phases or channels
                for number, each in enumerate(value[:_SENSORS_MAX], 1):
                    if key in MEASURES:
                        self._measure(out, f"{chip}-{number}", key, each)
            elif self._measure(out, chip, key, value) is FAULTY:
                faulty = True
        if faulty:
            out.readings.append(
                replace(self._faults.begin(whole), time_ns=out.time.time_ns, device=_behind(out, whole))
            )
            out.notices.append(f"sensor_fault: {whole}")
        elif fields:
            ended = {name: self._faults.ended(name) for name in dict.fromkeys((apart, whole))}
            out.readings += [
                replace(each, time_ns=out.time.time_ns, device=_behind(out, name))
                for name, each in ended.items()
                if each
            ]

    def _measure(self, out: _Found, chip: str, key: str, value: Any) -> Any:
        """Append the reading of one key of a chip; return FAULTY for a value that is no number."""
        numbered = _NUMBERED.fullmatch(key)
        if numbered and key not in MEASURES and numbered[1] in MEASURES:  # ANALOG: Temperature1
            chip, key = f"{chip}/{key}", numbered[1]
        if key in SWITCHES and isinstance(value, bool | str) and value in STATES:  # `Gas` of a chip is a resistance
            out.readings.append(out.reading(self._sensor(out, chip, key), *SWITCHES[key], STATES[value], "bool"))
            return None
        if key not in MEASURES or isinstance(value, dict):
            return _unknown(out, chip, key, value)
        quantity = MISSING if value is None else FAULTY if value != value else read_quantity(value)  # noqa: PLR0124 - NaN
        if not isinstance(quantity, Quantity) or isinstance(value, bool):
            if quantity is None or isinstance(value, bool):
                out.rejects.append(Reject("type", f"{chip}.{key} is a number in its unit"))
            return quantity
        kind, metric, wire_unit = meaning_of_key(chip, key, quantity.value)
        unit = METRIC_BY_NAME[metric].unit if metric in METRIC_BY_NAME else wire_unit
        number = convert(quantity.value, quantity.unit or wire_unit or configured_unit(key, out.document), unit)
        if number is None:
            out.rejects.append(Reject("type", f"{chip}.{key} is a number in its unit"))
            return None
        sensor = out.device if metric == "chip_temperature" else self._sensor(out, chip, metric)
        out.readings.append(out.reading(sensor, kind, metric, number, unit))
        return None

    def _sensor(self, out: _Found, chip: str, metric: str) -> str:
        """Return the sensor of a chip's quantity: the device for the first chip that gave it, else a probe."""
        if INDEXED.fullmatch(chip) or "/" in chip:
            return f"{out.device}/{chip}"
        key = f"{out.device}|{metric}"
        owner = self._owners.get(key)
        if owner is not None and owner != chip:
            if out.whole and owner not in out.document and f"{key}|{chip}" not in self._owners:
                self._keep(out, f"{key}|{owner}", "")
                self._owners.pop(key)
            else:
                self._keep(out, f"{key}|{chip}", "")
        self._keep(out, key, chip)
        return out.device if self._owners.get(key, chip) == chip else f"{out.device}/{chip}"

    def _keep(self, out: _Found, key: str, chip: str) -> None:
        """Keep the first chip under a key, within the limit."""
        if key not in self._owners and len(self._owners) < DEVICES_MAX:
            self._owners[key] = chip
            out.memory[key] = chip.encode()


def _unnamed(topic: str) -> Decoded:
    """Return the result for a topic without a device, or with a word that is none of Tasmota's."""
    prefix, _, rest = topic.partition("/")
    if prefix != "tele":
        return Decoded(ignored="command")
    device, _, word = rest.rpartition("/")
    if not device:
        return refuse(Reject("sensor_name", "a topic without a device"))
    return Decoded(ignored="topic", unread=(word[:64],) if word else ())


def _behind(out: _Found, sensor: str) -> str:
    return "" if sensor == out.device else out.device


def _unknown(out: _Found, chip: str, key: str, value: Any) -> None:
    """Read a counter or an analogue input under its own name; report any other key."""
    number = None if isinstance(value, bool) else number_of(value)
    if chip in ("COUNTER", "ANALOG") and number is not None:
        out.readings.append(out.reading(out.device, "env", undescribed(entity_name(key) or chip.lower()), number, ""))
    elif value is not None and not isinstance(value, dict) and not IGNORED_KEY.fullmatch(key):
        out.unread.append(f"{chip}.{key}"[:64])


def _switch(out: _Found, key: str, value: Any) -> None:
    """Read a switch: ON, OFF, or the action of a detached switch. A text of the user names it (SwitchText)."""
    if isinstance(value, dict):
        value = value.get("Action", value.get("STATE", value.get("State")))
    if value is None:
        return
    if not isinstance(value, str) or value not in STATES:
        out.rejects.append(Reject("type", f"{key[:40]} is ON or OFF"))
        return
    name = entity_name(key) if not key.startswith("Switch") else key.lower()
    known = METRIC_BY_NAME.get(name)
    meaning = meaning_of(name, "") if known is not None and known.unit == "bool" else None
    metric = name if meaning else undescribed(name or "switch")
    kind = meaning.kind if meaning else kind_of(key, otherwise="gate")
    out.readings.append(out.reading(out.device, kind, metric, STATES[value], "bool"))


def _zigbee(out: _Found, devices: Any) -> None:
    """Read Zigbee devices behind the bridge; each is a sensor `bridge/NAME`."""
    for address, fields in list(devices.items())[:_SENSORS_MAX] if isinstance(devices, dict) else ():
        if not isinstance(fields, dict):
            continue
        sensor = f"{out.device}/{str(fields.get('Name') or fields.get('Device') or address)[:64]}"
        status = fields.get("ZoneStatus", fields.get("ZoneStatusChange"))
        bits = status if isinstance(status, int) else 0
        tested = replace(out, quality=Quality.TEST) if bits >> ZONE_TEST_BIT & 1 else out
        if isinstance(status, int):
            for bit, metric in ZONE_BITS.items():
                out.readings.append(out.reading(sensor, "device", metric, float(bits >> bit & 1), "bool"))
        for key, value in fields.items():
            found = read_attribute(key, value)
            if isinstance(found, Reject):
                out.rejects.append(found)
            elif found is not None:
                out.readings.append(tested.reading(sensor, *found))
            elif value is not None and not IGNORED_KEY.fullmatch(key):
                out.unread.append(f"Zb.{key}"[:64])


def _state(out: _Found) -> Decoded:
    """Decode the signal strength from the device state: `Signal` is dBm, `RSSI` a vendor-specific quality."""
    signal = number_of(branch(out.document, "Wifi").get("Signal"))
    if signal is None:
        return Decoded(ignored=IGNORED_TOPICS["STATE"])
    return Decoded(readings=(out.reading(out.device, "device", "rssi", signal, "dBm"),))
