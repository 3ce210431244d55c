"""Plan of the campus for fusion: zone, floor, stair and position of each place, and its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import dist
from typing import NamedTuple

NEXT_M = 15.0
"""Distance of two rooms on one floor that are next to each other: rooms are 6 to 10 m wide (D)."""
STACKED_M = 6.0
"""Horizontal distance of two rooms of which one is above the other (D)."""
NEIGHBOURS_MAX = 12
SAME, NEXT, ABOVE, ZONE = "same", "next", "above", "zone"
"""Relations of a place to another one."""


class Spot(NamedTuple):
    """Zone, floor, stair and position (m) of a place."""

    zone: str
    floor: int = 1
    stair: str = ""
    xy: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """Spots of the places by (site, place); empty without a campus file."""

    spots: Mapping[tuple[str, str], Spot] = field(default_factory=dict)

    def zone(self, site: str, place: str) -> str:
        """Return the zone of a place, or the place itself without one."""
        spot = self.spots.get((site, place))
        return spot.zone if spot else place

    def inputs(self) -> tuple[object, ...]:
        """Return every spot in a fixed order, for digests."""
        return tuple(sorted(self.spots.items()))

    def metres(self, site: str, place: str, other: str) -> float | None:
        """Return the distance of two places on the straight line; None if the plan lacks one of them."""
        here, there = self.spots.get((site, place)), self.spots.get((site, other))
        return None if here is None or there is None else dist(here.xy, there.xy)

    def neighbours(self, site: str, place: str) -> dict[str, str]:
        """Return the relation of each neighbouring place of the same zone, itself included, nearest first.

        >>> plan = Plan({("s", "a"): Spot("z", 1, "", (0, 0)), ("s", "b"): Spot("z", 2, "", (1, 0))})
        >>> plan.neighbours("s", "a")
        {'a': 'same', 'b': 'above'}
        """
        own = self.spots.get((site, place))
        found = {place: SAME}
        if own is None:
            return found
        near = sorted(
            (dist(own.xy, spot.xy), other, spot)
            for (where, other), spot in self.spots.items()
            if where == site and other != place and spot.zone == own.zone
        )
        for metres, other, spot in near[:NEIGHBOURS_MAX]:
            found[other] = _relation(own, spot, metres)
        return found


def _relation(own: Spot, other: Spot, metres: float) -> str:
    if own.floor == other.floor and metres <= NEXT_M:
        return NEXT
    if abs(own.floor - other.floor) == 1 and metres <= STACKED_M:
        return ABOVE
    return ZONE
