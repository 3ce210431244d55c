"""Shelly Gen2 and later: `{device}/events/rpc` with NotifyStatus, last will `{device}/online`.

Source: shelly-api-docs.shelly.cloud/gen2: General/Notifications; components Flood, DevicePower, Switch, WiFi, Mqtt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.encode.contract import Message
from simulators.encode.rows import Row, in_order
from simulators.fleet import Device, Fleet, Frames

# model -> metric -> component and key
_KEYS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "leak": {"leak": ("flood:0", "alarm")},
    "socket": {"power": ("switch:0", "apower"), "current": ("switch:0", "current")},
}


class ShellyGen2:
    """Flood sensors and metering sockets. Each message names only the components that it is about.

    A lost measurement is null. Drills have no mark and are not sent.
    """

    name = "shelly_gen2"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def carries(self, device: Device) -> bool:
        """Leak sensors and sockets."""
        return device.model in _KEYS

    def identity(self, device: Device, metric: str) -> str:
        """The topic prefix."""
        del metric
        return device.id

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Online, retained."""
        return [self._online(index, at_ms, b"true") for index in devices]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """The last will."""
        return [self._online(index, at_ms, b"false") for index in devices]

    def encode(self, parts: Sequence[Frames]) -> list[Message]:
        """A notification a row."""
        return [found for row in in_order(parts) if not row.is_test and (found := self._message(row))]

    def _message(self, row: Row) -> Message | None:
        device = self._fleet.devices[row.device]
        keys = _KEYS[device.model]
        params: dict[str, Any] = {}
        for metric, value in row.values.items():
            told = None if value != value else value == 1.0 if metric == "leak" else value  # noqa: PLR0124 - NaN
            if metric in keys:
                component, key = keys[metric]
                params.setdefault(component, {"id": 0})[key] = told
            elif metric == "rssi":
                params["wifi"] = {"rssi": told}
            elif metric in ("battery", "battery_voltage"):
                power = params.setdefault("devicepower:0", {"id": 0, "battery": {}, "external": {"present": False}})
                power["battery"]["percent" if metric == "battery" else "V"] = told
        if not params:
            return None
        source = device.id
        document = {
            "src": source,
            "dst": f"{source}/events",
            "method": "NotifyStatus",
            "params": {"ts": row.time_ms / 1000, **params},
        }
        payload = json.dumps(document, separators=(",", ":")).encode()
        return Message(row.due_ms, f"{source}/events/rpc", payload, row.retain)

    def _online(self, index: int, at_ms: int, word: bytes) -> Message:
        return Message(at_ms, f"{self._fleet.devices[index].id}/online", word, retain=True)
