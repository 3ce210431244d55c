"""Split of samples into single messages, in order of sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any, NamedTuple

from simulators.campus.fleet import Samples

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """One message of one device: time of sending, device time (ms UTC), values (NaN: none) and texts."""

    due_ms: int
    device: int
    time_ms: int
    values: Mapping[str, float]
    labels: Mapping[str, Any]
    retain: bool

    @property
    def measured(self) -> dict[str, float]:
        """Return the values that are measurements."""
        return {metric: value for metric, value in self.values.items() if not isnan(value)}

    @property
    def is_test(self) -> bool:
        """Whether the message is a self-test or a drill."""
        return self.values.get("test", 0.0) == 1.0


def in_order(parts: Sequence[Samples]) -> list[Row]:
    """Return every row by time of sending, device, device time and metrics: independent of the split of time."""
    rows = [row for part in parts for row in _rows(part)]
    rows.sort(key=lambda row: (row.due_ms, row.device, row.time_ms, tuple(row.values)))
    return rows


def iso(time_ms: int, *, digits: int = 3) -> str:
    """Return `2026-11-02T14:00:00.123` in UTC; digits 0 to 3, no zone."""
    text = (_EPOCH + timedelta(milliseconds=time_ms)).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return text[: 20 + digits] if digits else text[:19]


def _rows(part: Samples) -> list[Row]:
    retain = [False] * len(part) if part.retain is None else part.retain.tolist()
    labels = part.labels or [{}] * len(part)
    stamps = (part.due_ms.tolist(), part.device.tolist(), part.time_ms.tolist(), part.values.tolist())
    return [
        Row(due_ms, device, time_ms, dict(zip(part.metrics, values, strict=True)), texts, kept)
        for due_ms, device, time_ms, values, texts, kept in zip(*stamps, labels, retain, strict=True)
    ]
