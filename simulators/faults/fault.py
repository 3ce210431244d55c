"""What every fault looks like: it changes how messages travel, or what a broken device says, and knows its truth."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Protocol

import numpy as np
from annotated_types import Interval, Unit, doc
from numpy.typing import NDArray

from simulators.campus.fleet import Fleet, Samples
from simulators.campus.noise import Floats, Words, uniform
from simulators.models.effect import Happening
from simulators.truth.truth import Truth

NAMED_MAX = 1_000
"""Devices that a truth interval names; a fault of a whole city names the first of them."""


class Fault(Protocol):
    """One planned fault: a pure function of each row, however time is cut.

    Must hold for every implementation: `carry` leaves rows of other devices and times alone, never sends a
    message before it was measured, and may drop or copy rows.
    """

    @property
    def span_ms(self) -> tuple[int, int]:
        """From when to when it acts (true time)."""
        ...

    def carry(self, part: Samples) -> Samples:
        """The rows as they travel."""
        ...

    def truths(self) -> Sequence[Truth]:
        """What it labels."""
        ...


@dataclass(frozen=True, slots=True)
class FaultSettings(Happening):
    """What every fault in a scenario file may say."""

    duration_s: Annotated[
        float, Interval(ge=0, le=400 * 86_400), Unit("s"), doc("how long; 0: to the scenario's end")
    ] = 0.0
    model: Annotated[str, doc("only devices of this model; empty: all")] = ""


@dataclass(frozen=True)
class Reach:
    """Where and when a fault acts, with its random key; `look` gives the signals of a span as they would be without."""

    fleet: Fleet
    span_ms: tuple[int, int]
    key: int
    scenario: str
    members: NDArray[np.int32]
    look: Callable[[tuple[int, int]], list[Samples]]

    @cached_property
    def _concerned(self) -> NDArray[np.bool_]:
        marks = np.zeros(len(self.fleet.devices), np.bool_)
        marks[self.members] = True
        return marks

    def rows(self, part: Samples) -> NDArray[np.bool_]:
        """Rows of the devices and the time concerned."""
        begin, end = self.span_ms
        found: NDArray[np.bool_] = self._concerned[part.device] & (part.due_ms >= begin) & (part.due_ms < end)
        return found

    def keys(self, part: Samples) -> Words:
        """A key for each row's device."""
        return self.fleet.keys[part.device] ^ np.uint64(self.key)

    def luck(self, part: Samples, *, stream: int) -> Floats:
        """A number in (0, 1) of each message."""
        make = zlib.crc32(",".join(part.metrics).encode())
        return uniform(self.keys(part) ^ np.uint64(make), part.due_ms, stream=stream)

    def truth(self, kind: str, *, level: int = 0) -> Truth:
        """An interval over the fault's time and devices that must page nobody."""
        begin, end = self.span_ms
        devices = [self.fleet.devices[index] for index in self.members[:NAMED_MAX].tolist()]
        names = tuple(device.id for device in devices)
        zones = {device.zone for device in devices}
        return Truth(
            self.scenario, kind, devices[0].site, zones.pop() if len(zones) == 1 else "",
            begin, begin, None, end, level,
            must_page=False, must_not_page=True, devices=names, affected_devices=names,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault with where and when it acts: what every planned fault has."""

    reach: Reach

    @property
    def span_ms(self) -> tuple[int, int]:
        """From when to when it acts."""
        return self.reach.span_ms


def reach(
    settings: FaultSettings,
    fleet: Fleet,
    span_ms: tuple[int, int],
    *,
    key: int,
    scenario: str,
    look: Callable[[tuple[int, int]], list[Samples]],
) -> Reach | None:
    """Where these settings act; None when no device fits."""
    models = sorted({device.model for device in fleet.drawn} if not settings.model else {settings.model})
    found = [
        index
        for model in models
        for index in fleet.find(model, zone_key=settings.zone, site=settings.site, device=settings.device)
    ]
    members = np.array(sorted(found), np.int32)
    return Reach(fleet, span_ms, key, scenario, members, look) if len(members) else None
