"""ChirpStack v4: LoRaWAN uplinks in the JSON of its marshaler.

Source: chirpstack/chirpstack-docs, src/chirpstack/integrations/events.md; Milesight-IoT/SensorDecoders, em300-sld and
am103 (keys, steps of 0.1 °C and 0.5 %, `history` with a timestamp in seconds).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.rows import Row, in_order, iso

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
PROFILES: Mapping[str, str] = {"leak": "Milesight EM300-SLD", "room": "Milesight AM103"}
STEPS: Mapping[str, float] = {"temperature": 0.1, "humidity": 0.5, "co2": 1.0, "battery": 1.0}
"""Metric -> resolution of the device."""

HISTORY_MS = 60_000
"""A value delayed longer than this in the device is sent as history."""


class ChirpStack:
    """A LoRaWAN network server with codecs; the uplink's time is its time of reception at a gateway.

    A delayed value is sent as `history`, in whole seconds. A lost measurement is left out. These codecs have neither
    battery voltage nor signal strength. Drills have no mark and are not sent. Integrations retain nothing, so there are
    no retained copies. The format has no availability: a lost gateway sends nothing.
    """

    name = "chirpstack"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._counts: dict[int, int] = {}

    def carries(self, device: Device) -> bool:
        """Return True for leak sensors and rooms."""
        return device.model in PROFILES

    def identity(self, device: Device, metric: str) -> str:
        """Return the devEUI."""
        del metric
        return self._eui(self._fleet.index_of(device))

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return a join of each device."""
        return [self._event(index, "join", at_ms, {"devAddr": f"{index & 0x1FFFFFF:08x}"}) for index in devices]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return no message: the format has none for this."""
        del devices, at_ms
        return []

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return an uplink for each row."""
        rows = (row for row in in_order(parts) if not (row.is_test or row.retain))
        return [found for row in rows if (found := self._uplink(row))]

    def _uplink(self, row: Row) -> Message | None:
        fields: dict[str, Any] = {}
        for metric, value in row.measured.items():
            if metric == "leak":
                fields["leakage_status"] = "leak" if value == 1.0 else "normal"
            elif metric in STEPS:
                fields[metric] = round(round(value / STEPS[metric]) * STEPS[metric], 6)
        if not fields:
            return None
        count = self._counts[row.device] = self._counts.get(row.device, -1) + 1
        if row.due_ms - row.time_ms > HISTORY_MS:
            fields = {"history": [{"timestamp": row.time_ms // 1000, **fields}]}
        content = {"fCnt": count, "fPort": 85, "object": fields, "rxInfo": [{"gatewayId": "24e124fffef00001"}]}
        return self._event(row.device, "up", row.due_ms, content)

    def _event(self, index: int, event: str, at_ms: int, content: Mapping[str, Any]) -> Message:
        device = self._fleet.devices[index]
        eui = self._eui(index)
        about = {
            "applicationId": APPLICATION,
            "deviceProfileName": PROFILES[device.model],
            "deviceName": device.id,
            "devEui": eui,
        }
        document = {"time": f"{iso(at_ms)}000000+00:00", "deviceInfo": about, **content}
        payload = json.dumps(document, separators=(",", ":")).encode()
        return Message(at_ms, f"application/{APPLICATION}/device/{eui}/event/{event}", payload)

    def _eui(self, index: int) -> str:
        return f"{int(self._fleet.keys[index]):016x}"
