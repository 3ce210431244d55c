"""`detect`: detectors over a recording, from a CSV file of readings to a CSV file of detections."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from detectors import Calendar, DetectionBatch, DetectorError, Phase, Recipe, build, load_recipe
from ingest import COLUMNS, KINDS, Catalog, CatalogFull, Quality, Sensor, TelemetryBatch, ValueChecks, from_columns
from twinward.errors import InputError, as_cli_errors

from .output import progress_bar

BATCH_ROWS = 4096
ERRORS_KEPT = 20
NEEDED = ("sensor", "kind", "metric", "time", "value")
HEADER = ("sensor", "metric", "first", "last", "decided", "score", "detector", "hazard", "text", "level", "drill")
QUALITIES = {quality.name.lower(): quality for quality in Quality} | {str(int(q)): q for q in Quality}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def detect_file(
    source: Path, target: Path, *, recipe: Recipe | None = None, progress: Callable[[int], None] = lambda _: None
) -> Summary:
    """Run the recipe's detectors over a CSV file and write raised and changed detections.

    Bad rows are counted and skipped, and the first ones are listed with their line. `progress` receives the number of
    rows so far. Raises InputError if the file is unreadable or lacks a column.
    """
    summary, catalog = Summary(), Catalog()
    checks = ValueChecks(catalog)
    detector = build(recipe or load_recipe(), catalog, Calendar())
    levels: dict[tuple[int, int, str], int] = {}
    try:
        with source.open(encoding="utf-8", newline="") as lines, target.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(HEADER)
            for batch in _batches(lines, source, catalog, summary):
                found = detector.update(checks.apply(batch))
                writer.writerows(_output_rows(found, catalog, summary, levels))
                progress(summary.rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{source}: {error}") from error
    return summary


def detect_csv(source: Path, output: Path, *, recipe: Path | None, quiet: bool) -> dict[str, Any]:
    """Run the detectors over a CSV file, with a progress bar; return the summary."""
    with as_cli_errors(DetectorError), progress_bar(source.name, quiet=quiet) as report:
        rules = None if recipe is None else load_recipe(recipe)
        with source.open("rb") as file:
            lines = sum(1 for _ in file)
        found = detect_file(source, output, recipe=rules, progress=lambda rows: report(rows, rows / max(1, lines)))
        return found.as_dict()


def parse_time_ns(text: str) -> int:
    """Return RFC 3339, a naive time (UTC) or milliseconds since 1970 as ns since 1970. Raises ValueError."""
    try:
        return int(float(text) * 1000) * 1000
    except ValueError:
        moment = datetime.fromisoformat(text)
    delta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000


class _Reader:
    """Converts rows of text to readings and registers their sensors."""

    def __init__(self, header: list[str], source: Path, catalog: Catalog, summary: Summary) -> None:
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise InputError(f"{source}: line 1: no column {', '.join(missing)}; required are {', '.join(NEEDED)}")
        self._at = {name: header.index(name) for name in header}
        self._width = 1 + max(self._at[name] for name in NEEDED)
        self._catalog, self._summary = catalog, summary
        self._sensors: dict[tuple[str, ...], int] = {}
        self._metrics: dict[str, int] = {}

    def read(self, line: int, row: list[str]) -> tuple[int, int, int, float, int] | None:
        """Return sensor, metric, time, value and quality; None for a bad row, which is counted."""
        try:
            value = self._value(row)
            return self._sensor(row), self._metric(row), parse_time_ns(row[self._at["time"]]), value, self._quality(row)
        except (ValueError, OverflowError, CatalogFull) as error:
            self._summary.bad_rows += 1
            if len(self._summary.errors) < ERRORS_KEPT:
                self._summary.errors.append(f"line {line}: {error}")
            return None

    def _value(self, row: list[str]) -> float:
        if len(row) < self._width:
            raise ValueError(f"{len(row)} fields; required are {self._width}")
        value = float(row[self._at["value"]])
        if not isfinite(value):
            raise ValueError(f"value {value} is not finite")
        return value

    def _optional(self, row: list[str], name: str) -> str:
        at = self._at.get(name)
        return row[at] if at is not None and at < len(row) else ""

    def _sensor(self, row: list[str]) -> int:
        key = (
            self._optional(row, "site"),
            row[self._at["sensor"]],
            row[self._at["kind"]],
            self._optional(row, "place"),
        )
        code = self._sensors.get(key)
        if code is None:
            site, name, kind, place = key
            if kind not in KINDS:
                raise ValueError(f"kind {kind!r}; allowed are {', '.join(KINDS)}")
            if not name:
                raise ValueError("sensor is empty")
            code = self._sensors[key] = self._catalog.code(site, name, kind)
            known = self._catalog[code]
            if place and not known.place:
                self._catalog.update(Sensor(code, name, site, known.kind, place))
        return code

    def _metric(self, row: list[str]) -> int:
        name = row[self._at["metric"]]
        code = self._metrics.get(name)
        if code is None:
            if not name:
                raise ValueError("metric is empty")
            code = self._metrics[name] = self._catalog.metric(name).code
        return code

    def _quality(self, row: list[str]) -> int:
        text = self._optional(row, "quality").strip().lower()
        if not text:
            return int(Quality.GOOD)
        if text not in QUALITIES:
            raise ValueError(f"quality {text!r}; allowed are {', '.join(q.name.lower() for q in Quality)}")
        return int(QUALITIES[text])


def _batches(lines: TextIO, source: Path, catalog: Catalog, summary: Summary) -> Iterator[TelemetryBatch]:
    rows = csv.reader(lines)
    header = next(rows, None)
    if header is None:
        raise InputError(f"{source}: the file is empty; required columns are {', '.join(NEEDED)}")
    reader = _Reader([name.strip() for name in header], source, catalog, summary)
    newest_ns = np.iinfo(np.int64).min
    while chunk := list(itertools.islice(((rows.line_num, row) for row in rows), BATCH_ROWS)):
        read = [reading for line, row in chunk if (reading := reader.read(line, row)) is not None]
        summary.rows += len(chunk)
        if read:
            batch = _batch(read, newest_ns)
            newest_ns = int(batch.arrival_ns[-1])
            yield batch


def _batch(read: list[tuple[int, int, int, float, int]], newest_ns: int) -> TelemetryBatch:
    """Return the batch of the readings; the arrival time of a row is the newest time up to that row."""
    sensor, metric, time_ns, value, quality = zip(*read, strict=True)
    arrival_ns = np.maximum(np.maximum.accumulate(np.array(time_ns, np.int64)), newest_ns)
    found = {"sensor": sensor, "metric": metric, "time_ns": time_ns, "value": value, "quality": quality}
    columns = {name: np.array(found[name], dtype) for name, dtype in COLUMNS if name in found}
    return from_columns({**columns, "arrival_ns": arrival_ns})


def _output_rows(
    found: DetectionBatch, catalog: Catalog, summary: Summary, levels: dict[tuple[int, int, str], int]
) -> Iterator[tuple[Any, ...]]:
    """Yield output rows for raised and risen detections; clears and lower levels are no alarms.

    levels: (sensor, metric, rule) -> present level; kept from batch to batch.
    """
    for i in range(len(found)):
        key, level = (int(found.sensor[i]), int(found.metric[i]), found.rule[i]), int(found.level[i])
        down = found.phase[i] == Phase.CHANGE and level < levels.get(key, 0)
        levels[key] = level
        if down or found.phase[i] == Phase.CLEAR:
            continue
        summary.detections += 1
        yield (
            catalog[int(found.sensor[i])].id,
            catalog.metric_of(int(found.metric[i])).name,
            _rfc3339(int(found.first_ns[i])),
            _rfc3339(int(found.last_ns[i])),
            _rfc3339(int(found.decided_ns[i])),
            f"{found.score[i]:.3f}",
            found.detector[i],
            found.hazard[i],
            found.evidence[i]["text"]["en"],
            int(found.level[i]),
            "true" if found.drill[i] else "false",
        )


def _rfc3339(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 1_000_000 % 1000:03d}Z"
