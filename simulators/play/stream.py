"""Stream of messages: numbered by device, then delayed, lost or duplicated by the faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulators.campus.fleet import Samples
from simulators.faults import Outage, Reboot
from simulators.play.world import World


class Stream:
    """A world in order of sending, drained span by span from `begin_ms` on without a gap.

    A delayed message waits here for the span of its sending. Any split of time gives the same messages. `pending` is
    the number of waiting messages.
    """

    def __init__(self, world: World, *, begin_ms: int | None = None) -> None:
        self.world = world
        self.at_ms = world.span_ms[0] if begin_ms is None else begin_ms
        self._next_seq = np.ones(len(world.fleet.devices), np.int64)
        self._waiting: list[Samples] = []

    @property
    def pending(self) -> int:
        """Number of measured, unsent messages."""
        return sum(len(part) for part in self._waiting)

    @property
    def end_ms(self) -> int:
        """Time of sending of the last known message, at least the world's end."""
        latest = max((int(part.due_ms.max()) for part in self._waiting), default=0)
        return max(self.world.span_ms[1], latest + 1)

    def advance(self, end_ms: int) -> list[Samples]:
        """Return the messages sent from the end of the last span until `end_ms`, unordered."""
        span_ms = self.at_ms, end_ms
        measured = self.world.frames((span_ms[0], min(end_ms, max(span_ms[0], self.world.span_ms[1]))))
        parts = self._waiting + self._carried(self._numbered(measured, span_ms))
        self.at_ms = end_ms
        if not self.world.faults:
            return parts
        for fault in self.world.faults:
            if isinstance(fault, Outage) and span_ms[0] <= fault.span_ms[1] < end_ms:
                parts = _returned(fault, parts)
        due = [part.due_ms < end_ms for part in parts]
        self._waiting = [part.keep(~now) for part, now in zip(parts, due, strict=True) if not now.all()]
        return [part.keep(now) for part, now in zip(parts, due, strict=True) if now.any()]

    def _carried(self, parts: list[Samples]) -> list[Samples]:
        for fault in self.world.faults:
            begin, end = fault.span_ms
            if begin < self.world.span_ms[1] and end > self.at_ms:
                parts = [fault.carry(part) for part in parts]
        return [part for part in parts if len(part)]

    def _numbered(self, parts: list[Samples], span_ms: tuple[int, int]) -> list[Samples]:
        """Return the messages with sequence numbers, which restart with the device."""
        if not parts:
            return []
        device = np.concatenate([part.device for part in parts])
        time_ms = np.concatenate([part.time_ms for part in parts])
        seq = _counted(device, time_ms, self._next_seq)
        for fault in self.world.faults:
            begin, _ = fault.span_ms
            if isinstance(fault, Reboot) and span_ms[0] <= begin < span_ms[1]:
                self._restart(fault, device, time_ms, seq)
        found, at = [], 0
        for part in parts:
            found.append(replace(part, seq=seq[at : at + len(part)], sent_ms=part.time_ms))
            at += len(part)
        return found

    def _restart(
        self, fault: Reboot, device: NDArray[np.int32], time_ms: NDArray[np.int64], seq: NDArray[np.int64]
    ) -> None:
        """Restart the sequence numbers after a device restart at 1."""
        for member in fault.reach.members.tolist():
            mine = device == member
            first = self._next_seq[member] - int((mine & (time_ms >= fault.span_ms[0])).sum())
            seq[mine & (time_ms >= fault.span_ms[0])] -= first - 1
            self._next_seq[member] -= first - 1


def _counted(device: NDArray[np.int32], time_ms: NDArray[np.int64], next_seq: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sequence number of each message; advance `next_seq` (by device)."""
    order = np.lexsort((time_ms, device))
    sorted_device = device[order]
    new = np.flatnonzero(np.diff(sorted_device, prepend=-1))
    count = np.diff(np.append(new, len(order)))
    rank = np.arange(len(order)) - np.repeat(new, count)
    seq = np.empty(len(order), np.int64)
    seq[order] = next_seq[sorted_device] + rank
    next_seq[sorted_device[new]] += count
    return seq


def _returned(fault: Outage, parts: list[Samples]) -> list[Samples]:
    """Return the delayed messages of this gateway, sent consecutively after its return."""
    held = [(part.due_ms == fault.span_ms[1]) & np.isin(part.device, fault.reach.members) for part in parts]
    device = np.concatenate([part.device[mark] for part, mark in zip(parts, held, strict=True)] or [np.zeros(0)])
    time_ms = np.concatenate([part.time_ms[mark] for part, mark in zip(parts, held, strict=True)] or [np.zeros(0)])
    sent_ms, at, found = fault.paced(device, time_ms), 0, []
    for part, mark in zip(parts, held, strict=True):
        due_ms = part.due_ms.copy()
        count = int(mark.sum())
        due_ms[mark] = sent_ms[at : at + count]
        at += count
        found.append(replace(part, sent_ms=due_ms))
    return found
