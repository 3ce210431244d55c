"""Down-sampling in columns: readings -> rows by step -> buckets, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.stores.contract import Buckets


@dataclass(frozen=True, slots=True)
class Rollup:
    """Rows by series and step, columns of one length: start_ns is the step's left edge."""

    sensor: NDArray[np.int32]
    metric: NDArray[np.int16]
    start_ns: NDArray[np.int64]
    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.start_ns)

    def select(self, rows: NDArray[Any]) -> Rollup:
        """Return the rows at these positions, or where this mask is true."""
        return Rollup(*(getattr(self, name)[rows] for name in self.__slots__))


def rolled(
    sensor: NDArray[np.int32],
    metric: NDArray[np.int16],
    time_ns: NDArray[np.int64],
    value: NDArray[np.float64],
) -> Rollup:
    """Return readings as rows of one reading each; columns of one length."""
    return Rollup(sensor, metric, time_ns, np.ones(len(sensor), np.int64), value, value, value)


def coarser(rows: Rollup, step_ns: int) -> Rollup:
    """Return rows merged by series and step: counts add, means weigh by count, low and high are the extremes."""
    start = rows.start_ns - rows.start_ns % step_ns
    order = np.lexsort((start, rows.metric, rows.sensor))
    if not len(order):
        return rows
    keys = np.stack((rows.sensor[order].astype(np.int64), rows.metric[order].astype(np.int64), start[order]))
    first = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)])
    count = np.add.reduceat(rows.count[order], first)
    weight = rows.count[order] / np.repeat(count, np.diff(np.r_[first, len(order)]))
    return Rollup(
        rows.sensor[order][first],
        rows.metric[order][first],
        start[order][first],
        count,
        np.add.reduceat(rows.mean[order] * weight, first),
        np.minimum.reduceat(rows.low[order], first),
        np.maximum.reduceat(rows.high[order], first),
    )


def joined(parts: Sequence[Rollup]) -> Rollup:
    """Return all rows, part after part."""
    return Rollup(*(np.concatenate([getattr(part, name) for part in (NOTHING, *parts)]) for name in Rollup.__slots__))


def buckets(rows: Rollup, step_ns: int) -> Buckets:
    """Return the rows of all series together, one bucket a step."""
    zero = np.zeros(len(rows), np.int64)
    whole = Rollup(
        zero.astype(np.int32), zero.astype(np.int16), rows.start_ns, rows.count, rows.mean, rows.low, rows.high
    )
    one = coarser(whole, step_ns)
    return Buckets(one.start_ns, one.count, one.mean, one.low, one.high)


NOTHING = Rollup(
    np.empty(0, np.int32),
    np.empty(0, np.int16),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.float64),
    np.empty(0, np.float64),
    np.empty(0, np.float64),
)
"""Rollup without rows."""
