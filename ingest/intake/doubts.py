"""Doubtful event times: device clocks shown to be right; life-safety readings with a time in doubt.

A reading with a doubt is stored with any time, and the detectors evaluate it at its arrival. Its attributes give
the reason (`doubt`) and the time that the device stated (`stated_ns`).

A clock is right once a message of its sensor arrives within LATE_NS of its time, corrected for the known offset. It is
in doubt again after an impossible time, after messages at live pace that stay behind, and after a step back over a
silence. An old time of a right clock is late data: the backfill after an outage. So is a time behind newer data.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ingest.devices.clocks import Clocks
from ingest.vocabulary import LIFE_SAFETY, METRICS

from .batch import OpenBatch
from .validate import AHEAD_NS

MEMORY = "_clock_right"
"""Owner name of the right clocks in the durable memory: the bits of CHUNK sensor codes a value."""

CHUNK = 4_096
LATE_NS = 600_000_000_000
"""Age of an old time; the recipe's `late_s` has the same default. Shorter silences hide no outage."""

_PAST, _FUTURE, _UNKNOWN = "time_past", "time_future", "clock_unknown"
_LIFE = np.zeros(max(metric.code for metric in METRICS) + 2, np.bool_)
_LIFE[[metric.code for metric in METRICS if metric.name in LIFE_SAFETY]] = True


