"""Keys of series, one number for a sensor and a metric, numbered in the order of first readings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.series_keys import FREE, series_numbers
from detectors.series.columns import Columns

METRIC_BITS = 16
_METRIC = (1 << METRIC_BITS) - 1


def series_keys(sensors: NDArray[np.int32], metrics: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return one number for each pair of a sensor and a metric.

    >>> series_keys(np.array([2], np.int32), np.array([1000], np.int16)).tolist()
    [132072]
    """
    return (sensors.astype(np.int64) << METRIC_BITS) + metrics


def sensor_and_metric(key: int) -> tuple[int, int]:
    """Return the codes of a series key.

    >>> sensor_and_metric(132072)
    (2, 1000)
    """
    return key >> METRIC_BITS, key & _METRIC


class KeyTable:
    """Hashed table from keys to their numbers. The keys are the column `key` of the caller's columns."""

    def __init__(self, listed: Columns) -> None:
        self._listed = listed
        self._table = np.full(16, FREE, np.int32)
        self.count = 0

    @property
    def keys(self) -> NDArray[np.int64]:
        """Keys in the order of their numbers."""
        return self._listed["key"][: self.count]

    @property
    def itemsize(self) -> int:
        """Bytes of a cell."""
        return self._table.itemsize

    def numbers(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the number of each key; new ones get the next, and the columns a row for each."""
        most = self.count + len(keys)
        self._listed.grow(most)
        if 2 * most > len(self._table):
            self._rebuild(2 * most)
        numbers, self.count = series_numbers(keys, self._table, self._listed["key"], self.count)
        return numbers

    def reload(self) -> None:
        """Number the keys of the loaded columns."""
        self.count = self._listed.size
        self._rebuild(2 * self.count + 16)

    def _rebuild(self, least: int) -> None:
        self._table = np.full(1 << least.bit_length(), FREE, np.int32)
        series_numbers(self.keys, self._table, self.keys.copy(), 0)
