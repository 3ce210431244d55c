"""In-memory store: reference implementation of the store contract."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from ingest.stores.contract import Buckets, Retained, Series
from ingest.stores.retention import DAY_NS, RetentionPlan, period_days
from ingest.telemetry import TelemetryBatch, concat
from ingest.vocabulary import Quality

from .rollup import Rollup, buckets, coarser, joined, rolled


class MemoryStore:
    """Readings as one growing batch, levels as rows; lost at the end of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batch = concat([])
        self._levels: dict[tuple[str, int], Rollup] = {}
        self._cursor = self._installation = 0

    def write(self, batch: TelemetryBatch, *, cursor: int) -> None:
        """Write the readings; a cursor at or below the stored one is a no-op."""
        with self._lock:
            if cursor > self._cursor:
                self._batch = concat([self._batch, batch])
                self._cursor = cursor

    def claim(self, installation: int) -> int:
        """Return the number of the installation to which the store belongs; a store of none belongs to this one now."""
        self._installation = self._installation or installation
        return self._installation

    def cursor(self) -> int:
        """Return the last stored log position."""
        return self._cursor

    def rewind(self, cursor: int) -> None:
        """Set the stored log position back; a position at or above the stored one is a no-op."""
        self._cursor = min(self._cursor, cursor)

    def read(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, limit: int = 1_000_000) -> Series:
        """Return the readings of one series in [from_ns, to_ns) by time, equal times in order of arrival."""
        batch = self._batch
        inside = (batch.time_ns >= from_ns) & (batch.time_ns < to_ns)
        rows = np.flatnonzero((batch.sensor == sensor) & (batch.metric == metric) & inside)
        rows = rows[np.argsort(batch.time_ns[rows], kind="stable")][: max(0, limit)]
        return Series(batch.time_ns[rows], batch.value[rows], batch.quality[rows])

    def downsample(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Return count, mean, low and high of the good readings in each step with readings."""
        return self.across([sensor], metric, from_ns=from_ns, to_ns=to_ns, step_ns=step_ns)

    def across(self, sensors: Sequence[int], metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Return count, mean, low and high of the good readings of all these sensors in each step with readings."""
        if step_ns <= 0:
            raise ValueError(f"step_ns must be above zero, not {step_ns}")
        with self._lock:
            parts = [_good(self._batch), *self._levels.values()]
        rows = joined(parts)
        inside = (rows.start_ns >= from_ns) & (rows.start_ns < to_ns) & (rows.metric == metric)
        return buckets(rows.select(inside & np.isin(rows.sensor, np.array(sensors, np.int64))), step_ns)

    def metrics(self, sensor: int) -> list[int]:
        """Return the codes of the metrics with readings of a sensor."""
        with self._lock:
            kept = [rows.metric[rows.sensor == sensor] for rows in self._levels.values()]
            found = np.unique(np.concatenate([self._batch.metric[self._batch.sensor == sensor], *kept]))
        return [int(code) for code in found]

    def retain(self, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """Run all upkeep in one step: raw readings into the first level, each level into the next."""
        with self._lock:
            batch = self._batch
            past = keep.past(batch.sensor, batch.metric, batch.time_ns // DAY_NS, now_ns=now_ns)
            gone = batch.select(np.flatnonzero(past))
            self._batch = batch.select(np.flatnonzero(~past))
            for index, one in enumerate(keep.classes):
                own = gone.select(np.flatnonzero(keep.class_of(gone.sensor, gone.metric) == index))
                self._add(one.name, 0, _good(own), keep)
            steps = {level.step_ns for one in keep.classes for level in one.levels}
            for step_ns in sorted(steps | {step_ns for _, step_ns in self._levels}):
                for name in [name for name, own_ns in self._levels if own_ns == step_ns]:
                    self._age(name, step_ns, keep, now_ns=now_ns)
            return Retained(len(gone), more=False)

    def count(self) -> int:
        """Return the number of stored readings."""
        return len(self._batch)

    def close(self) -> None:
        """Do nothing: the store has no resources."""

    def _add(self, name: str, step_ns: int, rows: Rollup, keep: RetentionPlan) -> None:
        """Add rows to the level after step_ns, where the class has one."""
        level = keep.named(name).next_level(step_ns)
        if level is not None and len(rows):
            there = self._levels.get((name, level.step_ns))
            fresh = coarser(rows, level.step_ns)
            self._levels[name, level.step_ns] = fresh if there is None else joined([there, fresh])

    def _age(self, name: str, step_ns: int, keep: RetentionPlan, *, now_ns: int) -> None:
        """Move the expired periods to the next level."""
        rows = self._levels[name, step_ns]
        first = rows.start_ns // DAY_NS
        first -= first % period_days(step_ns)
        firsts = [int(day) for day in np.unique(first) if keep.level_past(name, step_ns, int(day), now_ns=now_ns)]
        past = np.isin(first, firsts)
        self._levels[name, step_ns] = rows.select(~past)
        self._add(name, step_ns, rows.select(past), keep)


def _good(batch: TelemetryBatch) -> Rollup:
    """Return the good readings of a batch."""
    own = batch.select(np.flatnonzero(batch.quality == Quality.GOOD))
    return rolled(own.sensor, own.metric, own.time_ns, own.value)
