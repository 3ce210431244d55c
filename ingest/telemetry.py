"""Telemetry batches: readings as equal-length columns, from the decoders to the detectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS: tuple[tuple[str, type[np.generic]], ...] = (
    ("sensor", np.int32),
    ("metric", np.int16),
    ("time_ns", np.int64),
    ("arrival_ns", np.int64),
    ("value", np.float64),
    ("quality", np.uint8),
)
"""Name and dtype of each column, in stored order."""


@dataclass(frozen=True, slots=True, eq=False)
class TelemetryBatch:
    """Readings as equal-length columns, in order of arrival.

    sensor: catalogue code; metric: metric code; time_ns: event time, ns since 1970 UTC; arrival_ns: time at which
    the service received the message, same base; value: in the metric's unit, booleans as 0 and 1; quality: Quality.
    attributes: row -> labels of an event (label, zones, phase, track, gateway_ns, ...), sparse.
    id: derived from the content when the log stores the batch; "" before.
    """

    sensor: NDArray[np.int32]
    metric: NDArray[np.int16]
    time_ns: NDArray[np.int64]
    arrival_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    attributes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    id: str = ""

    def __post_init__(self) -> None:
        rows = len(self.sensor)
        for name, dtype in COLUMNS:
            column = getattr(self, name)
            if column.shape != (rows,) or column.dtype != dtype:
                wanted = f"({rows},) {np.dtype(dtype).name}"
                raise ValueError(f"column {name} is {column.shape} {column.dtype}; it must be {wanted}")

    def __len__(self) -> int:
        return len(self.sensor)

    def select(self, rows: NDArray[np.intp] | slice) -> TelemetryBatch:
        """Return the given rows as a batch; attributes keep their rows."""
        index = np.arange(len(self))[rows]
        place = {int(old): new for new, old in enumerate(index)} if self.attributes else {}
        kept = {place[row]: dims for row, dims in self.attributes.items() if row in place}
        return from_columns({name: getattr(self, name)[rows] for name, _ in COLUMNS}, kept)

    def rows(self) -> Iterator[TelemetryBatch]:
        """Yield a batch for each reading, in order; for tests and tools, not for the hot path."""
        return (self.select(slice(row, row + 1)) for row in range(len(self)))


def from_columns(
    columns: Mapping[str, NDArray[Any]], attributes: Mapping[int, Mapping[str, Any]] | None = None
) -> TelemetryBatch:
    """Return a batch of all columns of COLUMNS. Raises ValueError for wrong dtypes or lengths."""
    return TelemetryBatch(
        sensor=columns["sensor"],
        metric=columns["metric"],
        time_ns=columns["time_ns"],
        arrival_ns=columns["arrival_ns"],
        value=columns["value"],
        quality=columns["quality"],
        attributes=attributes or {},
    )


def empty_batch() -> TelemetryBatch:
    """Return a batch without readings."""
    return from_columns({name: np.empty(0, dtype) for name, dtype in COLUMNS})


def concat(batches: Sequence[TelemetryBatch]) -> TelemetryBatch:
    """Return one batch of all readings in order, with attributes renumbered."""
    if not batches:
        return empty_batch()
    attributes: dict[int, Mapping[str, Any]] = {}
    offset = 0
    for batch in batches:
        attributes |= {offset + row: dims for row, dims in batch.attributes.items()}
        offset += len(batch)
    columns = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name, _ in COLUMNS}
    return from_columns(columns, attributes)
