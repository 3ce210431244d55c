"""The native format: `campus/{site}/{kind}/{sensor}`, one JSON object a message, or an array of them.

`time` is epoch milliseconds; booleans are JSON booleans; a missing measurement is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulators.fleet import Device, Fleet, Frames

BOOLS = frozenset(
    (
        *("smoke", "test", "open", "access_granted", "access_denied", "forced", "occupancy", "leak"),
        *("object_present", "motion", "review", "blind", "battery_low", "tamper", "fault", "online", "isolated"),
    )
)
"""Metrics that are true or false on the wire."""

COUNTS = frozenset(("people_in", "people_out", "people_in_total", "people_out_total", "open_count", "object_count"))

Row = tuple[int, str, bytes]


def native(fleet: Fleet, parts: Sequence[Frames]) -> list[Row]:
    """(time_ms, topic, payload) of every message, in order of time."""
    topics = [topic_of(device) for device in fleet.devices]
    rows = [
        (time_ms, topics[device], b'{"time":%d,%s}' % (time_ms, body))
        for part in parts
        for device, time_ms, body in zip(part.device.tolist(), part.time_ms.tolist(), _bodies(part), strict=True)
    ]
    rows.sort(key=lambda row: (row[0], row[1]))
    return rows


def batched(fleet: Fleet, parts: Sequence[Frames]) -> list[Row]:
    """As `native`, but the messages of one device in this stretch travel as one array, sent with the last of them."""
    gathered: dict[str, list[tuple[int, bytes]]] = {}
    for time_ms, topic, payload in native(fleet, parts):
        gathered.setdefault(topic, []).append((time_ms, payload))
    rows = [(held[-1][0], topic, b"[" + b",".join(p for _, p in held) + b"]") for topic, held in gathered.items()]
    rows.sort(key=lambda row: (row[0], row[1]))
    return rows


def topic_of(device: Device) -> str:
    """Where a device publishes."""
    return f"campus/{device.site}/{device.kind}/{device.id}"


def _bodies(part: Frames) -> Iterator[bytes]:
    if part.labels:
        return (_labelled(label) for label in part.labels)
    columns = [_column(metric, part.values[:, index].tolist()) for index, metric in enumerate(part.metrics)]
    return (",".join(fields).encode() for fields in zip(*columns, strict=True))


def _column(metric: str, values: list[float]) -> list[str]:
    name = f'"{metric}":'
    if metric in BOOLS:
        return [name + ("null" if v != v else "true" if v else "false") for v in values]  # noqa: PLR0124 - NaN
    if metric in COUNTS:
        return [name + ("null" if v != v else str(int(v))) for v in values]  # noqa: PLR0124 - NaN
    return [name + ("null" if v != v else repr(v)) for v in values]  # noqa: PLR0124 - NaN


def _labelled(label: Mapping[str, Any]) -> bytes:
    return json.dumps(label, separators=(",", ":"), ensure_ascii=False).encode()[1:-1]
