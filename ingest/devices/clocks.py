"""Clock offset and drift per device, estimated from its messages and subtracted from its times.

The difference of arrival time and device time is the clock error plus the delay. A delay is never negative, and live
messages arrive at the pace of their device times. Over a run of messages with equal steps on both clocks, the smallest
difference is therefore the clock error plus the shortest delay. The backfill of a buffer does not have this pace and is
not a slow clock. A common error of most devices is the error of the service's own clock.

bound: spread of the delays of the run, plus RESOLUTION_NS for the shortest delay and the resolution of the times.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

MEMORY = "_clock"
"""Owner name of clocks in the durable memory."""

PACE_NS = 2_000_000_000
"""Tolerance of equal steps on both clocks; a larger spread of the differences ends the run."""

AHEAD_NS = 1_000_000_000
BEHIND_NS = 5_000_000_000
"""Smallest corrected errors. A clock ahead has one cause; a clock behind may also be a slow transmission."""

RESOLUTION_NS = 1_000_000_000
RUN_LIVE, RUN, RUN_BEHIND = 3, 4, 12
RUN_SPAN_NS = 20_000_000_000
NO_BACKLOG_NS = 366 * 86_400_000_000_000
"""No buffer holds messages for so long: an older time is a clock that was reset."""

CONSENSUS = 8
"""Number of devices needed to assume an error of the service's own clock."""

_GENERATION = 32
_LARGE = 100_000
_STEP_BACK_NS = 10_000_000_000
_STORE_STEP_NS = 500_000_000
_DRIFT_AFTER_NS = 1_800_000_000_000
_CONSENSUS_EVERY_NS = 1_000_000_000
_FAR = np.iinfo(np.int64).max
_COLUMNS = (
    "time",
    "arrival",
    "begun",
    "low",
    "high",
    "old_low",
    "old_high",
    "error",
    "bound",
    "anchor",
    "anchored",
    "stored",
)


class Clock(NamedTuple):
    """Estimated clock of a device.

    offset_ns: added to its times, negative while it is ahead; bound_ns: bound on the error left; drift_ppm: gain in
    seconds per million seconds, 0 while unknown; since_ns: arrival of the message behind the estimate.
    """

    offset_ns: int
    bound_ns: int
    drift_ppm: float
    since_ns: int


