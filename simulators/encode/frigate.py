"""Frigate: `frigate/events` with the halves before and after, `frigate/available` as last will.

Source: blakeblackshear/frigate, docs/docs/integrations/mqtt.md (fields of an event; ids are epoch seconds and a random
part; times are epoch seconds).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message
from simulators.encode.rows import Row, in_order

_TYPES = {"start": "new", "update": "update", "end": "end"}


class Frigate:
    """An NVR that tracks objects. Health values of a camera are outside Frigate and are not sent."""

    name = "frigate"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._seen: dict[tuple[int, str], dict[str, Any]] = {}
        self._up: dict[int, None] = {}

    def carries(self, device: Device) -> bool:
        """Return True for cameras."""
        return device.model == "camera"

    def identity(self, device: Device, metric: str) -> str:
        """Return the camera's name."""
        del metric
        return device.id

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the NVR's availability if it was down, and the detector state of each camera."""
        found = [] if self._up else [Message(at_ms, "frigate/available", b"online", retain=True)]
        self._up.update(dict.fromkeys(devices))
        return found + [self._status(index, at_ms, b"online") for index in devices]

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return the NVR's last will for the loss of every camera, else the detector state of each."""
        gone = [index for index in devices if self._up.pop(index, 0) is None]
        if gone and not self._up:
            return [Message(at_ms, "frigate/available", b"offline", retain=True)]
        return [self._status(index, at_ms, b"offline") for index in gone]

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return the event of each row that has one."""
        return [self._event(row) for row in in_order(parts) if row.labels and not (row.is_test or row.retain)]

    def _event(self, row: Row) -> Message:
        camera, labels = self._fleet.devices[row.device].id, row.labels
        track, kind, at_s = str(labels["track"]), _TYPES[labels["state"]], row.time_ms / 1000
        zone = labels.get("zone")
        before = self._seen.pop((row.device, track), None)
        entered = [] if before is None else before["entered_zones"]
        after = {
            "id": track,
            "camera": camera,
            "frame_time": at_s,
            "label": labels["label"],
            "sub_label": None,
            "top_score": labels["score"],
            "score": labels["score"],
            "false_positive": False,
            "start_time": at_s if before is None else before["start_time"],
            "end_time": at_s if kind == "end" else None,
            "current_zones": [zone] if zone and kind != "end" else [],
            "entered_zones": entered + ([zone] if zone and zone not in entered else []),
            "stationary": False,
        }
        if kind != "end":
            self._seen[row.device, track] = after
        document = {"type": kind, "before": after if before is None else before, "after": after}
        return Message(row.due_ms, "frigate/events", json.dumps(document, separators=(",", ":")).encode())

    def _status(self, index: int, at_ms: int, word: bytes) -> Message:
        return Message(at_ms, f"frigate/{self._fleet.devices[index].id}/status/detect", word, retain=True)
