"""Homie 5: retained values on `homie/5/{device}/sensor/{property}`, and their `$description`.

Source: homieiot/convention, convention.md at v5.0.0 (topic ids of a-z, 0-9 and hyphen; datatypes; device life cycle).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.metrics import BOOLEANS, COUNTS, HEALTH, MEASURED, UNITS
from simulators.encode.rows import in_order

ROOT = "homie/5"
NODE = "sensor"
PROPERTIES: Mapping[str, tuple[str, str]] = {
    **{metric: ("float", unit) for metric, unit in UNITS.items()},
    "temperature": ("float", "°C"),
    **dict.fromkeys(BOOLEANS, ("boolean", "")),
    **dict.fromkeys(COUNTS, ("integer", "")),
}
"""Metric -> datatype and unit."""

_WRITTEN = {
    "boolean": lambda value: "true" if value == 1.0 else "false",
    "integer": lambda value: str(int(value)),
    "float": repr,
}


class Homie:
    """Self-describing devices: state init, description, state ready; the last will is state lost.

    The format has neither time nor null: a lost measurement is not sent. Drills have no mark and are left out. Carries
    all models but cameras and ponds, whose level would be decoded as a depth.
    """

    name = "homie"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def carries(self, device: Device) -> bool:
        """Return True for models whose metrics have exact names in this format."""
        return device.model in MEASURED

    def identity(self, device: Device, metric: str) -> str:
        """Return `device/node/property`."""
        return f"{_id(device)}/{NODE}/{metric.replace('_', '-')}"

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the life cycle up to ready."""
        found = []
        for index in devices:
            device = self._fleet.devices[index]
            base = f"{ROOT}/{_id(device)}"
            about = json.dumps(_description(device), separators=(",", ":"), ensure_ascii=False).encode()
            found.append(Message(at_ms, f"{base}/$state", b"init", retain=True))
            found.append(Message(at_ms, f"{base}/$description", about, retain=True))
            found.append(Message(at_ms, f"{base}/$state", b"ready", retain=True))
        return found

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return each device's last will."""
        return [
            Message(at_ms, f"{ROOT}/{_id(self._fleet.devices[index])}/$state", b"lost", retain=True)
            for index in devices
        ]

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return one message for each value."""
        return [
            Message(row.due_ms, f"{ROOT}/{self._place(row.device, metric)}", _payload(metric, value), retain=True)
            for row in in_order(parts)
            if not (row.is_test or row.retain)
            for metric, value in row.measured.items()
            if metric in PROPERTIES
        ]

    def _place(self, index: int, metric: str) -> str:
        return self.identity(self._fleet.devices[index], metric)


def _id(device: Device) -> str:
    return f"{device.site}-{device.id}".lower().replace("_", "-").replace(".", "-")


def _payload(metric: str, value: float) -> bytes:
    return _WRITTEN[PROPERTIES[metric][0]](value).encode()


def _description(device: Device) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for metric in (*MEASURED[device.model], *HEALTH):
        datatype, unit = PROPERTIES[metric]
        attributes = {"name": metric.replace("_", " ").capitalize(), "datatype": datatype}
        properties[metric.replace("_", "-")] = attributes | ({"unit": unit} if unit else {})
    return {"homie": "5.0", "version": 1, "name": device.id, "nodes": {NODE: {"properties": properties}}}
