"""Open batch: columns that collect readings until a bound closes them as one TelemetryBatch.

An item is one JSON object (or one reading of a foreign format): one sensor, one time, one quality, some rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Interval, Unit, doc
from numpy.typing import NDArray

from ingest.telemetry import TelemetryBatch, empty_batch
from ingest.vocabulary import Quality

BOUNDS = ("rows", "bytes", "age", "asked")
"""Causes that close a batch; "asked" is a caller that cannot wait (stop, or half of the unacknowledged allowance)."""
FEW_ROWS = 20
"""Readings up to which a batch waits for `ordinary_age_s`: below 100 readings/s at its default."""


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """Bounds of an open batch; the first one reached closes it."""

    rows_max: Annotated[int, Interval(ge=1, le=1_000_000), Unit("1"), doc("readings that close a batch")] = 32_768
    bytes_max: Annotated[
        int, Interval(ge=1_024, le=1_000_000_000), Unit("B"), doc("bytes of payload that close a batch")
    ] = 4_194_304
    age_s: Annotated[
        float,
        Interval(ge=0.001, le=10),
        Unit("s"),
        doc("age of its first message that closes a batch, and least time between batches that urgent readings close"),
    ] = 0.025
    ordinary_age_s: Annotated[
        float,
        Interval(ge=0.001, le=10),
        Unit("s"),
        doc("the same for a few readings none of which is urgent; at least batch.age_s"),
    ] = 0.2


class OpenBatch:
    """Growing columns. The hot paths append to the arrays directly and must keep their lengths equal.

    Per item: sensor, time_ns, rows (number of rows of the item), origin (its message);
    per row: metric, value. Sparse: quality and source by item, attributes by row; untimed: items whose time is their
    arrival, because the device stated none, ascending.
    """

    def __init__(self) -> None:
        self.sensor = array("i")
        self.time_ns = array("q")
        self.rows = array("i")
        self.origin: list[tuple[int, int, bytes, bytes]] = []
        self.metric = array("h")
        self.value = array("d")
        self.quality: dict[int, Quality] = {}
        self.source: dict[int, int] = {}
        self.attributes: dict[int, Mapping[str, Any]] = {}
        self.untimed = array("i")
        self._arrivals: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.value)

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.time_ns)

    def arrive(self, now_ns: int) -> None:
        """Set the arrival time of the items appended from here on."""
        self._arrivals.append((len(self.time_ns), now_ns))

    def put(
        self,
        sensor: int,
        metric: int,
        value: float,
        *,
        time_ns: int,
        source: int,
        timed: bool = True,
        origin: tuple[int, int, bytes, bytes] = (0, 0, b"", b""),
    ) -> None:
        """Append an item of one row; timed: the device stated its time."""
        self.source[self.items] = source
        if not timed:
            self.untimed.append(self.items)
        self.sensor.append(sensor)
        self.time_ns.append(time_ns)
        self.rows.append(1)
        self.origin.append(origin)
        self.metric.append(metric)
        self.value.append(value)

    def rewind(self, items: int, rows: int) -> None:
        """Remove all items and rows after the given counts."""
        for column in (self.sensor, self.time_ns, self.rows, self.origin):
            del column[items:]
        del self.metric[rows:], self.value[rows:]
        while self.untimed and self.untimed[-1] >= items:
            self.untimed.pop()

    def withdraw(self, items: int, rows: int) -> None:
        """Remove all items and rows after the given counts, with their sparse entries."""
        self.rewind(items, rows)
        self.quality = {item: listed for item, listed in self.quality.items() if item < items}
        self.source = {item: listed for item, listed in self.source.items() if item < items}
        self.attributes = {row: listed for row, listed in self.attributes.items() if row < rows}

    def per_row(self, column: NDArray[Any]) -> NDArray[Any]:
        """Return a column of items, repeated for their rows."""
        return np.repeat(column, np.frombuffer(self.rows, np.int32)) if len(column) else column

    def item_columns(self) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8]]:
        """Return sensor, arrival time and quality of each item."""
        sensor = np.frombuffer(self.sensor, np.int32) if self.sensor else np.empty(0, np.int32)
        starts = np.array([start for start, _ in self._arrivals] + [self.items], np.int64)
        arrival = np.repeat(np.array([now for _, now in self._arrivals], np.int64), np.diff(starts))
        quality = np.zeros(self.items, np.uint8)
        for item, value in self.quality.items():
            quality[item] = value
        return sensor, arrival, quality

    def timed(self) -> NDArray[np.bool_]:
        """Return the mask of items with a time of their device."""
        timed = np.ones(self.items, np.bool_)
        timed[np.frombuffer(self.untimed, np.int32) if self.untimed else []] = False
        return timed

    def close(self, time_ns: NDArray[np.int64] | None = None) -> TelemetryBatch:
        """Return the rows, unchecked. The batch keeps using the arrays: continue with a new OpenBatch.

        time_ns: times of the items in place of those in the batch.
        """
        if not self.value:
            return empty_batch()
        sensor, arrival, quality = self.item_columns()
        return TelemetryBatch(
            sensor=self.per_row(sensor),
            metric=np.frombuffer(self.metric, np.int16),
            time_ns=self.per_row(np.frombuffer(self.time_ns, np.int64) if time_ns is None else time_ns),
            arrival_ns=self.per_row(arrival),
            value=np.frombuffer(self.value, np.float64),
            quality=self.per_row(quality),
            attributes=self.attributes,
        )


class Bounds:
    """Bounds of the open batch; `acted` counts the closing ones. Ages use the caller's clock, in ns."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self._age_ns = int(settings.age_s * 1e9)
        self._ordinary_age_ns = int(max(settings.age_s, settings.ordinary_age_s) * 1e9)
        self._opened_ns: int | None = None
        self._closed_ns = 0
        self.hurried = False
        """Whether the open batch closes at once, at most one batch in `age_s`: it has an urgent reading."""
        self._bytes = 0
        self.acted = dict.fromkeys(BOUNDS, 0)

    def grow(self, size_bytes: int, now_ns: int) -> None:
        """Add the size of a chunk of messages."""
        self._bytes += size_bytes
        if self._opened_ns is None:
            self._opened_ns = now_ns

    def reached(self, rows: int, now_ns: int) -> str:
        """Return the reached bound, or "". A clock that steps back closes the batch."""
        if self._opened_ns is None:
            return ""
        if rows >= self._settings.rows_max:
            return "rows"
        if self._bytes >= self._settings.bytes_max:
            return "bytes"
        return "" if self._opened_ns <= now_ns < self._due_ns(self._opened_ns, rows) else "age"

    def full(self, rows: int) -> bool:
        """Return whether no further chunk fits while the previous batch is not yet durable."""
        return rows >= self._settings.rows_max or self._bytes >= self._settings.bytes_max

    def wait_s(self, rows: int, now_ns: int) -> float | None:
        """Return the seconds until the age closes the batch; None for an empty one."""
        if self._opened_ns is None:
            return None
        return max(0.0, (self._due_ns(self._opened_ns, rows) - now_ns) / 1e9)

    def restart(self, acted: str, now_ns: int | None) -> None:
        """Count the bound that closed the batch, and reset; now_ns: the time, if the caller has one."""
        self.acted[acted] += 1
        self._closed_ns = self._closed_ns if now_ns is None else now_ns
        self._opened_ns, self._bytes, self.hurried = None, 0, False

    def _due_ns(self, opened_ns: int, rows: int) -> int:
        """Return the time at which the age closes the batch. An earlier batch may have a later time of the clock."""
        if self.hurried:
            return min(opened_ns + self._age_ns, max(opened_ns, self._closed_ns + self._age_ns))
        return opened_ns + (self._ordinary_age_ns if rows < FEW_ROWS else self._age_ns)
