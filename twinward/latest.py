"""Newest reading of every sensor and metric, in columns sorted by both."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from alerts.api import Last
from ingest import TelemetryBatch

METRIC_BITS = 16


class Latest:
    """Written by the store stage, read by the API. Memory: 25 bytes for each pair of sensor and metric."""

    def __init__(self) -> None:
        self._keys: NDArray[np.int64] = np.empty(0, np.int64)
        self._time_ns: NDArray[np.int64] = np.empty(0, np.int64)
        self._value: NDArray[np.float64] = np.empty(0, np.float64)
        self._quality: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._lock = threading.Lock()

    def update(self, batch: TelemetryBatch) -> None:
        """Update from a batch; ignore a reading that is older than the newest of its series."""
        if not len(batch):
            return
        keys = (batch.sensor.astype(np.int64) << METRIC_BITS) | batch.metric
        order = np.lexsort((batch.time_ns, keys))
        last = np.flatnonzero(np.append(np.diff(keys[order]) != 0, True))
        rows = order[last]
        with self._lock:
            self._merge(keys[rows], batch, rows)

    def of(self, sensor: int) -> list[Last]:
        """Return the newest reading of each metric of a sensor, by metric code."""
        with self._lock:
            begin, end = np.searchsorted(self._keys, (sensor << METRIC_BITS, (sensor + 1) << METRIC_BITS))
            return [
                Last(
                    int(self._keys[row] & ((1 << METRIC_BITS) - 1)),
                    int(self._time_ns[row]),
                    float(self._value[row]),
                    int(self._quality[row]),
                )
                for row in range(begin, end)
            ]

    def _merge(self, keys: NDArray[np.int64], batch: TelemetryBatch, rows: NDArray[np.intp]) -> None:
        at = np.searchsorted(self._keys, keys)
        known = np.zeros(len(keys), bool)
        inside = at < len(self._keys)
        known[inside] = self._keys[at[inside]] == keys[inside]
        newer = known.copy()
        newer[known] = batch.time_ns[rows[known]] >= self._time_ns[at[known]]
        self._time_ns[at[newer]] = batch.time_ns[rows[newer]]
        self._value[at[newer]] = batch.value[rows[newer]]
        self._quality[at[newer]] = batch.quality[rows[newer]]
        fresh = ~known
        if fresh.any():
            self._keys = np.insert(self._keys, at[fresh], keys[fresh])
            self._time_ns = np.insert(self._time_ns, at[fresh], batch.time_ns[rows[fresh]])
            self._value = np.insert(self._value, at[fresh], batch.value[rows[fresh]])
            self._quality = np.insert(self._quality, at[fresh], batch.quality[rows[fresh]])
