"""Scores of single estimators on the Numenta benchmark, causal, by half of the sources.

`python -m twinward.benchmarks.estimators ../shared/data/nab` prints for each type the standard score of the half on
which its settings were chosen, of the other half, and the cost of a reading. On 29 November 2026: unusual and excess
together 70.1 and 72.2, unusual alone 66.8 and 72.5, own_tail 44.3 and 60.6, context 27.3 and 42.6, excess 31.9 and
19.7, dspot 30.3 and 29.8, half_space_trees 23.0 and 54.8, page_hinkley 16.9 and 46.3. No further estimator is better
on the first half than the general recipe, so the shipped recipe uses none of them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detectors import Calendar, Phase, Recipe, build
from detectors.qualification.nab import PROFILES, Series, nab_score
from detectors.recipes.types import TYPES
from ingest import COLUMNS, Catalog, TelemetryBatch, from_columns

from .general import other_sources, row_of
from .recordings import seconds, table

KINDS = ("unusual", "excess", "dspot", "own_tail", "page_hinkley", "half_space_trees", "context")
START_S = 1_700_000_000
Case = tuple[str, TelemetryBatch, Catalog, list[tuple[int, int]]]


def scores(folder: Path, groups: Sequence[Sequence[str]]) -> Iterator[tuple[str, float, float, float]]:
    """Yield the types of each group, the scores of both halves, and the microseconds of a reading."""
    cases = list(_cases(folder))
    rows = sum(len(batch) for _, batch, _, _ in cases)
    for kinds in groups:
        began_s, found = time.process_time(), dict[str, Series]()
        for name, batch, catalog, windows in cases:
            found[name] = Series(len(batch), windows, _alarms(kinds, catalog, batch))
        cost_us = (time.process_time() - began_s) / rows * 1e6
        other, standard = set(other_sources(found)), PROFILES["standard"]
        halves = [[one for name, one in found.items() if (name in other) == side] for side in (False, True)]
        first, second = (nab_score(half, standard) if any(one.windows for one in half) else 0.0 for half in halves)
        yield "+".join(kinds), first, second, cost_us


def _cases(folder: Path) -> Iterator[Case]:
    for name, spans in json.loads((folder / "windows.json").read_text(encoding="utf-8")).items():
        rows = list(table(folder / "data" / f"{name}.gz"))
        times = [seconds(row["timestamp"]) for row in rows]
        catalog = Catalog()
        time_ns = np.maximum.accumulate(((np.array(times) - times[0] + START_S) * 1e9).astype(np.int64))
        plain: dict[str, Any] = {
            "sensor": catalog.code("s", "one", "env"),
            "metric": catalog.metric("benchmark_value").code,
            "time_ns": time_ns,
            "arrival_ns": time_ns,
            "value": [float(row["value"]) for row in rows],
            "quality": 0,
        }
        columns = {key: np.broadcast_to(plain[key], time_ns.shape).astype(dtype) for key, dtype in COLUMNS}
        yield (
            name,
            from_columns(columns),
            catalog,
            [(row_of(times, first), row_of(times, last)) for first, last in spans],
        )


def _alarms(kinds: Sequence[str], catalog: Catalog, batch: TelemetryBatch) -> list[int]:
    rules = tuple(TYPES[kind](name=kind, hazard="anomaly", levels=_levels(kind), pages=()) for kind in kinds)
    found = build(Recipe("estimators", rules), catalog, Calendar()).update(batch)
    raised = found.last_ns[found.phase == Phase.RAISE]
    return sorted(set(np.searchsorted(batch.time_ns, raised).tolist()))


def _levels(kind: str) -> tuple[int, ...]:
    return (0, 1) if kind == "unusual" else (0,)


def main(folder: str) -> None:
    """Print the scores of each type, and of the general recipe."""
    groups = [("unusual", "excess"), *((kind,) for kind in KINDS)]
    for name, first, second, cost_us in scores(Path(folder), groups):
        sys.stdout.write(f"{name:20} {first:6.1f} {second:6.1f} {cost_us:6.2f} us\n")


if __name__ == "__main__":
    main(sys.argv[1])
