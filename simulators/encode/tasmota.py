"""Tasmota: `tele/{device}/SENSOR` and `/STATE`, last will `/LWT`.

Source: tasmota.github.io/docs, MQTT and JSON-Status-Responses; arendst/Tasmota, xsns_92_scd40 (SCD40: CarbonDioxide,
Temperature, Humidity, DewPoint) and xdrv_03_energy (ENERGY). Times are the device's local ones, without an offset.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isnan, log
from typing import Any

from simulators.campus.fleet import Device
from simulators.encode.contract import Message
from simulators.encode.firmware import Firmware
from simulators.encode.rows import Row, iso

_KEYS: Mapping[str, Mapping[str, str]] = {
    "room": {"co2": "CarbonDioxide", "temperature": "Temperature", "humidity": "Humidity"},
    "socket": {"power": "Power", "current": "Current"},
}
_CHIPS: Mapping[str, str] = {"room": "SCD40", "socket": "ENERGY"}
_LOCAL_MS = 8 * 3_600_000
_MAGNUS = 17.62, 243.12  # of the dew point over water; °C


class Tasmota(Firmware):
    """Mains-powered boards with an SCD40 (rooms) or an energy meter (sockets).

    Resolutions are set to TempRes 2, HumRes 1, WattRes and AmpRes 3. A lost measurement is null.
    Boards have no battery; the signal strength is part of STATE.
    """

    name = "tasmota"
    models = _KEYS
    will = ("tele/{}/LWT", b"Online", b"Offline")

    def message(self, row: Row, device: Device) -> Message | None:
        """Return a SENSOR or STATE message."""
        keys = _KEYS[device.model]
        document: dict[str, Any] = {"Time": iso(row.time_ms + _LOCAL_MS, digits=0)}
        word = "SENSOR"
        values = {
            keys[metric]: None if isnan(value) else value for metric, value in row.values.items() if metric in keys
        }
        if values:
            if device.model == "room":
                values |= {"DewPoint": _dew_point(values.get("Temperature"), values.get("Humidity"))}
                document |= {_CHIPS["room"]: values, "TempUnit": "C"}
            else:
                document[_CHIPS["socket"]] = values
        elif "rssi" in row.measured:
            signal = round(row.values["rssi"])
            quality = max(0, min(100, 2 * (signal + 100)))
            word, document = "STATE", document | {"Wifi": {"AP": 1, "RSSI": quality, "Signal": signal}}
        else:
            return None
        payload = json.dumps(document, separators=(",", ":")).encode()
        return Message(row.due_ms, f"tele/{device.id}/{word}", payload, row.retain)


def _dew_point(temperature: float | None, humidity: float | None) -> float | None:
    """Return the dew point (°C, one digit) by Magnus' formula (Sonntag 1990)."""
    if temperature is None or humidity is None or humidity <= 0:
        return None
    a, b = _MAGNUS
    gamma = log(humidity / 100) + a * temperature / (b + temperature)
    return round(b * gamma / (a - gamma), 1)
