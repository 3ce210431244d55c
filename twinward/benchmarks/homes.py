"""NIST home fires: smoke and temperature at each station, against the first real ionization alarm.

Ten quiet minutes come before each test, resampled from its first ten seconds: a method that alarms in them has no valid
result. Baseline: two stations 5 K above their quiet mean.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .goals import Goal, Measured, binomial_error
from .recordings import Row, detections, first_alarm, table

QUIET_S, FIRST_S, STEP_S = 600, 10, 2
DECIBELS = 10.0
"""dB/m of an optical density of 1/m."""
RISE_K, STATIONS = 5.0, 2
SEED = 11
START_S = 1_700_000_000.0
NO_LATER = Goal("NIST fires found no later than the first ionization alarm", "%", 50, 83, 100)


class HomeFire:
    """One test: rows of seconds since ignition, temperatures and smoke by station; the first ionization alarm."""

    def __init__(self, path: Path, first_alarm_s: float) -> None:
        rows = [{name: float(text or 0) for name, text in row.items()} for row in table(path)]
        named = {name for name in rows[0] if name.startswith(("TC", "SM")) and name.endswith("_1")}
        self.name, self.first_alarm_s = path.name.partition(".")[0], first_alarm_s
        self.channels = sorted(name for name in named if any(row[name] for row in rows))
        draw = random.Random(SEED)  # noqa: S311 - a fixed quiet span
        first = [row for row in rows if row["TIME"] <= FIRST_S]
        quiet = [dict(draw.choice(first)) for _ in range(QUIET_S // STEP_S)]
        for number, row in enumerate(quiet):
            row["TIME"] = number * STEP_S - QUIET_S
        self.rows = [*quiet, *rows]


def measure(folder: Path) -> Iterator[Measured]:
    """Yield the share of tests whose first fire alarm is no later than the first ionization alarm."""
    firsts: dict[str, float] = {}
    for row in table(folder / "alarm_times.csv"):
        if row["type"] == "ionization":
            firsts[row["test"]] = min(float(row["seconds"]), firsts.get(row["test"], float("inf")))
    tests = [HomeFire(folder / f"{name}.csv.gz", first_s) for name, first_s in sorted(firsts.items())]
    found = detections(_rows(tests))
    ours = []
    for number, test in enumerate(tests):
        stations = [sensor for sensor in found if sensor.startswith(f"{test.name}/")]
        ours.append(first_alarm(found, stations, "fire", begin_s=_begin(number)))
    figures = [_share(tests, times) for times in (ours, [warm_stations(test) for test in tests])]
    yield Measured("nist", NO_LATER, figures[0], figures[1], len(tests), binomial_error(figures[0], len(tests)))


def warm_stations(test: HomeFire) -> float | None:
    """Return the first time with two stations 5 K above their quiet mean; None for never."""
    heads = [name for name in test.channels if name.startswith("TC")]
    quiet = [row for row in test.rows if row["TIME"] < 0]
    mean = {name: sum(row[name] for row in quiet) / len(quiet) for name in heads}
    for row in test.rows:
        if sum(row[name] > mean[name] + RISE_K for name in heads) >= STATIONS:
            return row["TIME"]
    return None


def _begin(number: int) -> float:
    """Return the ignition of a test, s since 1970: the tests follow each other by a day."""
    return START_S + number * 86_400


def _rows(tests: Sequence[HomeFire]) -> Iterator[Row]:
    for number, test in enumerate(tests):
        for row in test.rows:
            for name in test.channels:
                yield _reading(test.name, name, _begin(number) + row["TIME"], row)


def _reading(test: str, name: str, time_s: float, row: Mapping[str, float]) -> Row:
    station = name[2:].partition("_")[0]
    if name.startswith("TC"):
        return Row(f"{test}/{station}", "env", "temperature", time_s, row[name])
    return Row(f"{test}/{station}-smoke", "smoke", "smoke_density", time_s, max(0.0, DECIBELS * row[name]))


def _share(tests: Sequence[HomeFire], times: Sequence[float | None]) -> float:
    valid = [at_s is not None and 0 <= at_s <= test.first_alarm_s for test, at_s in zip(tests, times, strict=True)]
    return 100 * sum(valid) / len(valid)
