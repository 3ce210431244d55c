"""Tasmota: `tele/{device}/SENSOR`, `/STATE` and the last will `/LWT`.

Source: tasmota.github.io/docs, MQTT and JSON-Status-Responses; arendst/Tasmota, tasmota_xsns_sensor (SR04 in cm,
pressure in hPa unless `PressureUnit` names another). Times are local unless they carry an offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingest.vocabulary import DEVICE_METRICS, METRIC_BY_NAME

from .contract import Decoded, Reading, Reject
from .document import branch, gathered, number_of, read_object, refuse, rfc3339_ns
from .names import kind_of
from .presence import read_presence
from .units import convert

# key -> (kind, metric, unit on the wire; "" for the unit in TempUnit or PressureUnit)
_MEASURES: Mapping[str, tuple[str, str, str]] = {
    "Temperature": ("env", "temperature", ""),
    "Humidity": ("env", "humidity", "%"),
    "Pressure": ("env", "pressure", ""),
    "Distance": ("water", "distance", "cm"),
    "CarbonDioxide": ("env", "co2", "ppm"),
    "CarbonMonoxide": ("env", "co", "ppm"),
    "Illuminance": ("env", "illuminance", "lx"),
    "PM2.5": ("env", "pm25", "ug/m3"),
    "Noise": ("env", "noise", "dB"),
    "Power": ("env", "power", "W"),
    "Current": ("env", "current", "A"),
    "Voltage": ("env", "voltage", "V"),
}
_PRESSURE_UNITS: Mapping[str, str] = {"hPa": "hPa", "mbar": "mbar", "kPa": "kPa"}
_SWITCH = re.compile(r"Switch\d{1,2}", re.ASCII)
_INDEXED = re.compile(r".+-\d{1,2}", re.ASCII)
_SENSORS_MAX = 64


class TasmotaDecoder:
    """Decoder of Tasmota's telemetry. Holds no state.

    A switch keeps its own name, because the format does not name the connected device. Each of several sensors of one
    type (`DS18B20-1`, `DS18B20-2`) is a separate sensor, `device/DS18B20-1`.

    Works badly for: full topics in another order than %prefix%/%topic%/; several types that measure the same quantity
    on one device, which share its series; local times, which are not used.

    >>> decoder = TasmotaDecoder()
    >>> decoded = decoder.decode("tele/cistern/SENSOR", b'{"SR04": {"Distance": 123.4}}', retained=False, now_ns=0)
    >>> [(reading.metric, reading.value, reading.unit) for reading in decoded.readings]
    [('distance', 1.234, 'm')]
    """

    name = "tasmota"
    subscriptions: Sequence[str] = ("tele/+/SENSOR", "tele/+/STATE", "tele/+/LWT")

    def claims(self, topic: str) -> bool:
        """Return True for telemetry, and for its responses and commands, which hold no reading."""
        return topic.startswith(("tele/", "stat/", "cmnd/"))

    def decode(self, topic: str, payload: bytes, *, retained: bool, now_ns: int) -> Decoded:  # noqa: ARG002 - contract
        """Decode one message."""
        prefix, _, rest = topic.partition("/")
        device, _, word = rest.rpartition("/")
        if prefix != "tele":
            return Decoded(ignored="command")
        if not device:
            return refuse(Reject("sensor_name", "a topic without a device"))
        if word == "LWT":
            return read_presence(device, payload, {"Online": True, "Offline": False})
        if word not in ("SENSOR", "STATE"):
            return Decoded(ignored="state")
        document = read_object(payload)
        if isinstance(document, Reject):
            return refuse(document)
        return _sensors(device, document) if word == "SENSOR" else _state(device, document)


def _sensors(device: str, document: Mapping[str, Any]) -> Decoded:
    time_ns = rfc3339_ns(document.get("Time"))
    readings: list[Reading] = []
    rejects: list[Reject] = []
    for key, value in list(document.items())[:_SENSORS_MAX]:
        if _SWITCH.fullmatch(key):
            if value in ("ON", "OFF"):
                name = key.lower()
                kind = kind_of(key, otherwise="gate")
                readings.append(Reading(device, kind, name, float(value == "ON"), "bool", time_ns=time_ns))
            else:
                rejects.append(Reject("type", f"{key} is ON or OFF"))
        elif isinstance(value, dict):
            sensor = f"{device}/{key[:64]}" if _INDEXED.fullmatch(key) else device
            for found in _measured(sensor, value, document, time_ns):
                (readings if isinstance(found, Reading) else rejects).append(found)  # type: ignore[arg-type]  # one of the two
    return gathered(readings, rejects)


def _measured(
    sensor: str, fields: Mapping[str, Any], document: Mapping[str, Any], time_ns: int | None
) -> Iterator[Reading | Reject]:
    """Yield the readings of one sensor of a device; null is no measurement."""
    for key, value in fields.items():
        if key not in _MEASURES or value is None:
            continue
        kind, metric, wire_unit = _MEASURES[key]
        number, unit = number_of(value), METRIC_BY_NAME[metric].unit if metric in METRIC_BY_NAME else wire_unit
        if number is not None:
            number = convert(number, wire_unit or _configured_unit(metric, document), unit)
        if number is None:
            yield Reject("type", f"{key} is a number in its unit")
        else:
            yield Reading(sensor, "device" if metric in DEVICE_METRICS else kind, metric, number, unit, time_ns=time_ns)


def _configured_unit(metric: str, document: Mapping[str, Any]) -> str:
    """Return the configured unit of the device; an unknown unit is kept, so the value is rejected."""
    key, usual = ("TempUnit", "C") if metric == "temperature" else ("PressureUnit", "hPa")
    configured = document.get(key, usual)
    if metric == "temperature":
        return str(configured)[:8]
    return _PRESSURE_UNITS.get(str(configured), "?")


def _state(device: str, document: Mapping[str, Any]) -> Decoded:
    """Decode the signal strength from the device state: `Signal` is dBm, `RSSI` a vendor-specific quality."""
    signal = number_of(branch(document, "Wifi").get("Signal"))
    if signal is None:
        return Decoded(ignored="state")
    return Decoded(
        readings=(Reading(device, "device", "rssi", signal, "dBm", time_ns=rfc3339_ns(document.get("Time"))),)
    )
