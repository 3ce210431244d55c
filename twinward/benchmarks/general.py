"""Numenta Anomaly Benchmark: series of any meaning, causal.

The detector receives neither the range nor the length of a series, so one run counts under both rules. Its parameters
were chosen on one half of the sources; the other half is a row of its own. Baseline: EWMA residual over its own tail.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from detectors.qualification.nab import PROFILES, Series, nab_score, probation

from .drawings import Drawing, Example, picked
from .goals import Goal, Measured
from .recordings import Row, detections, seconds, table

ALPHA, TAIL_ROWS, TAIL, FIRST_ROWS, OVER = 0.005, 2_000, 0.995, 100, 1.1
HAZARD = "anomaly"
CAUSAL = Goal("NAB standard, strictly causal", "", 58, 66, 72)
OTHER_HALF = Goal("NAB standard, strictly causal, other half of the sources", "", 58, 66, 72)
OFFICIAL = {
    "standard": Goal("NAB standard, official rule", "", 65, 74, 78),
    "low FP": Goal("NAB low FP, official rule", "", 55, 65, 70),
    "low FN": Goal("NAB low FN, official rule", "", 65, 75, 83),
}


def measure(folder: Path) -> Iterator[Measured | Drawing]:
    """Yield the profiles over all series of the folder, and the half of other sources."""
    ours, baseline, examples = _scored(folder)
    cases = _windows(ours.values())
    standard = PROFILES["standard"]
    whole = nab_score(ours.values(), standard), nab_score(baseline.values(), standard)
    yield Measured("nab", CAUSAL, *whole, cases)
    other = other_sources(ours)
    other_cases = _windows(ours[name] for name in other)
    if other_cases:
        pair = [nab_score([found[name] for name in other], standard) for found in (ours, baseline)]
        yield Measured("nab", OTHER_HALF, pair[0], pair[1], other_cases)
    for profile, goal in OFFICIAL.items():
        pair = [nab_score(found.values(), PROFILES[profile]) for found in (ours, baseline)]
        yield Measured("nab", goal, pair[0], pair[1], cases)
    yield picked("nab", "Series of the Numenta benchmark", examples)


def other_sources(names: Mapping[str, object]) -> list[str]:
    """Return the series of every second source: series of one machine, road or exchange are on one side."""
    sources = sorted({source_of(name) for name in names})
    return [name for name in names if sources.index(source_of(name)) % 2]


def source_of(name: str) -> str:
    """Return the source of a series.

    >>> source_of("realTraffic/occupancy_6005.csv"), source_of("realAdExchange/exchange-2_cpc_results.csv")
    ('realTraffic/6005', 'realAdExchange/exchange-2')
    """
    category, _, series = name.partition("/")
    if category.startswith("artificial"):
        return "artificial/daily" if "daily" in series else f"artificial/{series}"
    if category == "realAdExchange":
        return f"{category}/{series.partition('_')[0]}"
    road = re.search(r"_(t?\d+)\.csv$", series)
    return f"{category}/{road[1]}" if category == "realTraffic" and road else name


def tail_detections(values: Sequence[float]) -> list[int]:
    """Return rows whose EWMA residual exceeds 1.1 times the 99.5 % quantile of the last 2,000, without repeats."""
    rest = max(1, probation(len(values)) // 5)
    mean, variance, last = values[0] if values else 0.0, 0.0, -rest
    recent: deque[float] = deque()
    ordered: list[float] = []
    found = []
    for row, value in enumerate(values):
        error = value - mean
        score = abs(error) / (variance**0.5 + 1e-9 * (1 + abs(mean)))
        limit = OVER * ordered[int(TAIL * len(ordered))] if len(ordered) > FIRST_ROWS else float("inf")
        if score > limit and row - last >= rest:
            found.append(row)
            last = row
        mean += ALPHA * error
        variance = (1 - ALPHA) * (variance + ALPHA * error * error)
        recent.append(score)
        insort(ordered, score)
        if len(recent) > TAIL_ROWS:
            del ordered[bisect_left(ordered, recent.popleft())]
    return found


def _scored(folder: Path) -> tuple[dict[str, Series], dict[str, Series], list[Example]]:
    """Return the detections of `detect` and of the baseline in each series, and the recordings for plots."""
    windows = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    times, values = {}, {}
    for name in windows:
        rows = list(table(folder / "data" / f"{name}.gz"))
        times[name] = [seconds(row["timestamp"]) for row in rows]
        values[name] = [float(row["value"]) for row in rows]
    found = detections(
        Row(name, "env", "benchmark_value", at_s, value)
        for name in windows
        for at_s, value in zip(times[name], values[name], strict=True)
    )
    ours, baseline, examples = {}, {}, list[Example]()
    for name, spans in windows.items():
        within = [(row_of(times[name], first), row_of(times[name], last)) for first, last in spans]
        alarms = [one.time_s for one in found.get(name, ()) if one.hazard == HAZARD]
        ours[name] = Series(len(times[name]), within, sorted({bisect_left(times[name], at_s) for at_s in alarms}))
        baseline[name] = Series(len(times[name]), within, tail_detections(values[name]))
        marks = [(seconds(first), seconds(last)) for first, last in spans]
        examples.append(Example(name, "", list(zip(times[name], values[name], strict=True)), marks, alarms))
    return ours, baseline, examples


def _windows(series: Iterable[Series]) -> int:
    return sum(len(one.windows) for one in series)


def row_of(times: Sequence[float], text: str) -> int:
    """Return the first row at or after a time."""
    return bisect_left(times, seconds(text))
