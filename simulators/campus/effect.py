"""Contract of effects: an effect changes messages, adds messages and labels its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.fleet import Fleet, Samples
from simulators.campus.noise import uniform
from simulators.truth.truth import Truth


class Effect(Protocol):
    """One planned effect: pure functions of time.

    Every implementation holds these rules: outside `span_ms` it changes and adds nothing. Any split of time into chunks
    gives the same messages.
    """

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span in which it acts."""
        ...

    def alter(self, part: Samples) -> Samples:
        """Return the messages changed by the effect."""
        ...

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return the messages that it adds in [begin, end)."""
        ...

    def truths(self) -> Sequence[Truth]:
        """Return its labelled truths."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """Placement of an effect: the fleet, the begin (ms UTC), the random key, the scenario's id."""

    fleet: Fleet
    at_ms: int
    key: int
    scenario: str

    def draw(self, low: float, high: float, *, stream: int) -> float:
        """Return a number between low and high, derived from the random key."""
        share = uniform(np.array([self.key], np.uint64), np.zeros(1, np.int64), stream=stream)[0]
        return float(low + (high - low) * share)

    def pick(self, candidates: Sequence[int], *, stream: int = 0) -> int:
        """Return one of the candidates, chosen by the random key."""
        return candidates[min(int(self.draw(0, len(candidates), stream=stream)), len(candidates) - 1)]


@dataclass(frozen=True, slots=True)
class Happening:
    """Settings that every effect of a scenario file accepts."""

    at_s: Annotated[float, Interval(ge=-86_400, le=400 * 86_400), Unit("s"), doc("begin after the start")] = 0.0
    zone: Annotated[str, doc("key of the zones to choose the place from")] = ""
    device: Annotated[str, doc("id of the device; empty: chosen by the seed")] = ""
    site: Annotated[str, doc("id of the school; empty: any")] = ""
    repeat_s: Annotated[float, Interval(ge=0, le=400 * 86_400), Unit("s"), doc("repeated after this time; 0: once")] = (
        0.0
    )

    drill: Annotated[bool, doc("a drill: its messages are marked as a test")] = False

    def candidates(self, fleet: Fleet, model: str) -> list[int]:
        """Return the devices of a model that this effect may use; empty without any."""
        return fleet.find(model, zone_key=self.zone, site=self.site, device=self.device)