class Clocks:
    """Clocks of all sensors, by catalogue code. One thread owns it."""

    def __init__(self, kept: Iterable[tuple[str, bytes]] = ()) -> None:
        """kept: result of `drain_memory` before a restart."""
        self._table = np.zeros((0, len(_COLUMNS)), np.int64)
        self._state = _columns(self._table)
        self._run = np.zeros(0, np.int32)
        self._offset = np.zeros(0, np.int64)
        self._consensus_ns = self._looked_ns = 0
        self._memory: dict[str, bytes | None] = {}
        for code, value in kept:
            self._recall(int(code), value)

    def offset_ns(self, sensor: int) -> int:
        """Return the correction of a sensor's times."""
        return int(self._offset[sensor]) if sensor < len(self._offset) else 0

    def bound_ns(self, sensor: int) -> int:
        """Return the error bound of a corrected time, with an error too small for a correction."""
        if sensor >= len(self._run):
            return 0
        left = int(self._state["error"][sensor]) - self._consensus_ns if not self._offset[sensor] else 0
        return int(self._state["bound"][sensor]) + abs(left)

    def lagging(self, sensor: NDArray[np.int32], late_ns: int) -> NDArray[np.int32]:
        """Return the sensors whose messages keep the pace of live ones and stay behind by more than `late_ns`.

        No buffer is sent at the pace of its measurements: such a clock is wrong, before the estimate is ready.
        """
        sensor = sensor[sensor < len(self._run)]
        own = _columns(self._table[sensor])
        live = (self._run[sensor] >= RUN_LIVE) & (own["arrival"] - own["begun"] >= RUN_SPAN_NS)
        return sensor[live & (np.minimum(own["low"], own["old_low"]) - self._consensus_ns > late_ns)]

    def correct(
        self,
        sensor: NDArray[np.int32],
        time_ns: NDArray[np.int64],
        arrival_ns: NDArray[np.int64],
        own: NDArray[np.bool_],
        *,
        also: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """Return the corrected times, shape (n,).

        own: rows with the device's present time; also: rows with the device's time that the estimate ignores.
        """
        moved = own if also is None else own | also
        if not moved.any():
            return time_ns
        self._grow(int(sensor.max()) + 1)
        if own.any():
            self._learn(*_newest(sensor[own], time_ns[own], arrival_ns[own]))
        offset = self._offset[sensor]
        return np.where(moved, time_ns + offset, time_ns) if offset.any() else time_ns

    def drain_memory(self) -> dict[str, bytes | None]:
        """Return the changes to store since the last call: code -> clock, None for a correct one."""
        memory, self._memory = self._memory, {}
        return memory

    def _learn(self, sensor: NDArray[np.int32], time_ns: NDArray[np.int64], arrival_ns: NDArray[np.int64]) -> None:
        """Update the estimate with one message of each of these sensors."""
        own = _columns(self._table[sensor])
        late = arrival_ns - time_ns
        step = (time_ns - own["time"]) - (arrival_ns - own["arrival"])
        low, high = np.minimum(own["low"], late), np.maximum(own["high"], late)
        goes_on = (
            (self._run[sensor] > 0) & (time_ns > own["time"]) & (np.abs(step) <= PACE_NS) & (high - low <= PACE_NS)
        )
        run = np.where(goes_on, self._run[sensor] + 1, 1)
        turn = goes_on & (run % _GENERATION == 0)
        own["begun"] = np.where(goes_on, own["begun"], arrival_ns)
        own["old_low"] = np.where(turn, low, np.where(goes_on, own["old_low"], _FAR))
        own["old_high"] = np.where(turn, high, np.where(goes_on, own["old_high"], -_FAR))
        own["low"] = np.where(goes_on & ~turn, low, late)
        own["high"] = np.where(goes_on & ~turn, high, late)
        own["time"], own["arrival"] = time_ns, arrival_ns
        error = np.minimum(own["low"], own["old_low"])
        spread = np.maximum(own["high"], own["old_high"]) - error
        span = arrival_ns - own["begun"]
        live = (run >= RUN_BEHIND) & (span >= RUN_SPAN_NS)  # varying delays do not keep a pace for so long by chance
        ready = live | ((run >= RUN) & ((error < 0) | (error > NO_BACKLOG_NS)))
        first = ready & ((own["anchored"] == 0) | (own["anchored"] < own["begun"]))
        own["anchor"] = np.where(first, error, own["anchor"])
        own["anchored"] = np.where(first, arrival_ns, own["anchored"])
        own["error"] = np.where(ready, error, own["error"])
        own["bound"] = np.where(ready, spread + RESOLUTION_NS, own["bound"])
        self._table[sensor] = np.stack([own[name] for name in _COLUMNS], axis=1)
        self._run[sensor] = run
        self._estimate_consensus(int(arrival_ns.max()))
        self._apply(sensor, late, ready)

    def _estimate_consensus(self, now_ns: int) -> None:
        """Estimate the error of the own clock as the common error of most devices, once a second."""
        if abs(now_ns - self._looked_ns) < _CONSENSUS_EVERY_NS:
            return
        self._looked_ns = now_ns
        known = self._state["error"][self._run >= RUN]
        middle = int(np.median(known)) if len(known) >= CONSENSUS else 0
        self._consensus_ns = middle if abs(middle) > _STEP_BACK_NS else 0

    def _apply(self, sensor: NDArray[np.int32], late: NDArray[np.int64], ready: NDArray[np.bool_]) -> None:
        """Set the new offsets and note those to store."""
        before = self._offset[sensor]
        error = self._state["error"][sensor] - self._consensus_ns
        wrong = (error < -AHEAD_NS) | (error > BEHIND_NS)
        reset = ~ready & (np.abs(late) <= _STEP_BACK_NS) & (np.abs(late - before) > _STEP_BACK_NS)
        offset = np.where(ready, np.where(wrong, error, 0), np.where(reset, 0, before))
        self._offset[sensor] = offset
        moved = (np.abs(offset - self._state["stored"][sensor]) > _STORE_STEP_NS) | ((offset == 0) & (before != 0))
        for row in np.flatnonzero(moved).tolist():
            code = int(sensor[row])
            self._state["stored"][code] = offset[row]
            self._memory[str(code)] = msgspec.msgpack.encode(self._clock(code)) if offset[row] else None

    def _clock(self, code: int) -> Clock:
        error, anchor, anchored, arrival = (
            int(self._state[name][code]) for name in ("error", "anchor", "anchored", "arrival")
        )
        elapsed = arrival - anchored
        drift = -1e6 * (error - anchor) / elapsed if elapsed >= _DRIFT_AFTER_NS else 0.0
        return Clock(int(self._offset[code]), self.bound_ns(code), round(drift, 1), arrival)

    def _recall(self, code: int, value: bytes) -> None:
        clock = read_clock(value)
        if clock is not None and code >= 0:
            self._grow(code + 1)
            self._offset[code] = self._state["stored"][code] = self._state["error"][code] = clock.offset_ns
            self._state["bound"][code] = clock.bound_ns

    def _grow(self, size: int) -> None:
        room = len(self._run)
        if size > room:
            more = max(size, 2 * room if room < _LARGE else room + room // 4) - room
            self._run = np.concatenate([self._run, np.zeros(more, np.int32)])
            self._offset = np.concatenate([self._offset, np.zeros(more, np.int64)])
            self._table = np.concatenate([self._table, np.zeros((more, len(_COLUMNS)), np.int64)])
            self._state = _columns(self._table)


def _columns(table: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return the columns of a table by name, as views. The values of one sensor share a cache line."""
    return {name: table[:, place] for place, name in enumerate(_COLUMNS)}


def _newest(
    sensor: NDArray[np.int32], time_ns: NDArray[np.int64], arrival_ns: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return the newest time of each sensor's latest arrival: sensors ascending, times, arrivals.

    Readings of one array are adjacent: only the newest of such a run is sorted with the others.
    """
    runs = np.flatnonzero(np.append(True, (sensor[1:] != sensor[:-1]) | (arrival_ns[1:] != arrival_ns[:-1])))
    sensor, time_ns, arrival_ns = sensor[runs], np.maximum.reduceat(time_ns, runs), arrival_ns[runs]
    order = np.lexsort((time_ns, arrival_ns, sensor))
    last = order[np.append(sensor[order][1:] != sensor[order][:-1], True)]
    return sensor[last], time_ns[last], arrival_ns[last]


def read_clock(value: bytes) -> Clock | None:
    """Return a stored clock; None when the bytes are no clock."""
    try:
        return msgspec.msgpack.decode(value, type=Clock)
    except msgspec.MsgspecError:
        return None
