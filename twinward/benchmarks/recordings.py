"""Recordings of the benchmarks as readings, and their detections by the command `detect`."""

from __future__ import annotations

import csv
import gzip
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import NamedTuple

from twinward.commands.detect import detect_file
from twinward.commands.recording_times import Times
from twinward.errors import InputError

SECOND_NS = 1_000_000_000


class Row(NamedTuple):
    """One reading of a recording. time_s: seconds since 1970 UTC."""

    sensor: str
    kind: str
    metric: str
    time_s: float
    value: float


class Found(NamedTuple):
    """One detection. time_s: of its decision."""

    time_s: float
    hazard: str
    level: int


def table(path: Path, *, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file, compressed or not. Raises InputError if it cannot be read."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines, delimiter=delimiter)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: {error}") from error


def seconds(text: str) -> float:
    """Return a naive time of a recording as seconds since 1970, as if it were UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def detections(rows: Iterable[Row]) -> Mapping[str, list[Found]]:
    """Return the detections of each sensor in order, as `detect` writes them for these readings in order of time."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "readings.csv"), Path(folder, "detections.csv")
        with source.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("sensor", "kind", "metric", "time", "value"))
            for row in sorted(rows, key=lambda one: one.time_s):
                writer.writerow((*row[:3], datetime.fromtimestamp(row.time_s, UTC).isoformat(), row.value))
        detect_file(source, target)
        found: dict[str, list[Found]] = {}
        for line in table(target):
            at_s = Times().one(line["decided"]) / SECOND_NS
            found.setdefault(line["sensor"], []).append(Found(at_s, line["hazard"], int(line["level"])))
    return found


def first_alarm(
    found: Mapping[str, Sequence[Found]],
    sensors: Iterable[str],
    hazard: str,
    *,
    begin_s: float,
    earliest_s: float = -inf,
) -> float | None:
    """Return the seconds from begin_s to the first detection of a hazard by these sensors; None for none.

    earliest_s: seconds from begin_s before which a detection does not count.
    """
    times = (one.time_s - begin_s for sensor in sensors for one in found.get(sensor, ()) if one.hazard == hazard)
    return min((time_s for time_s in times if time_s >= earliest_s), default=None)
