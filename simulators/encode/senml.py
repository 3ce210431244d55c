"""SenML packs in JSON, one a message, on `campus/senml/{gateway}`.

Source: RFC 8428, sections 4 and 5; units of its section 12.1 and of RFC 8798.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.metrics import BOOLEANS, COUNTS, UNITS
from simulators.encode.rows import Row, in_order

GATEWAY = "campus/senml/gateway-1"
_UNITS: Mapping[str, str] = {
    **UNITS,
    "humidity": "%RH",
    "battery": "%EL",
    **dict.fromkeys(COUNTS, "count"),
}
"""Metric -> SenML unit of the same scale; dB/m is unregistered: the registry has no unit of obscuration."""

_BOOLEANS = BOOLEANS | {"battery_low", "tamper"}

MODELS = frozenset(("smoke", "room", "door", "rain", "leak", "turnstile", "panel", "socket"))


class Senml:
    """A gateway that sends a pack for each message, with base name `urn:dev:mac:{EUI-64}:` and base time in seconds.

    SenML has no mark for a self-test, so messages of a drill are not sent. Carries all models but cameras, ponds (a
    level in metres would be decoded as depth) and pipes (pascals would lose the last digit). The format has no
    availability: a lost gateway sends nothing.
    """

    name = "senml"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._bases: dict[int, str] = {}

    def carries(self, device: Device) -> bool:
        """Return whether SenML represents the device exactly."""
        return device.model in MODELS

    def identity(self, device: Device, metric: str) -> str:
        """Return the record's whole name."""
        return self._base(self._fleet.index_of(device)) + metric

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return no message: the format has none for this."""
        del devices, at_ms
        return []

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return no message: the format has none for this."""
        del devices, at_ms
        return []

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return a pack for each row; rows without a measurement, and drills, are left out."""
        return [self._message(row) for row in in_order(parts) if row.measured and not row.is_test]

    def _message(self, row: Row) -> Message:
        records = [_record(metric, value) for metric, value in row.measured.items()]
        pack = [{"bn": self._base(row.device), "bt": row.time_ms / 1000} | records[0], *records[1:]]
        return Message(row.due_ms, GATEWAY, json.dumps(pack, separators=(",", ":")).encode(), row.retain)

    def _base(self, index: int) -> str:
        base = self._bases.get(index)
        if base is None:
            base = self._bases[index] = f"urn:dev:mac:{int(self._fleet.keys[index]):016x}:"
        return base


def _record(metric: str, value: float) -> dict[str, Any]:
    if metric in _BOOLEANS:
        return {"n": metric, "vb": value == 1.0}
    return {"n": metric, "u": _UNITS[metric], "v": value}
