"""The native format: `campus/{site}/{kind}/{sensor}`, one JSON object a message, or an array of them.

`time` is epoch milliseconds; `seq` is the device's sequence number. Booleans are JSON booleans; a missing measurement
is null. The format has no announcements.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulators.campus.fleet import Device, Fleet, Samples
from simulators.encode.contract import Message

BOOLS = frozenset(
    (
        *("smoke", "test", "open", "access_granted", "access_denied", "forced", "occupancy", "leak"),
        *("object_present", "motion", "review", "blind", "battery_low", "tamper", "fault", "online", "isolated"),
    )
)
"""Boolean metrics on the wire."""

COUNTS = frozenset(("people_in", "people_out", "people_in_total", "people_out_total", "open_count", "object_count"))

TOPICS_MAX = 1_000_000


class Native:
    """One message a row."""

    name = "native"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._topics: dict[int, str] = {}

    def carries(self, device: Device) -> bool:
        """Return True for every device."""
        del device
        return True

    def identity(self, device: Device, metric: str) -> str:
        """Return the device's id."""
        del metric
        return device.id

    def begin(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return no message: the format has none for this."""
        del devices, at_ms
        return []

    def lose(self, devices: Sequence[int], at_ms: int) -> list[Message]:
        """Return no message: only missing messages show the loss."""
        del devices, at_ms
        return []

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return the messages in order of sending, then device."""
        rows = [row for part in parts for row in self._rows(part)]
        rows.sort(key=_order)
        return [Message(due_ms, self._topic(device), payload, retain) for due_ms, device, _, payload, retain in rows]

    def _rows(self, part: Samples) -> Iterator[tuple[int, int, int, bytes, bool]]:
        """Yield (due_ms, device, time_ms, payload, retain) of each row."""
        device, time_ms, due_ms = part.device.tolist(), part.time_ms.tolist(), part.due_ms.tolist()
        retain = [False] * len(part) if part.retain is None else part.retain.tolist()
        bodies = _bodies(part)
        if part.seq is None:
            payloads = (b'{"time":%d,%b}' % row for row in zip(time_ms, bodies, strict=True))
        else:
            payloads = (
                b'{"time":%d,"seq":%d,%b}' % row for row in zip(time_ms, part.seq.tolist(), bodies, strict=True)
            )
        return zip(due_ms, device, time_ms, payloads, retain, strict=True)

    def _topic(self, device: int) -> str:
        topic = self._topics.get(device)
        if topic is None:
            if len(self._topics) >= TOPICS_MAX:
                self._topics.clear()
            topic = self._topics[device] = topic_of(self._fleet.devices[device])
        return topic


class Batched(Native):
    """Native format with arrays: the messages of a device within one call form one array, sent with the last of them.

    The only format whose messages depend on the split of time into calls: a gateway collects for the whole call.
    """

    name = "batched"

    def encode(self, parts: Sequence[Samples]) -> list[Message]:
        """Return one array for each device and call; a retained message is sent alone."""
        gathered: dict[str, list[Message]] = {}
        alone = []
        for message in super().encode(parts):
            if message.retain:
                alone.append(message)
            else:
                gathered.setdefault(message.topic, []).append(message)
        arrays = [
            Message(held[-1].time_ms, topic, b"[" + b",".join([m.payload for m in held]) + b"]")
            for topic, held in gathered.items()
        ]
        return sorted([*alone, *arrays], key=lambda message: (message.time_ms, message.topic))


def topic_of(device: Device) -> str:
    """Return the topic of a device."""
    return f"campus/{device.site}/{device.kind}/{device.id}"


def _order(row: tuple[int, int, int, bytes, bool]) -> tuple[int, int, int]:
    return row[0], row[1], row[2]


def _bodies(part: Samples) -> Iterator[bytes]:
    columns = [_column(metric, part.values[:, index].tolist()) for index, metric in enumerate(part.metrics)]
    if part.labels:
        columns.append([_labelled(label) for label in part.labels])
    return (",".join(fields).encode() for fields in zip(*columns, strict=True))


def _column(metric: str, values: list[float]) -> list[str]:
    name = f'"{metric}":'
    if metric in BOOLS:
        return [name + ("null" if v != v else "true" if v else "false") for v in values]  # noqa: PLR0124 - NaN
    if metric in COUNTS:
        return [name + ("null" if v != v else str(int(v))) for v in values]  # noqa: PLR0124 - NaN
    return [name + ("null" if v != v else repr(v)) for v in values]  # noqa: PLR0124 - NaN


def _labelled(label: Mapping[str, Any]) -> str:
    return json.dumps(label, separators=(",", ":"), ensure_ascii=False)[1:-1]
