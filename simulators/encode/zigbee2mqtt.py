"""Zigbee2MQTT 2.x: `zigbee2mqtt/FRIENDLY_NAME` with the device's whole known state as one JSON object.

Source: zigbee2mqtt.io, MQTT topics and messages; device availability; zigbee-herdsman-converters, lib/modernExtend
(a battery's voltage is in mV) and lib/exposes (smoke_density_dbm).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.rows import Row, in_order, iso

BASE = "zigbee2mqtt"
MODELS: Mapping[str, tuple[str, str, str]] = {
    "smoke": ("Smoke detector with density and CO", "HS1CA-M", "HEIMAN"),
    "leak": ("Water leak sensor", "SJCGQ11LM", "Aqara"),
    "room": ("Air quality monitor", "VOCKQJK11LM", "Aqara"),
    "socket": ("Smart plug with power metering", "TS011F_plug_1", "Tuya"),
}
"""Model -> description, model number and vendor of such a device."""

NETWORK_MAX = 500
"""Devices of one coordinator, at most; a longer `bridge/devices` is not sent."""

_LQI_PER_DB, _LQI_FROM_DBM = 4.25, -100.0


def _flag(value: float) -> bool:
    return value == 1.0


_KEYS: Mapping[str, tuple[str, Callable[[float], Any]]] = {
    "smoke": ("smoke", _flag),
    "smoke_density": ("smoke_density_dbm", float),
    "co": ("co", float),
    "temperature": ("temperature", float),
    "humidity": ("humidity", float),
    "co2": ("co2", int),
    "leak": ("water_leak", _flag),
    "current": ("current", float),
    "power": ("power", float),
    "tamper": ("tamper", _flag),
    "fault": ("trouble", _flag),
    "battery": ("battery", int),
    "battery_low": ("battery_low", _flag),
    "battery_voltage": ("voltage", lambda value: round(1000 * value)),
    "rssi": ("linkquality", lambda value: max(0, min(255, round((value - _LQI_FROM_DBM) * _LQI_PER_DB)))),
}


class Zigbee2Mqtt:
    """A bridge with `advanced.last_seen: ISO_8601`, `availability` on and `cache_state` on (the default).

    Every message repeats the known state of the device, with null for a lost measurement. A drill is `test: true`. rssi
    is sent as linkquality, which does not convert back; battery_voltage in whole mV. When all of several devices are
    lost together, the bridge is offline. Carries smoke, leak, room, socket. A door with a card reader has no exact
    Zigbee counterpart (a contact without its grant would look forced).
    """

    name = "zigbee2mqtt"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._states: dict[int, dict[str, Any]] = {}
        self._up: dict[int, None] = {}
        self._known: dict[int, None] = {}
        self._bridge_up = False

    def carries(self, device: Device) -> bool:
        """Return True for models with exact Zigbee counterparts."""
        return device.model in MODELS

    def identity(self, device: Device, metric: str) -> str:
        """Return the friendly name."""
        del metric
        return device.id

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the bridge's state if it was down, its list of devices, and each device's availability."""
        found = [] if self._bridge_up else [_retained(at_ms, "bridge/state", {"state": "online"})]
        self._bridge_up = True
        self._known.update(dict.fromkeys(devices))
        self._up.update(dict.fromkeys(devices))
        if len(self._known) <= NETWORK_MAX:
            found.append(_retained(at_ms, "bridge/devices", [self._entry(index) for index in self._known]))
        return found + [self._available(index, at_ms, "online") for index in devices]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the bridge's last will for the loss of every device, else each device's availability."""
        gone = [index for index in devices if index in self._up]
        whole = len(gone) == len(self._up) > 1
        for index in gone:
            del self._up[index]
        if whole:
            self._bridge_up = False
            return [_retained(at_ms, "bridge/state", {"state": "offline"})]
        return [self._available(index, at_ms, "offline") for index in gone]

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return the device state after each row."""
        return [self._message(row) for row in in_order(parts)]

    def _message(self, row: Row) -> Message:
        state = self._states.setdefault(row.device, {})
        for metric, value in row.values.items():
            if metric in _KEYS:
                key, written = _KEYS[metric]
                state[key] = None if value != value else written(value)  # noqa: PLR0124 - NaN
        if row.is_test or "test" in state:
            state["test"] = row.is_test
        document = {**state, "last_seen": iso(row.time_ms) + "Z"}
        topic = f"{BASE}/{self._fleet.devices[row.device].id}"
        return Message(row.due_ms, topic, _json(document), row.retain)

    def _available(self, index: int, at_ms: int, state: str) -> Message:
        return _retained(at_ms, f"{self._fleet.devices[index].id}/availability", {"state": state})

    def _entry(self, index: int) -> dict[str, Any]:
        device = self._fleet.devices[index]
        description, model, vendor = MODELS[device.model]
        mains = device.model == "socket"
        return {
            "ieee_address": f"0x{int(self._fleet.keys[index]):016x}",
            "type": "Router" if mains else "EndDevice",
            "network_address": int(self._fleet.keys[index]) & 0xFFFF,
            "supported": True,
            "disabled": False,
            "friendly_name": device.id,
            "definition": {"model": model, "vendor": vendor, "description": description},
            "power_source": "Mains (single phase)" if mains else "Battery",
            "model_id": model,
            "manufacturer": vendor,
            "interview_completed": True,
        }


def _retained(at_ms: int, topic: str, document: object) -> Message:
    return Message(at_ms, f"{BASE}/{topic}", _json(document), retain=True)


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
