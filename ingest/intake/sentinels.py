"""Values that chips send instead of a measurement: power-on values, error codes, all bits set."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import inf
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from ingest.catalog import Catalog
from ingest.errors import SentinelError
from ingest.tables import FilledText, TableReader
from ingest.telemetry import TelemetryBatch
from ingest.vocabulary import METRIC_BY_NAME, Quality

_MEASURED = frozenset((int(Quality.GOOD), int(Quality.HISTORICAL)))
_WORD = re.compile(r"[A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Sentinel:
    """One row of sentinels.toml; its head describes the fields."""

    chip: FilledText
    metric: FilledText
    value: float
    tolerance: Annotated[float, Interval(ge=0)]
    source: FilledText
    jump: Annotated[float, Interval(gt=0)] = inf

    def is_fault(self, value: float, last: float | None) -> bool:
        """Return whether the value is no measurement; last: the reading before, None if unknown."""
        near = last is not None and self.jump < inf and abs(value - last) < self.jump
        return abs(value - self.value) <= self.tolerance + 1e-9 and not near


@cache
def load_sentinels() -> tuple[Sentinel, ...]:
    """Return the shipped table. Raises SentinelError with all errors."""
    reader = TableReader.open(files("ingest") / "intake" / "sentinels.toml", SentinelError)
    reader.expect("sentinel")
    rows = reader.rows("sentinel", Sentinel, key=("chip", "metric", "value"))
    reader.finish()
    return tuple(rows)


class _Column:
    """Sentinels of one metric, and the last value of each sensor; NaN without one."""

    def __init__(self, rows: tuple[Sentinel, ...]) -> None:
        self.rows = rows
        self.last = np.full(0, np.nan)
        self._low = np.array([[row.value - row.tolerance - 1e-9] for row in rows])
        self._high = np.array([[row.value + row.tolerance + 1e-9] for row in rows])

    def like(self, value: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the mask of values that equal a sentinel."""
        equal: NDArray[np.bool_] = (value >= self._low) & (value <= self._high)
        found: NDArray[np.bool_] = np.logical_or.reduce(equal, axis=0)
        return found

    def grow(self, sensors: int) -> None:
        """Make room for that many sensors."""
        if len(self.last) < sensors:
            room = max(sensors, 2 * len(self.last)) - len(self.last)
            self.last = np.concatenate([self.last, np.full(room, np.nan)])


class Sentinels:
    """Marks rows whose value is a sentinel. One thread owns it; it keeps the last value of each sensor and metric.

    A temperature of 85 Cel is a power-on value after 20 Cel, and a measurement after 70 Cel: a fire stays a fire.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._chips = tuple({row.chip for row in load_sentinels()})
        rows: dict[int, tuple[Sentinel, ...]] = {}
        for row in load_sentinels():
            code = METRIC_BY_NAME[row.metric].code
            rows[code] = (*rows.get(code, ()), row)
        self._columns = [_Column(each) for each in rows.values()]
        self._place = np.full(max(rows) + 2, -1, np.int16)  # the last one is that of all higher codes
        self._place[list(rows)] = np.arange(len(rows))

    def apply(self, batch: TelemetryBatch) -> TelemetryBatch:
        """Return the batch, in order of arrival, with the quality fault for each sentinel."""
        if len(batch) == 1 and self._ordinary(batch):
            return batch
        place = self._place[np.minimum(batch.metric, len(self._place) - 1)]
        place[(batch.quality != Quality.GOOD) & (batch.quality != Quality.HISTORICAL)] = -1
        marked: list[int] = []
        for number in np.flatnonzero(np.bincount(place + 1)[1:]).tolist():
            marked += self._mark(batch, np.flatnonzero(place == number), self._columns[number])
        if not marked:
            return batch
        quality = batch.quality.copy()
        quality[marked] = Quality.FAULT
        return replace(batch, quality=quality)

    def _ordinary(self, batch: TelemetryBatch) -> bool:
        """Return whether the only reading needs no check, or equals no sentinel; then keep it as the last value."""
        number = self._place.item(min(batch.metric.item(0), len(self._place) - 1))
        if number < 0 or batch.quality.item(0) not in _MEASURED:
            return True
        column, value = self._columns[number], batch.value.item(0)
        if any(abs(value - row.value) <= row.tolerance + 1e-9 for row in column.rows):
            return False
        column.grow(len(self._catalog))
        column.last[batch.sensor.item(0)] = value
        return True

    def _mark(self, batch: TelemetryBatch, rows: NDArray[np.intp], column: _Column) -> list[int]:
        """Return the rows with a sentinel of this metric; update the last values."""
        column.grow(len(self._catalog))
        sensor, value, last = batch.sensor[rows], batch.value[rows], column.last
        like = column.like(value)
        marked: list[int] = []
        if like.any():
            suspects = np.isin(sensor, sensor[like])
            for row in rows[suspects].tolist():
                code, number = int(batch.sensor[row]), float(batch.value[row])
                known = None if np.isnan(last[code]) else float(last[code])
                faults = tuple(each for each in column.rows if each.is_fault(number, known))
                if faults and self._of_probe(code, faults):
                    marked.append(row)
                else:
                    last[code] = number
            sensor, value = sensor[~suspects], value[~suspects]
        last[sensor] = value
        return marked

    def _of_probe(self, code: int, sentinels: tuple[Sentinel, ...]) -> tuple[Sentinel, ...]:
        """Return the rows of the chips in the sensor's name; all rows for a name without a chip."""
        words = _WORD.findall(self._catalog[code].id.upper())
        named = {chip for chip in self._chips if any(word.startswith(chip) for word in words)}
        return tuple(each for each in sentinels if each.chip in named) if named else sentinels
