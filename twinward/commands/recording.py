"""Recording in a CSV file as telemetry batches in order of time, whatever the order of its rows.

The rows go as numbers through a temporary file, so that memory holds no recording. A file out of order is sorted there
in runs, and the runs are merged.
"""

from __future__ import annotations

import contextlib
import csv
import gc
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from ingest import COLUMNS, KINDS, Catalog, CatalogFull, Quality, Sensor, TelemetryBatch, from_columns
from ingest.intake.validate import Ranges
from ingest.vocabulary import SERVICE_METRICS
from twinward.errors import InputError

from .recording_rows import ROW, in_order, sorted_by_time
from .recording_times import Times

CHUNK_ROWS = 4_096
ERRORS_KEPT = 20
NEEDED = ("sensor", "kind", "metric", "time", "value")
IDENTITY = ("site", "sensor", "kind", "place", "profile")
DIMS: Mapping[str, str] = {
    "label": "label", "state": "phase", "zone": "zone", "track": "track", "count": "count", "score": "score",
}  # fmt: skip
"""Column of an event -> label of the reading."""
QUALITIES = {quality.name.lower(): quality for quality in Quality} | {str(int(q)): q for q in Quality}


@dataclass(slots=True)
class Summary:
    """Counts of a run. errors: "line N: reason" for the first bad rows; bad_rows: their total number."""

    rows: int = 0
    bad_rows: int = 0
    detections: int = 0
    errors: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts for --json."""
        return asdict(self)

    def refuse(self, line: int, error: Exception) -> None:
        """Count a bad row; list the first ones."""
        self.bad_rows += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(f"line {line}: {error}")


def read_recording(
    source: Path,
    catalog: Catalog,
    summary: Summary,
    *,
    declared: Mapping[tuple[str, str], Sensor] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[TelemetryBatch]:
    """Yield the readings of a CSV file in order of time, after reading it whole; the arrival is the event time.

    declared: (site, id) -> sensor of a campus file; site "" for a row without one. Bad rows are counted and skipped. A
    value outside the valid range of its metric has quality fault. `progress`
    receives the number of rows so far. Raises InputError if the file is unreadable, or lacks a column.
    """
    with tempfile.TemporaryFile() as spool:
        try:
            with source.open(encoding="utf-8-sig", newline="") as lines, _no_collection():
                ordered, dims = _spool(
                    lines, source, spool, _Reader(source, catalog, summary, declared or {}), progress
                )
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{source}: {error}") from error
        for found in in_order(spool) if ordered else sorted_by_time(spool):
            yield _batch(found, dims)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Suspend the cyclic collector: rows of text contain no cycles, and its passes would take 40 % of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _spool(
    lines: TextIO, source: Path, spool: BinaryIO, reader: _Reader, progress: Callable[[int], None]
) -> tuple[bool, dict[int, dict[str, str]]]:
    """Write all readings into the spool. Return whether they are in order of time, and the labels by row."""
    rows = csv.reader(lines)
    header = next(rows, None)
    if header is None:
        raise InputError(f"{source}: the file is empty; required columns are {', '.join(NEEDED)}")
    reader.begin([name.strip() for name in header])
    ordered, newest_ns, count = True, -1, 0
    dims: dict[int, dict[str, str]] = {}
    while chunk := list(itertools.islice(rows, CHUNK_ROWS)):
        found, labels = reader.read(chunk, rows.line_num)
        dims |= {count + row: label for row, label in labels.items()}
        times = found["time_ns"]
        if len(times):
            ordered = ordered and int(times[0]) >= newest_ns and bool((times[1:] >= times[:-1]).all())
            newest_ns = int(times[-1])
        found["row"] = np.arange(count, count + len(found))
        found.tofile(spool)
        count += len(found)
        reader.summary.rows += len(chunk)
        progress(reader.summary.rows)
    spool.flush()
    return ordered, dims


class _Reader:
    """Converts rows of text to readings by column, and row by row where a row of a chunk is bad."""

    def __init__(
        self, source: Path, catalog: Catalog, summary: Summary, declared: Mapping[tuple[str, str], Sensor]
    ) -> None:
        self.summary, self._declared = summary, declared
        self._source, self._catalog = source, catalog
        self._times, self._ranges = Times(), Ranges()
        self._at: dict[str, int] = {}
        self._sensors: dict[tuple[str, ...], int] = {}
        self._metrics: dict[str, int] = {}
        self._qualities: dict[str, int] = {}

    def begin(self, header: Sequence[str]) -> None:
        """Set the columns. Raises InputError unless the needed ones are among them."""
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise InputError(
                f"{self._source}: line 1: no column {', '.join(missing)}; required are {', '.join(NEEDED)}"
            )
        self._at = {name: header.index(name) for name in header}
        self._width = len(header)
        self._least = 1 + max(self._at[name] for name in NEEDED)
        self._identity = [self._at[name] for name in IDENTITY if name in self._at]
        self._places = [IDENTITY.index(name) for name in IDENTITY if name in self._at]

    def read(self, chunk: Sequence[list[str]], last_line: int) -> tuple[NDArray[Any], dict[int, dict[str, str]]]:
        """Return the readings of a chunk that ends in the given line, and the labels by row."""
        kept: Sequence[list[str]] = chunk
        try:
            found = self._columns(chunk)
        except (ValueError, OverflowError, CatalogFull):
            found, kept = self._rows(chunk, last_line - len(chunk) + 1)
        outside = self._ranges.outside(found["metric"], found["value"]) & (found["quality"] == Quality.GOOD)
        found["quality"][outside] = Quality.FAULT
        return found, self._labels(kept)

    def _columns(self, chunk: Sequence[list[str]]) -> NDArray[Any]:
        """Return the readings of rows that are all good. Raises ValueError, OverflowError or CatalogFull."""
        columns = list(zip(*chunk, strict=True))
        if len(columns) < self._width:
            raise ValueError("rows without all fields")
        found = np.empty(len(chunk), ROW)
        found["value"] = list(map(float, columns[self._at["value"]]))
        if not np.isfinite(found["value"]).all():
            raise ValueError("a value is not finite")
        keys = zip(*(columns[at] for at in self._identity), strict=True)
        found["sensor"] = _coded(list(keys), self._sensors, self._sensor)
        found["metric"] = _coded(columns[self._at["metric"]], self._metrics, self._metric)
        found["time_ns"] = self._times.read(columns[self._at["time"]])
        words = () if "quality" not in self._at else columns[self._at["quality"]]
        found["quality"] = _coded(words, self._qualities, _quality) if words else int(Quality.GOOD)
        return found

    def _rows(self, chunk: Sequence[list[str]], first_line: int) -> tuple[NDArray[Any], list[list[str]]]:
        """Return the readings of the good rows, and those rows; count the bad ones with their line."""
        found, kept = [], []
        for line, row in enumerate(chunk, first_line):
            try:
                found.append(self._row(row))
            except (ValueError, OverflowError, CatalogFull) as error:
                self.summary.refuse(line, error)
            else:
                kept.append(row)
        return np.array(found, ROW), kept

    def _row(self, row: list[str]) -> tuple[int, float, int, int, int, int]:
        if len(row) < self._least:
            raise ValueError(f"{len(row)} fields; required are {self._least}")
        value = float(row[self._at["value"]])
        if not isfinite(value):
            raise ValueError(f"value {value} is not finite")
        (sensor,) = _coded(
            [tuple(row[at] if at < len(row) else "" for at in self._identity)], self._sensors, self._sensor
        )
        (metric,) = _coded([row[self._at["metric"]]], self._metrics, self._metric)
        at = self._at.get("quality", len(row))
        quality = _quality(row[at]) if at < len(row) else int(Quality.GOOD)
        return self._times.one(row[self._at["time"]]), value, 0, sensor, metric, quality

    def _sensor(self, given: tuple[str, ...]) -> int:
        key = ["", "", "", "", ""]
        for place, text in zip(self._places, given, strict=True):
            key[place] = text
        site, name, kind, place_id, profile = key
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r}; allowed are {', '.join(KINDS)}")
        if not name:
            raise ValueError("sensor is empty")
        declared = self._declared.get((site, name))
        code = self._catalog.code(declared.site if declared else site, name, declared.kind if declared else kind)
        if declared:
            self._catalog.update(replace(declared, code=code))
        known = self._catalog[code]
        if (place_id and not known.place) or (profile and not known.profile):
            self._catalog.update(replace(known, place=known.place or place_id, profile=known.profile or profile))
        return code

    def _metric(self, name: str) -> int:
        if not name:
            raise ValueError("metric is empty")
        if name in SERVICE_METRICS:
            raise ValueError(f"metric {name!r} is reserved for the service")
        return self._catalog.metric(name).code

    def _labels(self, rows: Sequence[Sequence[str]]) -> dict[int, dict[str, str]]:
        """Return the labels of the rows that have any."""
        wanted = [(DIMS[name], self._at[name]) for name in DIMS if name in self._at]
        if not wanted:
            return {}
        found = ({label: row[at] for label, at in wanted if at < len(row) and row[at]} for row in rows)
        return {number: labels for number, labels in enumerate(found) if labels}


def _quality(text: str) -> int:
    word = text.strip().lower()
    if word and word not in QUALITIES:
        raise ValueError(f"quality {word!r}; allowed are {', '.join(q.name.lower() for q in Quality)}")
    return int(QUALITIES[word]) if word else int(Quality.GOOD)


def _coded(keys: Sequence[Any], known: dict[Any, int], assign: Callable[[Any], int]) -> list[int]:
    """Return the code of each key; new keys get one."""
    for key in dict.fromkeys(keys):
        if key not in known:
            known[key] = assign(key)
    return [known[key] for key in keys]


def _batch(found: NDArray[Any], dims: Mapping[int, Mapping[str, Any]]) -> TelemetryBatch:
    columns = {name: found[name].astype(dtype) for name, dtype in COLUMNS if name != "arrival_ns"}
    labels = {at: dims[row] for at, row in enumerate(found["row"].tolist()) if row in dims} if dims else {}
    return from_columns({**columns, "arrival_ns": columns["time_ns"]}, labels)
