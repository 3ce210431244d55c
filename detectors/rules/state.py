"""State as columns of cells, and how it travels through snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from detectors.errors import StateError

LARGE = 100_000
"""Cells above which room grows by a quarter and no longer doubles."""


class Columns:
    """Arrays of one length that grow together; each column has a dtype, a width and the value of a fresh cell."""

    def __init__(self, spec: Mapping[str, tuple[Any, int, Any]]) -> None:
        self._spec = dict(spec)
        self._arrays = {name: self._fresh(name, 0) for name in spec}
        self.size = 0

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name][: self.size]

    def grow(self, size: int) -> None:
        """Make room for `size` cells; new ones are fresh. Grows by a share, so that growing stays cheap."""
        room = len(next(iter(self._arrays.values())))
        if size > room:
            wanted = max(size, 2 * room if room < LARGE else room + room // 4)
            for name, array in self._arrays.items():
                self._arrays[name] = np.concatenate([array, self._fresh(name, wanted - room)])
        self.size = max(self.size, size)

    def dump(self, size: int | None = None) -> dict[str, bytes]:
        """The first `size` cells of every column as compressed bytes: most cells of a city are alike."""
        press = zstandard.ZstdCompressor(level=1)
        return {name: press.compress(np.ascontiguousarray(self[name][:size]).data) for name in self._spec}

    def load(self, state: Any) -> None:
        """Take back what `dump` gave. Raises StateError when columns are missing or uneven."""
        try:
            plain = zstandard.ZstdDecompressor()
            arrays = {
                name: np.frombuffer(plain.decompress(state[name]), spec[0]).copy() for name, spec in self._spec.items()
            }
        except (KeyError, TypeError, ValueError, zstandard.ZstdError) as error:
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
