"""All readings in memory: the simplest store, and the measure of what every other one must answer."""

from __future__ import annotations

import threading

import numpy as np

from ingest.store import Buckets, Series
from ingest.telemetry import TelemetryBatch, concat
from ingest.vocabulary import Quality


class MemoryStore:
    """Readings as one batch that grows; gone when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batch = concat([])
        self._cursor = 0

    def write(self, batch: TelemetryBatch, *, cursor: int) -> None:
        """Keep the readings; a cursor at or below the stored one is a no-op."""
        with self._lock:
            if cursor > self._cursor:
                self._batch = concat([self._batch, batch])
                self._cursor = cursor

    def cursor(self) -> int:
        """The last log position that is stored."""
        return self._cursor

    def read(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, limit: int = 1_000_000) -> Series:
        """The readings of one series in [from_ns, to_ns), time ascending, those of one time as they came."""
        batch = self._batch
        inside = (batch.time_ns >= from_ns) & (batch.time_ns < to_ns)
        rows = np.flatnonzero((batch.sensor == sensor) & (batch.metric == metric) & inside)
        rows = rows[np.argsort(batch.time_ns[rows], kind="stable")][: max(0, limit)]
        return Series(batch.time_ns[rows], batch.value[rows], batch.quality[rows])

    def downsample(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Count, mean, low and high of the good readings in each step that has some."""
        if step_ns <= 0:
            raise ValueError(f"step_ns must be above zero, not {step_ns}")
        series = self.read(sensor, metric, from_ns=from_ns, to_ns=to_ns, limit=len(self._batch))
        good = series.quality == Quality.GOOD
        start = series.time_ns[good] // step_ns * step_ns
        value = series.value[good]
        starts, first = np.unique(start, return_index=True)
        groups = np.split(value, first[1:]) if len(starts) else []
        return Buckets(
            start_ns=starts,
            count=np.array([len(group) for group in groups], np.int64),
            mean=np.array([group.mean() for group in groups], np.float64),
            low=np.array([group.min() for group in groups], np.float64),
            high=np.array([group.max() for group in groups], np.float64),
        )

    def metrics(self, sensor: int) -> list[int]:
        """Codes of the metrics that a sensor has readings of."""
        batch = self._batch
        return [int(code) for code in np.unique(batch.metric[batch.sensor == sensor])]

    def retain(self, *, before_ns: int) -> int:
        """Drop readings older than before_ns; returns how many went."""
        with self._lock:
            kept = np.flatnonzero(self._batch.time_ns >= before_ns)
            gone = len(self._batch) - len(kept)
            self._batch = self._batch.take(kept)
            return gone

    def count(self) -> int:
        """How many readings are stored."""
        return len(self._batch)

    def close(self) -> None:
        """Nothing to let go of."""
