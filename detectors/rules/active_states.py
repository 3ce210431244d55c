"""State of the states in which something is under way, and of no others.

Of the states of a city all but a few are quiet: such a cell takes four bytes, and not the hundred of its levels, which
keeps snapshots small and quick, and memory free.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import StateError
from detectors.kernels.emission import NONE
from detectors.recipes.kinds import STEPS

from .state import Columns

_ROWS = {
    "active": (np.bool_, STEPS, False),
    "since": (np.int64, STEPS, NONE),
    "seen": (np.int64, STEPS, 0),
    "newest": (np.int64, STEPS, NONE),
    "below": (np.int64, STEPS, NONE),
    "first": (np.int64, 1, NONE),
}


class ActiveStates:
    """A place for each cell: the row that holds its state, -1 while it is quiet. Kernels take rows and give them back.

    Rows that nobody holds are as fresh ones. free: their numbers, as a stack; left: one element, how many there are.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._place = Columns({"place": (np.int32, 1, -1)})
        self._rows = Columns(_ROWS)
        self._free = np.empty(0, np.int32)
        self._left = np.zeros(1, np.int64)

    @property
    def none(self) -> bool:
        """Whether every cell is quiet."""
        return int(self._left[0]) == self._rows.size

    def reserve(self, states: int, more: int) -> None:
        """Make room for so many states, of which `more` that are quiet may become busy."""
        self._place.grow(states)
        size, left = self._rows.size, int(self._left[0])
        if more > left:
            self._rows.grow(max(2 * size, size + more - left))
            fresh = np.arange(size, self._rows.size, dtype=np.int32)
            self._free = np.concatenate([self._free[:left], fresh, np.empty(size, np.int32)])
            self._left[0] += len(fresh)

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What the kernel works on: places, free rows, how many, then the columns of the rows."""
        return (self._place["place"], self._free, self._left, *(self._rows[name] for name in _ROWS))

    def dump(self, states: int) -> dict[str, Any]:
        """The busy ones of the first `states` states, in order: the same state gives the same bytes."""
        self._place.grow(states)
        busy = np.flatnonzero(self._place["place"] >= 0)
        kept = Columns({"state": (np.int64, 1, 0), **_ROWS})
        kept.grow(len(busy))
        kept["state"][:] = busy
        for name in _ROWS:
            kept[name][:] = self._rows[name][self._place["place"][busy]]
        return {"size": states, "busy": kept.dump()}

    def load(self, state: Any) -> None:
        """Take back what `dump` gave. Raises StateError when it does not fit together."""
        kept = Columns({"state": (np.int64, 1, 0), **_ROWS})
        kept.load(state["busy"])
        self._begin()
        self.reserve(int(state["size"]), kept.size)
        states = kept["state"]
        if len(states) and not 0 <= int(states.min()) <= int(states.max()) < self._place.size:
            raise StateError("snapshot: a busy cell that is none of the table's")
        self._left[0] -= len(states)
        rows = self._free[self._left[0] : self._left[0] + len(states)]
        self._place["place"][states] = rows
        for name in _ROWS:
            self._rows[name][rows] = kept[name]