class Doubts:
    """Clocks shown to be right, by catalogue code, with the last message of each. One thread owns it."""

    def __init__(self, kept: Iterable[tuple[str, bytes]] = ()) -> None:
        """kept: result of `drain_memory` before a restart."""
        self._right = np.zeros(CHUNK, np.bool_)
        self._time = np.zeros(CHUNK, np.int64)
        self._arrival = np.zeros(CHUNK, np.int64)  # 0: no message since the start
        self._changed: set[int] = set()
        for key, value in kept:
            if key.isdecimal() and len(value) == CHUNK // 8:
                begin = int(key) * CHUNK
                self._grow(begin + CHUNK)
                self._right[begin : begin + CHUNK] = np.unpackbits(np.frombuffer(value, np.uint8))

    def resolve(
        self, batch: OpenBatch, time_ns: NDArray[np.int64], timed: NDArray[np.bool_], clocks: Clocks, *, past_ns: int
    ) -> tuple[NDArray[np.int64], dict[int, str]]:
        """Return the times to store, and the doubtful items with their reasons; both are noted in the attributes.

        time_ns: corrected times of the items; timed: items with the device's present time.
        """
        sensor, arrival, _ = batch.item_columns()
        if not timed.any():
            return time_ns, {}
        self._grow(int(sensor.max()) + 1)
        odd = timed & ((time_ns < arrival - LATE_NS) | (time_ns > arrival + AHEAD_NS))
        if not odd.any():
            self._accept(sensor[timed], time_ns[timed], arrival[timed])
            return time_ns, {}
        touched = np.zeros(len(self._right), np.bool_)
        touched[sensor[odd]] = True
        plain = timed & ~touched[sensor]
        self._accept(sensor[plain], time_ns[plain], arrival[plain])
        self._set(clocks.lagging(np.unique(sensor[odd]), LATE_NS), right=False)
        items = np.flatnonzero(timed & touched[sensor])
        reasons = self._reasons(items, sensor[items], time_ns[items], arrival[items], past_ns)
        return _noted(batch, time_ns, arrival, _with_life(batch, reasons))

    def drain_memory(self) -> dict[str, bytes | None]:
        """Return the changes to store since the last call."""
        changed, self._changed = self._changed, set()
        return {
            str(chunk): np.packbits(self._right[chunk * CHUNK : (chunk + 1) * CHUNK]).tobytes()
            for chunk in sorted(changed)
        }

    def _reasons(
        self,
        items: NDArray[np.intp],
        sensor: NDArray[np.int32],
        time_ns: NDArray[np.int64],
        arrival: NDArray[np.int64],
        past_ns: int,
    ) -> dict[int, str]:
        """Return the reasons of one item or more; adjacent old times of one sensor and arrival share one."""
        old = (time_ns < arrival - LATE_NS) & (time_ns >= arrival - past_ns)
        same = (sensor[1:] == sensor[:-1]) & (arrival[1:] == arrival[:-1]) & old[1:] & old[:-1]
        begins = np.flatnonzero(np.concatenate([[True], ~same]))
        reasons: dict[int, str] = {}
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(items)], strict=True):
            reason = self._reason(int(sensor[begin]), int(time_ns[begin]), int(arrival[begin]), past_ns)
            if end - begin > 1:
                self._time[sensor[begin]] = time_ns[end - 1]
            if reason:
                reasons.update(dict.fromkeys(items[begin:end].tolist(), reason))
        return reasons

    def _reason(self, sensor: int, time_ns: int, arrival_ns: int, past_ns: int) -> str:
        """Return the reason to doubt the time of one message, or ""; update the state of its clock."""
        late_ns = arrival_ns - time_ns
        before_ns, silence_ns = int(self._time[sensor]), arrival_ns - int(self._arrival[sensor])
        stepped = LATE_NS < silence_ns < arrival_ns and time_ns < before_ns - LATE_NS
        if late_ns > past_ns or late_ns < -AHEAD_NS:
            self._set(np.array([sensor]), right=False)
            return _FUTURE if late_ns < 0 else _PAST
        self._time[sensor], self._arrival[sensor] = time_ns, arrival_ns
        if late_ns <= LATE_NS:
            self._set(np.array([sensor]), right=True)
        elif stepped:
            self._set(np.array([sensor]), right=False)
        return "" if self._right[sensor] else _UNKNOWN

    def _accept(self, sensor: NDArray[np.int32], time_ns: NDArray[np.int64], arrival_ns: NDArray[np.int64]) -> None:
        """Note messages that arrived close to their times."""
        self._time[sensor], self._arrival[sensor] = time_ns, arrival_ns
        if not self._right[sensor].all():
            self._set(sensor, right=True)

    def _set(self, sensor: NDArray[np.intp] | NDArray[np.int32], *, right: bool) -> None:
        moved = sensor[self._right[sensor] != right]
        if len(moved):
            self._right[moved] = right
            self._changed.update(np.unique(moved // CHUNK).tolist())

    def _grow(self, size: int) -> None:
        if size > len(self._right):
            more = -(-max(size, 2 * len(self._right)) // CHUNK) * CHUNK - len(self._right)
            self._right = np.concatenate([self._right, np.zeros(more, np.bool_)])
            self._time = np.concatenate([self._time, np.zeros(more, np.int64)])
            self._arrival = np.concatenate([self._arrival, np.zeros(more, np.int64)])


def _with_life(batch: OpenBatch, reasons: dict[int, str]) -> dict[int, str]:
    """Return the items of messages with a life-safety reading: such a message is never refused or delayed."""
    if not reasons:
        return {}
    rows = np.frombuffer(batch.rows, np.int32)
    metric = np.frombuffer(batch.metric, np.int16)
    life = np.logical_or.reduceat(_LIFE[np.minimum(metric, len(_LIFE) - 1)], np.cumsum(rows) - rows)
    vital = {id(batch.origin[item]) for item in reasons if life[item]}
    return {item: reason for item, reason in reasons.items() if id(batch.origin[item]) in vital}


def _noted(
    batch: OpenBatch, time_ns: NDArray[np.int64], arrival: NDArray[np.int64], reasons: dict[int, str]
) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Write the reasons into the attributes of the rows; an impossible time becomes the arrival time."""
    if not reasons:
        return time_ns, reasons
    rows = np.frombuffer(batch.rows, np.int32)
    begin = np.cumsum(rows) - rows
    stored = time_ns.copy()
    for item, reason in reasons.items():
        noted = {"doubt": reason, "stated_ns": batch.time_ns[item]}
        for row in range(begin[item], begin[item] + rows[item]):
            batch.attributes[row] = {**batch.attributes.get(row, {}), **noted}
        if reason != _UNKNOWN:
            stored[item] = arrival[item]
    return stored, reasons
