"""What every time-series store must do, whichever engine is behind it."""

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
    """What one step of retention did: how many raw readings went, and whether there is more to do now."""

    gone: int
    more: bool


class Store(Protocol):
    """Readings by sensor, metric and time.

    Must hold for every implementation: `write` is atomic together with its cursor and may be repeated (a cursor at or
    below the stored one is a no-op); reads are half-open [from_ns, to_ns); only what was written comes back; methods
    may be called from several threads; raises StoreError, and nothing else, when the engine is away.
    """

    def write(self, batch: TelemetryBatch, *, cursor: int) -> None:
        """Keep the readings and remember that the log is stored up to and with position `cursor`."""
        ...

    def cursor(self) -> int:
        """The last log position that is stored; 0 when empty."""
        ...

    def read(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, limit: int = 1_000_000) -> Series:
        """The raw readings of one series, at most `limit` of the earliest."""
        ...

    def downsample(self, sensor: int, metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """Count, mean, low and high of the good readings in each step; steps start at multiples of step_ns.

        Where raw readings are past their time, what was kept of them by step answers; a step of it belongs to the span,
        and to the bucket, in which it starts.
        """
        ...

    def across(self, sensors: Sequence[int], metric: int, *, from_ns: int, to_ns: int, step_ns: int) -> Buckets:
        """As `downsample`, over the readings of many sensors together; a sensor named twice counts once."""
        ...

    def metrics(self, sensor: int) -> list[int]:
        """Codes of the metrics that a sensor has readings of, raw or down-sampled, ascending."""
        ...

    def retain(self, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """One step of upkeep; to be called again while there is more.

        When there is no more, every raw reading is gone whose day (UTC) ended raw_days of its class ago, unless it is
        held, and the good ones of them stand in the levels of their class.
        """
        ...

    def count(self) -> int:
        """How many raw readings are stored."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
