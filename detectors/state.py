"""State as columns of cells, and how it travels through snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import StateError


class Columns:
    """Arrays of one length that grow together; each column has a dtype, a width and the value of a fresh cell."""

    def __init__(self, spec: Mapping[str, tuple[Any, int, Any]]) -> None:
        self._spec = dict(spec)
        self._arrays = {name: self._fresh(name, 0) for name in spec}
        self.size = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name][: self.size]

    def grow(self, size: int) -> None:
        """Make room for `size` cells; new ones are fresh. Doubles, so that growing stays cheap."""
        room = len(next(iter(self._arrays.values())))
        if size > room:
            for name, array in self._arrays.items():
                self._arrays[name] = np.concatenate([array, self._fresh(name, max(size, 2 * room) - room)])
        self.size = max(self.size, size)

    def dump(self, size: int | None = None) -> dict[str, bytes]:
        """The first `size` cells of every column as bytes."""
        return {name: self[name][:size].tobytes() for name in self._spec}

    def load(self, state: Any) -> None:
        """Take back what `dump` gave. Raises StateError when columns are missing or uneven."""
        try:
            arrays = {name: np.frombuffer(state[name], spec[0]).copy() for name, spec in self._spec.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"snapshot: {error!r}") from error
        for name, (_, width, _) in self._spec.items():
            if width > 1:
                arrays[name] = arrays[name].reshape(-1, width)
        if len({len(array) for array in arrays.values()}) > 1:
            raise StateError("snapshot: columns of unequal length")
        self._arrays = arrays
        self.size = len(next(iter(arrays.values())))

    def _fresh(self, name: str, size: int) -> NDArray[Any]:
        dtype, width, fill = self._spec[name]
        return np.full((size, width) if width > 1 else size, fill, dtype)
