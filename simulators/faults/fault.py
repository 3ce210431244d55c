"""Contract of faults: a fault changes the transport or the values of messages and labels its truth."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Protocol

import numpy as np
from annotated_types import Interval, Unit, doc
from numpy.typing import NDArray

from simulators.campus.effect import Happening
from simulators.campus.fleet import Fleet, Samples
from simulators.campus.noise import Floats, Words, uniform
from simulators.truth.truth import Truth

NAMED_MAX = 1_000
"""Devices that a truth interval names, at most; a fault of a whole city names the first of them."""


class Fault(Protocol):
    """One planned fault: a pure function of each row, for any split of time into chunks.

    Every implementation holds these rules: `carry` leaves rows of other devices and times unchanged, never sends a
    message before its measurement, and may drop or copy rows.
    """

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span in which it acts (true time)."""
        ...

    def carry(self, part: Samples) -> Samples:
        """Return the rows as transported."""
        ...

    def truths(self) -> Sequence[Truth]:
        """Return its labelled truths."""
        ...


@dataclass(frozen=True, slots=True)
class FaultSettings(Happening):
    """Settings that every fault of a scenario file accepts."""

    duration_s: Annotated[
        float, Interval(ge=0, le=400 * 86_400), Unit("s"), doc("duration; 0: to the scenario's end")
    ] = 0.0
    model: Annotated[str, doc("only devices of this model; empty: all")] = ""


@dataclass(frozen=True)
class Reach:
    """Devices and time of a fault, with its random key; `look` returns the signals of a span without the fault."""

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
        """Return the mask of affected rows, by device and time."""
        begin, end = self.span_ms
        found: NDArray[np.bool_] = self._concerned[part.device] & (part.due_ms >= begin) & (part.due_ms < end)
        return found

    def keys(self, part: Samples) -> Words:
        """Return a random key for each row's device."""
        return self.fleet.keys[part.device] ^ np.uint64(self.key)

    def luck(self, part: Samples, *, stream: int) -> Floats:
        """Return a random number in (0, 1) for each message."""
        make = zlib.crc32(",".join(part.metrics).encode())
        return uniform(self.keys(part) ^ np.uint64(make), part.due_ms, stream=stream)

    def truth(self, kind: str, *, level: int = 0) -> Truth:
        """Return an interval over the fault's time and devices that must cause no page."""
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
    """Base of planned faults: the fault with its reach."""

    reach: Reach

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span in which it acts."""
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
    """Return the reach of these settings; None when no device fits."""
    models = sorted({device.model for device in fleet.drawn} if not settings.model else {settings.model})
    found = [
        index
        for model in models
        for index in fleet.find(model, zone_key=settings.zone, site=settings.site, device=settings.device)
    ]
    members = np.array(sorted(found), np.int32)
    return Reach(fleet, span_ms, key, scenario, members, look) if len(members) else None
