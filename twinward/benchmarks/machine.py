"""Skoltech Anomaly Benchmark: eight channels of a pump. Baseline: robust z of the worst channel.

Each series starts up to 900 s later, behind rows of the recording without anomalies: a rule on the row number would
otherwise score high. The first 400 rows of the recording itself are for fitting.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.qualification.nab import PROFILES, Series, nab_score

from .goals import Goal, Measured
from .recordings import Found, Row, detections, seconds, table

FIT_ROWS, LATER_ROWS, SMOOTHED_ROWS, CHANGE_ROWS = 400, 900, 11, 60
LIMIT = 3.0
SEED = 7
LABELS = ("datetime", "anomaly", "changepoint")
ACTIVE_S = 60
"""Time that a detection flags when its series ends without another one."""
RATES = (
    Goal("SKAB F1", "", 0.79, 0.83, 0.88, group="SKAB"),
    Goal("SKAB false alarm rate", "%", 15, 10, 6, larger=False, group="SKAB"),
    Goal("SKAB missed alarm rate", "%", 25, 20, 15, larger=False, group="SKAB"),
)
CHANGES = Goal("SKAB change points, NAB standard", "", 30, 36, 42)


class Experiment:
    """One experiment behind rows without anomalies. values: rows x channels; flags, changes: of each row."""

    def __init__(self, path: Path, before: NDArray[np.float64], later: int) -> None:
        rows = list(table(path, delimiter=";"))
        self.name = f"{path.parent.name}/{path.name.partition('.')[0]}"
        self.channels = [name for name in rows[0] if name not in LABELS]
        own = np.array([[float(row[name]) for name in self.channels] for row in rows])
        self.values = np.concatenate([before[len(before) - later :], own])
        self.flags = np.concatenate([np.zeros(later, np.bool_), [float(row["anomaly"]) > 0 for row in rows]])
        self.changes = [later + at for at, row in enumerate(rows) if float(row["changepoint"]) > 0]
        self.start_s = seconds(rows[0]["datetime"]) - later
        self.fit = slice(later, later + FIT_ROWS)
        self.scored = np.ones(len(self.values), np.bool_)
        self.scored[: later + FIT_ROWS] = False


def measure(folder: Path) -> Iterator[Measured]:
    """Yield F1, false and missed alarm rate, and the change points, over all experiments of the folder."""
    experiments = _experiments(folder)
    found = detections(_rows(experiments))
    ours = [_flags_of(one, found) for one in experiments]
    baseline = [worst_channel(one.values, one.fit) for one in experiments]
    pairs = [_rates(experiments, flags) for flags in (ours, baseline)]
    for goal, mine, other in zip(RATES, *pairs, strict=True):
        yield Measured("skab", goal, mine, other, len(experiments))
    changes = [
        nab_score([_change_series(*pair) for pair in zip(experiments, flags, strict=True)], PROFILES["standard"])
        for flags in (ours, baseline)
    ]
    yield Measured("skab", CHANGES, changes[0], changes[1], sum(len(one.changes) for one in experiments))


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
    free = list(table(folder / "anomaly-free" / "anomaly-free.csv.gz", delimiter=";"))
    before = np.array([[float(row[name]) for name in row if name not in LABELS] for row in free])
    paths = sorted(path for path in folder.glob("*/*.csv.gz") if path.parent.name != "anomaly-free")
    later = random.Random(SEED)  # noqa: S311 - a fixed choice of starts
    return [Experiment(path, before, later.randrange(LATER_ROWS + 1)) for path in paths]


def _rows(experiments: Sequence[Experiment]) -> Iterator[Row]:
    for one in experiments:
        for at, values in enumerate(one.values.tolist()):
            for channel, value in zip(one.channels, values, strict=True):
                metric = channel.lower().replace(" ", "_")
                yield Row(f"{one.name}/{metric}", "device", metric, one.start_s + at, value)


def _flags_of(one: Experiment, found: Mapping[str, Sequence[Found]]) -> NDArray[np.bool_]:
    flags = np.zeros(len(one.values), np.bool_)
    for sensor, alarms in found.items():
        if sensor.startswith(f"{one.name}/"):
            for alarm in alarms:
                at = int(alarm.time_s - one.start_s)
                flags[at : at + ACTIVE_S] = True
    return flags


def _rates(experiments: Sequence[Experiment], flags: Sequence[NDArray[np.bool_]]) -> tuple[float, float, float]:
    truth = np.concatenate([one.flags[one.scored] for one in experiments])
    flagged = np.concatenate([mine[one.scored] for one, mine in zip(experiments, flags, strict=True)])
    hits, false, missed = (int(np.sum(which)) for which in (flagged & truth, flagged & ~truth, ~flagged & truth))
    f1 = 2 * hits / (2 * hits + false + missed) if hits else 0.0
    return f1, 100 * false / max(1, int(np.sum(~truth))), 100 * missed / max(1, int(np.sum(truth)))


def _change_series(one: Experiment, flags: NDArray[np.bool_]) -> Series:
    """Return the experiment with a window of 60 s behind each change point; detections are first flagged rows."""
    starts = np.flatnonzero(flags & ~np.concatenate([[False], flags[:-1]]) & one.scored)
    windows = [(at, min(at + CHANGE_ROWS, len(flags) - 1)) for at in one.changes]
    return Series(len(flags), windows, starts.tolist())
