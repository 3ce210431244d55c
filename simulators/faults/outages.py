"""Outages of gateways with their children, restarts of devices, stale retained messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval, Unit, doc
from numpy.typing import NDArray

from simulators.campus.fleet import Samples
from simulators.faults.fault import FaultSettings, Planned
from simulators.truth.truth import Truth


@dataclass(frozen=True, slots=True)
class OutageSettings(FaultSettings):
    """A gateway is off; all its children are offline together."""

    on_return: Annotated[
        Literal["fifo", "lifo", "lost"], doc("messages of the gap: oldest first, newest first, or lost")
    ] = "fifo"
    burst_per_s: Annotated[float, Interval(gt=0, le=100_000), Unit("1/s"), doc("messages a second on return")] = 200.0


@dataclass(frozen=True, slots=True)
class RebootSettings(FaultSettings):
    """A device restarts: it is offline for `duration_s`, and its sequence numbers restart."""


@dataclass(frozen=True, slots=True)
class RetainedSettings(FaultSettings):
    """Stale retained messages: after a reconnect the broker delivers each device's last message, marked retained."""

    every_s: Annotated[float, Interval(ge=1, le=86_400), Unit("s"), doc("time between two reconnects")] = 600.0


@dataclass(frozen=True, slots=True)
class Outage(Planned):
    """A planned outage of a gateway."""

    settings: OutageSettings

    def carry(self, part: Samples) -> Samples:
        """Return the rows, delayed until the gateway's return, or without the lost ones."""
        rows = self.reach.rows(part)
        if self.settings.on_return == "lost":
            return part.keep(~rows)
        return replace(part, sent_ms=np.where(rows, self.span_ms[1], part.due_ms)) if rows.any() else part

    def paced(self, device: NDArray[np.int32], time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the send times of delayed messages: consecutive, at the burst's rate."""
        newest_first = self.settings.on_return == "lifo"
        order = np.lexsort((device, -time_ms if newest_first else time_ms))
        sent_ms = np.empty(len(device), np.int64)
        steps = np.arange(len(device)) * (1000 / self.settings.burst_per_s)
        sent_ms[order] = self.span_ms[1] + steps.astype(np.int64)
        return sent_ms

    def truths(self) -> Sequence[Truth]:
        """Return one interval over all children: one finding is correct, a page is wrong."""
        return [self.reach.truth("gateway_silent", level=1)]

    def amend(self, truth: Truth) -> Truth:
        """Return the truth with a later detectable time: an incident inside the gap is detectable after the return."""
        begin, end = self.span_ms
        hidden = set(self.reach.members.tolist())
        where = [self.reach.fleet.devices[index] for index in hidden]
        names = {device.id for device in where if device.site == truth.site}
        if not set(truth.devices) <= names or not begin <= truth.detectable_from_ms < end:
            return truth
        if truth.end_ms > end:
            return replace(truth, detectable_from_ms=end)
        return replace(truth, detectable_from_ms=end, must_page=False)


@dataclass(frozen=True, slots=True)
class Reboot(Planned):
    """A planned restart."""

    settings: RebootSettings

    def carry(self, part: Samples) -> Samples:
        """Return the rows without those during the restart."""
        return part.keep(~self.reach.rows(part))

    def truths(self) -> Sequence[Truth]:
        """Return one interval."""
        return [self.reach.truth("reboot")]


@dataclass(frozen=True, slots=True)
class Retained(Planned):
    """Planned stale retained messages."""

    settings: RetainedSettings

    def carry(self, part: Samples) -> Samples:
        """Return the rows, with a retained copy of each device's newest row at a reconnect."""
        begin, end = self.span_ms
        every = round(1000 * self.settings.every_s)
        next_ms = begin + ((part.due_ms - begin) // every + 1) * every
        drawn = np.array([round(1000 * device.period_s) for device in self.reach.fleet.drawn], np.int64)
        newest = part.due_ms + drawn[part.device % len(drawn)] > next_ms
        chosen = np.flatnonzero(self.reach.rows(part) & newest & (next_ms < end))
        if not len(chosen):
            return part
        both = part.select(np.concatenate((np.arange(len(part)), chosen)))
        sent_ms, retain = both.due_ms.copy(), np.zeros(len(both), np.bool_)
        sent_ms[len(part) :], retain[len(part) :] = next_ms[chosen], True
        if part.retain is not None:
            retain[: len(part)] = part.retain
        return replace(both, sent_ms=sent_ms, retain=retain)

    def truths(self) -> Sequence[Truth]:
        """Return one interval."""
        return [self.reach.truth("retained_ghosts")]
