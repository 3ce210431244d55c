"""Contract of the time-series stores, independent of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.telemetry import TelemetryBatch

from .retention import RetentionPlan


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one sensor and metric, time ascending; columns of one length."""

    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Buckets:
    """A down-sampled span: one row a bucket that has readings; start_ns is the bucket's left edge."""

    start_ns: NDArray[np.int64]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Retained:
    """Result of one step of retention: number of removed raw readings, and whether work remains."""

    gone: int
    more: bool


class Store(Protocol):
    """Readings by sensor, metric and time.

    Every implementation holds these rules. `write` is atomic together with its cursor and idempotent: a cursor at or
    below the stored one is a no-op. Reads are half-open, [from_ns, to_ns), and return only written readings. Several
    threads may call the methods. An unreachable engine raises StoreError and nothing else.
    """

    def write(self, batch: TelemetryBatch, *, cursor: int) -> None:
        """Write the readings and set the stored log position to `cursor`."""
        ...

    def claim(self, installation: int) -> int:
        """Return the number of the installation to which the store belongs; a store of none belongs to this one now."""
        ...

    def cursor(self) -> int:
        """Return the last stored log position; 0 when empty."""
        ...

    def rewind(self, cursor: int) -> None:
        """Set the stored log position back to `cursor`: the log ends there. Keeps every reading."""
        ...

    def read(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, limit: int = 1_000_000) -> Series:
        """Return the raw readings of one series, at most the `limit` earliest."""
        ...

    def downsample(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Return count, mean, low and high of the good readings in each step; steps start at multiples of step_ns.

        Where raw readings have expired, the roll-up levels answer. A step of a level belongs to the span and bucket in
        which it starts.
        """
        ...

    def across(self, sensors: Sequence[int], metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Like `downsample`, over the readings of many sensors together; a sensor named twice counts once."""
        ...

    def metrics(self, sensor: int) -> list[int]:
        """Return the codes of the metrics with readings of a sensor, raw or down-sampled, ascending."""
        ...

    def retain(self, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """Run one step of upkeep; call it again while work remains.

        At the end, every raw reading is removed whose day (UTC) ended raw_days of its class ago, unless it is on hold.
        The levels of its class contain the good ones of the removed readings.
        """
        ...

    def count(self) -> int:
        """Return the number of stored raw readings."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...
