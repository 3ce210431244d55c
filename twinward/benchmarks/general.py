"""Numenta Anomaly Benchmark: series of any meaning, causal.

Baseline: EWMA residual over its own past tail.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from detectors.qualification.nab import PROFILES, Series, nab_score, probation

from .goals import Goal, Measured
from .recordings import Row, detections, seconds, table

ALPHA, TAIL_ROWS, TAIL, FIRST_ROWS = 0.02, 2_000, 0.995, 100
GOALS = {
    "standard": Goal("NAB standard, strictly causal", "", 58, 66, 72),
    "low FP": Goal("NAB low FP", "", 55, 65, 70),
    "low FN": Goal("NAB low FN", "", 65, 75, 83),
}


def measure(folder: Path) -> Iterator[Measured]:
    """Yield the three profiles over all series of the folder."""
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
    ours, baseline = [], []
    for name, spans in windows.items():
        within = [(_row(times[name], first), _row(times[name], last)) for first, last in spans]
        rows_found = sorted({bisect_left(times[name], one.time_s) for one in found.get(name, ())})
        ours.append(Series(len(times[name]), within, rows_found))
        baseline.append(Series(len(times[name]), within, tail_detections(values[name])))
    cases = sum(len(spans) for spans in windows.values())
    for profile, goal in GOALS.items():
        weights = PROFILES[profile]
        yield Measured("nab", goal, nab_score(ours, weights), nab_score(baseline, weights), cases)


def tail_detections(values: Sequence[float]) -> list[int]:
    """Return rows whose EWMA residual exceeds the 99.5 % quantile of the last 2,000, without repeats."""
    rest = max(1, probation(len(values)) // 5)
    mean, variance, last = values[0] if values else 0.0, 0.0, -rest
    recent: deque[float] = deque()
    ordered: list[float] = []
    found = []
    for row, value in enumerate(values):
        error = value - mean
        score = abs(error) / (variance**0.5 + 1e-9 * (1 + abs(mean)))
        limit = ordered[int(TAIL * len(ordered))] if len(ordered) > FIRST_ROWS else float("inf")
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


def _row(times: Sequence[float], text: str) -> int:
    return bisect_left(times, seconds(text))
