"""State columns and their form in snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from detectors.errors import StateError

LARGE = 100_000
"""Rows from which the capacity grows by a quarter instead of doubling."""


class Columns:
    """Arrays of one length that grow together; each column has a dtype, a width and the value of a new row."""

    def __init__(self, spec: Mapping[str, tuple[Any, int, Any]]) -> None:
        self._spec = dict(spec)
        self._arrays = {name: self._fresh(name, 0) for name in spec}
        self._set_size(0)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._views[name]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return sum(np.dtype(dtype).itemsize * width for dtype, width, _ in self._spec.values())

    def grow(self, size: int) -> None:
        """Make room for `size` rows with the values of new ones. The capacity grows geometrically."""
        if size <= self.size:
            return
        room = len(next(iter(self._arrays.values())))
        if size > room:
            wanted = max(size, 2 * room if room < LARGE else room + room // 4)
            for name, array in self._arrays.items():
                self._arrays[name] = np.concatenate([array, self._fresh(name, wanted - room)])
        self._set_size(size)

    def dump(self, size: int | None = None) -> dict[str, bytes]:
        """Return the first `size` rows of every column as compressed bytes."""
        press = zstandard.ZstdCompressor(level=1)
        return {name: press.compress(np.ascontiguousarray(self[name][:size]).data) for name in self._spec}

    def load(self, state: Any) -> None:
        """Restore a dump. Raises StateError when columns are missing or of unequal length."""
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
        self._set_size(len(next(iter(arrays.values()))))

    def _set_size(self, size: int) -> None:
        self.size = size
        self._views = {name: array[:size] for name, array in self._arrays.items()}

    def _fresh(self, name: str, size: int) -> NDArray[Any]:
        dtype, width, fill = self._spec[name]
        return np.full((size, width) if width > 1 else size, fill, dtype)
