"""What every happening looks like: it changes messages, adds messages, and knows the truth about itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.fleet import Fleet, Samples
from simulators.campus.noise import key_of, uniform
from simulators.truth.truth import Truth


class Effect(Protocol):
    """One happening, planned: pure functions of time.

    Must hold for every implementation: outside `span_ms` it changes and adds nothing; the same chunk gives the same
    messages however time is cut.
    """

    @property
    def span_ms(self) -> tuple[int, int]:
        """From when to when it acts."""
        ...

    def alter(self, part: Samples) -> Samples:
        """The messages as they are while it acts."""
        ...

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Messages that exist only because of it, in [begin, end)."""
        ...

    def truths(self) -> Sequence[Truth]:
        """What it labels."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Where and when a happening is put: the fleet, its begin (ms UTC), its random key, the scenario's id."""

    fleet: Fleet
    at_ms: int
    key: int
    scenario: str

    def draw(self, low: float, high: float, *, stream: int) -> float:
        """A number between low and high that belongs to this happening."""
        share = uniform(np.array([self.key], np.uint64), np.zeros(1, np.int64), stream=stream)[0]
        return float(low + (high - low) * share)

    def pick(self, candidates: Sequence[int], *, stream: int = 0) -> int:
        """One of the candidates."""
        return candidates[min(int(self.draw(0, len(candidates), stream=stream)), len(candidates) - 1)]

    def key_for(self, name: str) -> int:
        """A further key."""
        return key_of(self.key & 0xFFFFFFFF, name)


@dataclass(frozen=True, slots=True)
class Happening:
    """What every effect in a scenario file may say."""

    at_s: Annotated[float, Interval(ge=-86_400, le=400 * 86_400), Unit("s"), doc("begin after the start")] = 0.0
    zone: Annotated[str, doc("key of the zones in which the place is chosen")] = ""
    device: Annotated[str, doc("id of the device; empty: chosen by the seed")] = ""
    site: Annotated[str, doc("id of the school; empty: any")] = ""
    repeat_s: Annotated[float, Interval(ge=0, le=400 * 86_400), Unit("s"), doc("again after this time; 0: once")] = 0.0

    drill: Annotated[bool, doc("typed as a drill: its messages say that they are a test")] = False

    def candidates(self, fleet: Fleet, model: str) -> list[int]:
        """Devices of a model that this happening may take; empty when the fleet has none."""
        return fleet.find(model, zone_key=self.zone, site=self.site, device=self.device)
