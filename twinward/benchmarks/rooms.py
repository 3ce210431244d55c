"""UCI Occupancy Detection: presence in an office by its air. Baseline: a carbon dioxide limit.

The limits of the recipe were chosen on `datatraining`; the figure is of `datatest`, other days of the same office. The
readings are temperature, humidity and carbon dioxide, without light and without the hour.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .goals import Goal, Measured
from .recordings import Row, detection_lines, seconds, spans

REPORTED = "datatest.csv.gz"
METRICS = {"Temperature": "temperature", "Humidity": "humidity", "CO2": "co2"}
LIMIT_PPM = 600
GOAL = Goal("occupancy without light and clock, balanced accuracy", "", 0.75, 0.80, 0.85)


class _Minutes(NamedTuple):
    """Rows of a file: time in s, values by metric, and presence."""

    times: NDArray[np.float64]
    values: dict[str, NDArray[np.float64]]
    present: NDArray[np.bool_]


def measure(folder: Path) -> Iterator[Measured]:
    """Yield the balanced accuracy per minute on the part that the recipe was not chosen on."""
    minutes = _read(folder / REPORTED)
    found = spans(detection_lines(_rows(minutes)), "occupancy")
    flagged = np.zeros(len(minutes.times), np.bool_)
    for begin_s, end_s in found.get("office", ()):
        flagged |= (minutes.times >= begin_s) & (minutes.times < end_s)
    baseline = minutes.values["co2"] > LIMIT_PPM
    ours, simple = (balanced_accuracy(minutes.present, flags) for flags in (flagged, baseline))
    yield Measured("uci-occupancy", GOAL, ours, simple, len(minutes.times))


def balanced_accuracy(truth: NDArray[np.bool_], flags: NDArray[np.bool_]) -> float:
    """Return the mean of the shares found among true and among false rows.

    >>> balanced_accuracy(np.array([True, True, False]), np.array([True, False, False]))
    0.75
    """
    return float((flags[truth].mean() + (~flags[~truth]).mean()) / 2)


def _read(path: Path) -> _Minutes:
    """Return the rows of a file, whose header lacks the name of its first column."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    named: Sequence[dict[str, str]] = [dict(zip(header, row[1:], strict=True)) for row in rows]
    return _Minutes(
        np.array([seconds(row["date"]) for row in named]),
        {metric: np.array([float(row[name]) for row in named]) for name, metric in METRICS.items()},
        np.array([row["Occupancy"] == "1" for row in named]),
    )


def _rows(minutes: _Minutes) -> Iterator[Row]:
    for metric, values in minutes.values.items():
        for at_s, value in zip(minutes.times.tolist(), values.tolist(), strict=True):
            yield Row("office", "env", metric, at_s, value)
