"""Series of one place: for each series, the others of its place, bounded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.series.columns import Columns
from detectors.series.views import Fleet

MATES_MAX = 8
"""Other series of a place that count; further ones stay apart."""

Place = tuple[str, str]


class Places:
    """For each series of a table, the other series of its place; a sensor without a place is its own place."""

    def __init__(self) -> None:
        self._columns = Columns({"mates": (np.int32, MATES_MAX, -1)})
        self._place: list[Place] = []
        self._members: dict[Place, list[int]] = {}

    @property
    def mates(self) -> NDArray[np.int32]:
        """Other series of the place of each series, ascending; -1 for none."""
        return self._columns["mates"]

    def put(self, slot: int, fleet: Fleet, code: int) -> None:
        """Set the place of a series, new or changed. Slots come in ascending order at first."""
        sensor = fleet[code]
        place = (sensor.site, sensor.place)
        if slot < len(self._place):
            if self._place[slot] == place:
                return
            before = self._place[slot]
            self._place[slot] = place
            self._leave(before, slot)
        else:
            self._columns.grow(slot + 1)
            self._place.append(place)
        if place[1]:
            members = self._members.setdefault(place, [])
            members.append(slot)
            members.sort()
            self._fill(members)

    def _leave(self, place: Place, slot: int) -> None:
        members = self._members.get(place, [])
        if slot in members:
            members.remove(slot)
            self._fill(members)
        self.mates[slot] = -1

    def _fill(self, members: list[int]) -> None:
        """Set the mates of the first members of a place."""
        kept = members[: MATES_MAX + 1]
        for slot in members:
            others = [other for other in kept if other != slot][:MATES_MAX]
            self.mates[slot] = [*others, *(-1,) * (MATES_MAX - len(others))]
