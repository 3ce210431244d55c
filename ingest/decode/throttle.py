"""Throttle for steady metrics that a device repeats in each message: one reading an hour or a change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from .contract import Reading

FLAGS = frozenset(("tamper", "battery_low", "fault", "end_of_life"))
_DEVICES_MAX = 100_000
_STEADY_NS = 3_600 * 1_000_000_000


class Throttle:
    """Drops steady metrics of a device that were passed within the hour.

    A raised flag and its end pass immediately. Bounded to _DEVICES_MAX devices; the least recent is dropped first.
    """

    def __init__(self, steady: AbstractSet[str]) -> None:
        """steady: the metrics to throttle."""
        self._steady = steady
        self._due: OrderedDict[str, tuple[int, frozenset[str]]] = OrderedDict()

    def thin(self, device: str, readings: Sequence[Reading], now_ns: int) -> list[Reading]:
        """Return the readings to pass on now."""
        due_ns, raised_before = self._due.pop(device, (now_ns + _STEADY_NS, frozenset()))
        raised = frozenset(reading.metric for reading in readings if reading.metric in FLAGS and reading.value)
        full = now_ns >= due_ns
        self._due[device] = (now_ns + _STEADY_NS if full else due_ns, raised)
        if len(self._due) > _DEVICES_MAX:
            self._due.popitem(last=False)
        passed = raised | raised_before
        return [
            reading for reading in readings if full or reading.metric not in self._steady or reading.metric in passed
        ]
