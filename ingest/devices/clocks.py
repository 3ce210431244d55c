"""How far each device's clock is off, learned from its own messages, and taken off the times that it tells.

A message tells its device's time; it arrives at ours. Their difference is the clock's error and the delay together. A
delay is never negative and live messages come at the pace at which they were made, so that over a run of messages whose
steps are alike on both clocks the least difference is the error, but for the shortest delay. A store that is emptied
does not keep the pace, and is not taken for a slow clock. When most devices are off by the same, it is our own clock.

bound: the spread of the delays of the run, and RESOLUTION_NS for the shortest of them and the grain of the stamps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

MEMORY = "_clock"
"""The name under which clocks are kept beside what formats remember."""

PACE_NS = 2_000_000_000
"""Steps on both clocks are alike within this; a run whose differences spread wider is over."""

AHEAD_NS = 1_000_000_000
BEHIND_NS = 5_000_000_000
"""Errors that are taken off: a clock ahead can be nothing else, one behind could be a slow way."""

RESOLUTION_NS = 1_000_000_000
RUN, RUN_BEHIND = 4, 12
RUN_SPAN_NS = 20_000_000_000
NO_BACKLOG_NS = 366 * 86_400_000_000_000
"""Nothing is stored for so long: an older time is a clock that began anew."""

CONSENSUS = 8
"""Devices that it takes to doubt our own clock."""

_GENERATION = 32
_LARGE = 100_000
_MENDED_NS = 10_000_000_000
_TELL_NS = 500_000_000
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
    "told",
)


class Clock(NamedTuple):
    """What is known of a device's clock.

    offset_ns: added to its times, negative while it is ahead; bound_ns: how far off they may be then; drift_ppm:
    what it gains, in seconds a million seconds, 0 while unknown; since_ns: arrival of the message that taught it.
    """

    offset_ns: int
    bound_ns: int
    drift_ppm: float
    since_ns: int


class Clocks:
    """The clocks of all sensors, by catalogue code. One thread owns it."""

    def __init__(self, kept: Iterable[tuple[str, bytes]] = ()) -> None:
        """kept: what `drain_memory` gave before a restart."""
        self._table = np.zeros((0, len(_COLUMNS)), np.int64)
        self._state = _columns(self._table)
        self._run = np.zeros(0, np.int32)
        self._offset = np.zeros(0, np.int64)
        self._consensus_ns = self._looked_ns = 0
        self._memory: dict[str, bytes | None] = {}
        for code, value in kept:
            self._recall(int(code), value)

    def offset_ns(self, sensor: int) -> int:
        """What is added to the times of a sensor."""
        return int(self._offset[sensor]) if sensor < len(self._offset) else 0

    def bound_ns(self, sensor: int) -> int:
        """How far off a corrected time may be; an error too small to be taken off is part of it."""
        if sensor >= len(self._run):
            return 0
        left = int(self._state["error"][sensor]) - self._consensus_ns if not self._offset[sensor] else 0
        return int(self._state["bound"][sensor]) + abs(left)

    def correct(
        self,
        sensor: NDArray[np.int32],
        time_ns: NDArray[np.int64],
        arrival_ns: NDArray[np.int64],
        own: NDArray[np.bool_],
        *,
        also: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int64]:
        """The times as they are to be stored, shape (n,).

        own: whose time is the device's and of now; also: whose time is the device's, but teaches nothing.
        """
        moved = own if also is None else own | also
        if not moved.any():
            return time_ns
        self._grow(int(sensor.max()) + 1)
        if own.any():
            self._follow(*_newest(sensor[own], time_ns[own], arrival_ns[own]))
        offset = self._offset[sensor]
        return np.where(moved, time_ns + offset, time_ns) if offset.any() else time_ns

    def drain_memory(self) -> dict[str, bytes | None]:
        """What changed and has to be known after a restart: code -> clock, None for one that is right again."""
        memory, self._memory = self._memory, {}
        return memory

    def _follow(self, sensor: NDArray[np.int32], time_ns: NDArray[np.int64], arrival_ns: NDArray[np.int64]) -> None:
        """One message of each of these sensors."""
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
        live = (run >= RUN_BEHIND) & (
            span >= RUN_SPAN_NS
        )  # delays that differ do not keep a pace for so long by chance
        ready = live | ((run >= RUN) & ((error < 0) | (error > NO_BACKLOG_NS)))
        first = ready & ((own["anchored"] == 0) | (own["anchored"] < own["begun"]))
        own["anchor"] = np.where(first, error, own["anchor"])
        own["anchored"] = np.where(first, arrival_ns, own["anchored"])
        own["error"] = np.where(ready, error, own["error"])
        own["bound"] = np.where(ready, spread + RESOLUTION_NS, own["bound"])
        self._table[sensor] = np.stack([own[name] for name in _COLUMNS], axis=1)
        self._run[sensor] = run
        self._agree(int(arrival_ns.max()))
        self._apply(sensor, late, ready)

    def _agree(self, now_ns: int) -> None:
        """What most devices are off by is the error of our own clock; looked at once a second."""
        if abs(now_ns - self._looked_ns) < _CONSENSUS_EVERY_NS:
            return
        self._looked_ns = now_ns
        known = self._state["error"][self._run >= RUN]
        middle = int(np.median(known)) if len(known) >= CONSENSUS else 0
        self._consensus_ns = middle if abs(middle) > _MENDED_NS else 0

    def _apply(self, sensor: NDArray[np.int32], late: NDArray[np.int64], ready: NDArray[np.bool_]) -> None:
        """New offsets, and word of those that moved."""
        before = self._offset[sensor]
        error = self._state["error"][sensor] - self._consensus_ns
        wrong = (error < -AHEAD_NS) | (error > BEHIND_NS)
        mended = ~ready & (np.abs(late) <= _MENDED_NS) & (np.abs(late - before) > _MENDED_NS)
        offset = np.where(ready, np.where(wrong, error, 0), np.where(mended, 0, before))
        self._offset[sensor] = offset
        moved = (np.abs(offset - self._state["told"][sensor]) > _TELL_NS) | ((offset == 0) & (before != 0))
        for row in np.flatnonzero(moved).tolist():
            code = int(sensor[row])
            self._state["told"][code] = offset[row]
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
            self._offset[code] = self._state["told"][code] = self._state["error"][code] = clock.offset_ns
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
    """The columns of a table by name, as views. A sensor's are side by side: one look into memory finds them all."""
    return {name: table[:, place] for place, name in enumerate(_COLUMNS)}


def _newest(
    sensor: NDArray[np.int32], time_ns: NDArray[np.int64], arrival_ns: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """The newest time of each sensor's latest arrival: sensors ascending, times, arrivals.

    Readings of one array stand together: of such a run only the newest is sorted with the others.
    """
    runs = np.flatnonzero(np.append(True, (sensor[1:] != sensor[:-1]) | (arrival_ns[1:] != arrival_ns[:-1])))
    sensor, time_ns, arrival_ns = sensor[runs], np.maximum.reduceat(time_ns, runs), arrival_ns[runs]
    order = np.lexsort((time_ns, arrival_ns, sensor))
    last = order[np.append(sensor[order][1:] != sensor[order][:-1], True)]
    return sensor[last], time_ns[last], arrival_ns[last]


def read_clock(value: bytes) -> Clock | None:
    """A clock as it was kept; None when the bytes are none."""
    try:
        return msgspec.msgpack.decode(value, type=Clock)
    except msgspec.MsgspecError:
        return None
