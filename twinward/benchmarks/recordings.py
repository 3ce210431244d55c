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
    """One reading of a recording. time_s: seconds since 1970 UTC. place and the fields after it: of camera events."""

    sensor: str
    kind: str
    metric: str
    time_s: float
    value: float
    place: str = ""
    label: str = ""
    state: str = ""
    track: str = ""
    score: str = ""


class Found(NamedTuple):
    """One detection. time_s: of its decision; detector: type of its rule; pages: whether it pages."""

    time_s: float
    hazard: str
    level: int
    detector: str = ""
    pages: bool = False


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


def detection_lines(rows: Iterable[Row]) -> list[dict[str, str]]:
    """Return the rows that `detect` writes for these readings in order of time."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "readings.csv"), Path(folder, "detections.csv")
        write_rows(source, rows)
        detect_file(source, target)
        return list(table(target))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write readings in order of time as a file for `detect`."""
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("sensor", "kind", "metric", "time", "value", *Row._fields[5:]))
        for row in sorted(rows, key=lambda one: one.time_s):
            writer.writerow((*row[:3], datetime.fromtimestamp(row.time_s, UTC).isoformat(), *row[4:]))


def detections(rows: Iterable[Row]) -> Mapping[str, list[Found]]:
    """Return the detections of each sensor in order, as `detect` writes them for these readings in order of time."""
    found: dict[str, list[Found]] = {}
    for line in detection_lines(rows):
        if line["phase"] != "clear":
            at_s = Times().one(line["decided"]) / SECOND_NS
            one = Found(at_s, line["hazard"], int(line["level"]), line["detector"], line["page"] == "true")
            found.setdefault(line["sensor"], []).append(one)
    return found


def spans(lines: Iterable[Mapping[str, str]], detector: str) -> Mapping[str, list[tuple[float, float]]]:
    """Return begin and end in s of the detections of one type for each sensor; inf for an end behind the recording."""
    found: dict[str, list[tuple[float, float]]] = {}
    begun: dict[tuple[str, str], float] = {}
    for line in lines:
        key, at_s = (line["sensor"], line["metric"]), Times().one(line["decided"]) / SECOND_NS
        if line["detector"] == detector and line["phase"] == "raise":
            begun[key] = at_s
        elif line["detector"] == detector and line["phase"] == "clear" and key in begun:
            found.setdefault(line["sensor"], []).append((begun.pop(key), at_s))
    for (sensor, _), at_s in begun.items():
        found.setdefault(sensor, []).append((at_s, inf))
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
