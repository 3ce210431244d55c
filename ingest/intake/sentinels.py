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


class Sentinels:
    """Marks rows whose value is a sentinel. One thread owns it; it keeps the last value of each sensor and metric.

    A temperature of 85 Cel is a power-on value after 20 Cel, and a measurement after 70 Cel: a fire stays a fire.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._rows: dict[int, tuple[Sentinel, ...]] = {}
        for row in load_sentinels():
            code = METRIC_BY_NAME[row.metric].code
            self._rows[code] = (*self._rows.get(code, ()), row)
        self._chips = tuple({row.chip for row in load_sentinels()})
        self._last = {code: np.full(0, np.nan) for code in self._rows}

    def apply(self, batch: TelemetryBatch) -> TelemetryBatch:
        """Return the batch, in order of arrival, with the quality fault for each sentinel."""
        marked = self._mark(batch)
        if not marked.any():
            return batch
        return replace(batch, quality=np.where(marked, np.uint8(Quality.FAULT), batch.quality))

    def _mark(self, batch: TelemetryBatch) -> NDArray[np.bool_]:
        marked = np.zeros(len(batch), np.bool_)
        good = (batch.quality == Quality.GOOD) | (batch.quality == Quality.HISTORICAL)
        for code, sentinels in self._rows.items():
            rows = np.flatnonzero((batch.metric == code) & good)
            if len(rows):
                self._mark_metric(batch, rows, sentinels, self._room(code), marked)
        return marked

    def _mark_metric(
        self,
        batch: TelemetryBatch,
        rows: NDArray[np.intp],
        sentinels: tuple[Sentinel, ...],
        last: NDArray[np.float64],
        marked: NDArray[np.bool_],
    ) -> None:
        sensor, value = batch.sensor[rows], batch.value[rows]
        like = np.zeros(len(rows), np.bool_)
        for each in sentinels:
            like |= np.abs(value - each.value) <= each.tolerance + 1e-9
        if like.any():
            suspects = np.isin(sensor, sensor[like])
            for row, code, number in zip(
                rows[suspects].tolist(), sensor[suspects].tolist(), value[suspects].tolist(), strict=True
            ):
                known = None if np.isnan(last[code]) else float(last[code])
                marked[row] = any(each.is_fault(number, known) for each in self._of_probe(code, sentinels))
                last[code] = last[code] if marked[row] else number
            rows, sensor, value = rows[~suspects], sensor[~suspects], value[~suspects]
        last[sensor] = value

    def _of_probe(self, code: int, sentinels: tuple[Sentinel, ...]) -> tuple[Sentinel, ...]:
        """Return the rows of the chips in the sensor's name; all rows for a name without a chip."""
        words = _WORD.findall(self._catalog[code].id.upper())
        named = {chip for chip in self._chips if any(word.startswith(chip) for word in words)}
        return tuple(each for each in sentinels if each.chip in named) if named else sentinels

    def _room(self, code: int) -> NDArray[np.float64]:
        last = self._last[code]
        if len(last) < len(self._catalog):
            room = max(len(self._catalog), 2 * len(last)) - len(last)
            last = self._last[code] = np.concatenate([last, np.full(room, np.nan)])
        return last
