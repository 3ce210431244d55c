"""Shelly Gen2 and later: `{device}/events/rpc` with NotifyStatus, last will `{device}/online`.

Source: shelly-api-docs.shelly.cloud/gen2: General/Notifications; components Flood, DevicePower, Switch, WiFi, Mqtt.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from simulators.campus.fleet import Device
from simulators.encode.contract import Message
from simulators.encode.firmware import Firmware
from simulators.encode.rows import Row

# model -> metric -> component and key
_KEYS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "leak": {"leak": ("flood:0", "alarm")},
    "socket": {"power": ("switch:0", "apower"), "current": ("switch:0", "current")},
}


class ShellyGen2(Firmware):
    """Flood sensors and metering sockets. Each message contains only the reported components.

    A lost measurement is null.
    """

    name = "shelly_gen2"
    models = _KEYS
    will = ("{}/online", b"true", b"false")

    def message(self, row: Row, device: Device) -> Message | None:
        """Return a notification."""
        keys = _KEYS[device.model]
        params: dict[str, Any] = {}
        for metric, value in row.values.items():
            reported = None if value != value else value == 1.0 if metric == "leak" else value  # noqa: PLR0124 - NaN
            if metric in keys:
                component, key = keys[metric]
                params.setdefault(component, {"id": 0})[key] = reported
            elif metric == "rssi":
                params["wifi"] = {"rssi": reported}
            elif metric in ("battery", "battery_voltage"):
                power = params.setdefault("devicepower:0", {"id": 0, "battery": {}, "external": {"present": False}})
                power["battery"]["percent" if metric == "battery" else "V"] = reported
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
