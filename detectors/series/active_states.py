"""Sparse storage of rule states: only active states have a row.

Almost all states of a city are idle. An idle state takes 4 bytes instead of about 100, which bounds memory and the size
of snapshots.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import StateError
from detectors.kernels.emission import NONE
from detectors.recipes.kinds import STEPS

from .columns import Columns

_ROWS = {
    "active": (np.bool_, STEPS, False),
    "since": (np.int64, STEPS, NONE),
    "seen": (np.int64, STEPS, 0),
    "newest": (np.int64, STEPS, NONE),
    "below": (np.int64, STEPS, NONE),
    "first": (np.int64, 1, NONE),
}


class ActiveStates:
    """Row of each state by its index, -1 while the state is idle. Kernels allocate and release rows.

    A released row has the values of a new one. free: stack of the free rows; left: one element, the number of them.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._place = Columns({"place": (np.int32, 1, -1)})
        self._rows = Columns(_ROWS)
        self._free = np.empty(0, np.int32)
        self._left = np.zeros(1, np.int64)

    @property
    def none(self) -> bool:
        """True if every state is idle."""
        return self._left.item(0) == self._rows.size

    def reserve(self, states: int, more: int) -> None:
        """Make room for `states` states, of which `more` idle ones can become active."""
        self._place.grow(states)
        size, left = self._rows.size, int(self._left[0])
        if more > left:
            self._rows.grow(max(2 * size, size + more - left))
            fresh = np.arange(size, self._rows.size, dtype=np.int32)
            self._free = np.concatenate([self._free[:left], fresh, np.empty(size, np.int32)])
            self._left[0] += len(fresh)

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays of the kernel: places, free rows, their number, then the columns of the rows."""
        return (self._place["place"], self._free, self._left, *(self._rows[name] for name in _ROWS))

    def dump(self, states: int) -> dict[str, Any]:
        """Return the active ones of the first `states` states, in order: equal states give equal bytes."""
        self._place.grow(states)
        active = np.flatnonzero(self._place["place"] >= 0)
        kept = Columns({"state": (np.int64, 1, 0), **_ROWS})
        kept.grow(len(active))
        kept["state"][:] = active
        for name in _ROWS:
            kept[name][:] = self._rows[name][self._place["place"][active]]
        return {"size": states, "active": kept.dump()}

    def load(self, state: Any) -> None:
        """Restore a dump. Raises StateError when its parts do not fit each other."""
        kept = Columns({"state": (np.int64, 1, 0), **_ROWS})
        kept.load(state["active"])
        self._reset()
        self.reserve(int(state["size"]), kept.size)
        states = kept["state"]
        if len(states) and not 0 <= int(states.min()) <= int(states.max()) < self._place.size:
            raise StateError("snapshot: index of an active state outside of the table")
        self._left[0] -= len(states)
        rows = self._free[self._left[0] : self._left[0] + len(states)]
        self._place["place"][states] = rows
        for name in _ROWS:
            self._rows[name][rows] = kept[name]
