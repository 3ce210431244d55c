"""Skoltech Anomaly Benchmark: eight channels of a pump. Baseline: robust z of the worst channel.

Each series starts up to 900 s later, behind its own first 400 rows, forwards and backwards: a rule on the row number
would otherwise score high. The first 400 rows of the recording itself are for fitting and are not scored.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.qualification.nab import PROFILES, Series, nab_score

from .drawings import Drawing, Example, picked
from .goals import Goal, Measured
from .recordings import Row, detection_lines, seconds, spans, table

FIT_ROWS, LATER_ROWS, SMOOTHED_ROWS, CHANGE_ROWS = 400, 900, 11, 60
LIMIT = 3.0
SEED = 7
LABELS = ("datetime", "anomaly", "changepoint")
DEVIATION, CHANGE = "group", "change_point"
"""Rule types of the two figures."""
Spans = Mapping[str, Sequence[tuple[float, float]]]
RATES = (
    Goal("SKAB F1", "", 0.79, 0.83, 0.88, group="SKAB"),
    Goal("SKAB false alarm rate", "%", 15, 10, 6, larger=False, group="SKAB"),
    Goal("SKAB missed alarm rate", "%", 25, 20, 15, larger=False, group="SKAB"),
)
CHANGES = Goal("SKAB change points, NAB standard", "", 30, 36, 42, group="SKAB change points")
PRECISION = Goal("SKAB change points, precision", "", 0.6, 0.6, 0.6, group="SKAB change points")


class Experiment:
    """One experiment behind rows without anomalies. values: rows x channels; flags, changes: of each row."""

    def __init__(self, path: Path, later: int) -> None:
        rows = list(table(path, delimiter=";"))
        self.name = f"{path.parent.name}/{path.name.partition('.')[0]}"
        self.channels = [name for name in rows[0] if name not in LABELS]
        own = np.array([[float(row[name]) for name in self.channels] for row in rows])
        self.values = np.concatenate([own[quiet_rows(later)], own])
        self.flags = np.concatenate([np.zeros(later, np.bool_), [float(row["anomaly"]) > 0 for row in rows]])
        self.changes = [later + at for at, row in enumerate(rows) if float(row["changepoint"]) > 0]
        self.start_s = seconds(rows[0]["datetime"]) - later
        self.fit = slice(later, later + FIT_ROWS)
        self.scored = np.ones(len(self.values), np.bool_)
        self.scored[: later + FIT_ROWS] = False


def measure(folder: Path) -> Iterator[Measured | Drawing]:
    """Yield F1, false and missed alarm rate, and the change points, over all experiments of the folder."""
    experiments = _experiments(folder)
    lines = detection_lines(_rows(experiments))
    lasting, changing = spans(lines, DEVIATION), spans(lines, CHANGE)
    ours = [_flags_of(one, lasting) for one in experiments]
    baseline = [worst_channel(one.values, one.fit) for one in experiments]
    pairs = [_rates(experiments, flags) for flags in (ours, baseline)]
    for goal, mine, other in zip(RATES, *pairs, strict=True):
        yield Measured("skab", goal, mine, other, len(experiments))
    points = [_points_of(one, changing) for one in experiments], [first_rows(flags) for flags in baseline]
    ours_changes, simple = (
        [_change_series(one, rows) for one, rows in zip(experiments, chosen, strict=True)] for chosen in points
    )
    marks = sum(len(one.changes) for one in experiments)
    weights = PROFILES["standard"]
    yield Measured("skab", CHANGES, nab_score(ours_changes, weights), nab_score(simple, weights), marks)
    yield Measured("skab", PRECISION, _precision(ours_changes), _precision(simple), marks)
    yield picked("skab", "Pump with anomalies", [_example(one, lasting) for one in experiments])


def quiet_rows(later: int) -> NDArray[np.int64]:
    """Return `later` row numbers of the first 400, forwards and backwards, so that the last one is row 0.

    >>> quiet_rows(3).tolist()
    [2, 1, 0]
    """
    turn = np.arange(later - 1, -1, -1) % (2 * FIT_ROWS)
    rows: NDArray[np.int64] = np.where(turn < FIT_ROWS, turn, 2 * FIT_ROWS - 1 - turn)
    return rows


def first_rows(flags: NDArray[np.bool_]) -> list[int]:
    """Return the first row of each flagged run."""
    rows: list[int] = np.flatnonzero(flags & ~np.concatenate([[False], flags[:-1]])).tolist()
    return rows


def worst_channel(values: NDArray[np.float64], fit: slice) -> NDArray[np.bool_]:
    """Return the rows whose worst robust z, as a median of 11 rows, exceeds 3."""
    middle = np.median(values[fit], axis=0)
    spread = 1.4826 * np.median(np.abs(values[fit] - middle), axis=0)
    worst = np.max(np.abs(values - middle) / np.where(spread > 0, spread, 1.0), axis=1)
    padded = np.concatenate([np.full(SMOOTHED_ROWS - 1, worst[0]), worst])
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED_ROWS), axis=1)
    flags: NDArray[np.bool_] = smooth > LIMIT
    return flags


def _experiments(folder: Path) -> list[Experiment]:
    paths = sorted(path for path in folder.glob("*/*.csv.gz") if path.parent.name != "anomaly-free")
    later = random.Random(SEED)  # noqa: S311 - a fixed choice of starts
    return [Experiment(path, later.randrange(LATER_ROWS + 1)) for path in paths]


def _rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    for one in experiments:
        for at, values in enumerate(one.values.tolist()):
            for channel, value in zip(one.channels, values, strict=True):
                metric = channel.lower().replace(" ", "_")
                yield Row(f"{one.name}/{metric}", "device", metric, one.start_s + at, value)


def _example(one: Experiment, lasting: Spans) -> Example:
    """Return the channel that anomalies change most in its own spread, with the starts of the detections."""
    calm, changed = one.values[~one.flags], one.values[one.flags]
    moved = np.abs(changed.mean(axis=0) - calm.mean(axis=0)) / np.maximum(calm.std(axis=0), 1e-9)
    channel = int(np.argmax(moved))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], one.flags, [False]])))
    windows = [(one.start_s + int(first), one.start_s + int(last)) for first, last in edges.reshape(-1, 2)]
    points = [(one.start_s + at, float(value)) for at, value in enumerate(one.values[:, channel])]
    alarms = [begin_s for begin_s, _ in _own(one, lasting) if one.scored[int(begin_s - one.start_s)]]
    return Example(f"{one.name}, {one.channels[channel]}", "", points, windows, alarms)


def _flags_of(one: Experiment, lasting: Spans) -> NDArray[np.bool_]:
    """Return the rows within a detection of the experiment."""
    times, flags = one.start_s + np.arange(len(one.values)), np.zeros(len(one.values), np.bool_)
    for begin_s, end_s in _own(one, lasting):
        flags |= (times >= begin_s) & (times < end_s)
    return flags


def _points_of(one: Experiment, changing: Spans) -> list[int]:
    """Return the rows at which a change point of the experiment was found."""
    return sorted(int(begin_s - one.start_s) for begin_s, _ in _own(one, changing))


def _own(one: Experiment, found: Spans) -> list[tuple[float, float]]:
    return [span for sensor, own in found.items() if sensor.startswith(f"{one.name}/") for span in own]


def _rates(experiments: Sequence[Experiment], flags: Sequence[NDArray[np.bool_]]) -> tuple[float, float, float]:
    truth = np.concatenate([one.flags[one.scored] for one in experiments])
    flagged = np.concatenate([mine[one.scored] for one, mine in zip(experiments, flags, strict=True)])
    hits, false, missed = (int(np.sum(which)) for which in (flagged & truth, flagged & ~truth, ~flagged & truth))
    f1 = 2 * hits / (2 * hits + false + missed) if hits else 0.0
    return f1, 100 * false / max(1, int(np.sum(~truth))), 100 * missed / max(1, int(np.sum(truth)))


def _change_series(one: Experiment, rows: Sequence[int]) -> Series:
    """Return the experiment with a window of 60 s behind each change point, and the scored detections."""
    windows = [(at, min(at + CHANGE_ROWS, len(one.values) - 1)) for at in one.changes]
    return Series(len(one.values), windows, [row for row in rows if one.scored[row]])


def _precision(series: Sequence[Series]) -> float:
    """Return the share of the detections that lie in a window."""
    within = [any(first <= row <= last for first, last in one.windows) for one in series for row in one.detections]
    return sum(within) / max(1, len(within))
