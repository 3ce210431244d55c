"""State of learned series: a small row for each, and a large one for those with continuous values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import StateError
from detectors.kernels.emission import NONE
from detectors.kernels.unusual import COUNTS
from detectors.series.columns import Columns

from .keys import KeyTable


class SeriesArrays:
    """Small and large rows of the series, and the table that numbers them."""

    def __init__(self, large: Mapping[str, tuple[Any, int, Any]]) -> None:
        """large: columns of the large rows."""
        self._light = Columns(
            {
                "key": (np.int64, 1, -1),
                "newest": (np.int64, 1, NONE),
                "before": (np.float64, 1, np.nan),
                "counts": (np.uint16, COUNTS, 0),
                "place": (np.int32, 1, -1),
            }
        )
        self._large = Columns(large)
        self._table = KeyTable(self._light)
        self.used = 0

    @property
    def count(self) -> int:
        """Number of series."""
        return self._table.count

    @property
    def keys(self) -> NDArray[np.int64]:
        """Keys of the series in the order of their numbers."""
        return self._table.keys

    @property
    def row_bytes(self) -> int:
        """Bytes of a learned series, its cells in the hashed table included."""
        return self._light.row_bytes + self._large.row_bytes + 4 * self._table.itemsize

    def numbers(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the number of each key; new series get the next ones."""
        return self._table.numbers(keys)

    def reserve(self, most: int) -> bool:
        """Make room for further learned series, if all places are in use; return False if there are `most`."""
        size = self._large.size
        if self.used < size:
            return True
        if size >= most:
            return False
        self._large.grow(min(most, size + max(4, size // 4)))
        return True

    def light(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays of the small rows for the kernel."""
        return tuple(self._light[name] for name in ("newest", "before", "counts", "place"))

    def large(self, name: str) -> NDArray[Any]:
        """Return a column of the large rows."""
        return self._large[name]

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {"light": self._light.dump(self.count), "large": self._large.dump(self.used)}

    def load(self, state: Any) -> None:
        """Restore the state of a snapshot. Raises StateError if its parts do not fit each other."""
        self._light.load(state["light"])
        self._large.load(state["large"])
        self.used = self._large.size
        places = self._light["place"]
        if int((places >= 0).sum()) != self.used or (self.used and int(places.max()) >= self.used):
            raise StateError("snapshot: learned series do not fit their places")
        self._table.reload()
