"""Run of rules over stored readings: plain rules in this process, others on all cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path

from detectors import Calendar, Plan, Recipe
from detectors.proof.gate import PLAIN
from detectors.qualification.backtest import Backtest, backtest, metric_codes
from detectors.recipes.fusion import Fusion
from ingest import Catalog, TelemetryBatch
from ingest.stores import StoreSettings, open_store
from ingest.stores.history import history, open_history, read_history

ALL_METRICS = range(2**15)
"""Codes that a metric can have."""

Report = Callable[[int, float], None]
"""Receives the count of readings and the share of the span, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Task:
    """Input of one process. path: file of a DuckDB store; share: (n, i) for the sensors whose code is i modulo n."""

    path: Path
    store: StoreSettings
    recipe: Recipe
    catalog: Catalog
    calendar: Calendar
    plan: Plan
    span: tuple[int, int]
    share: tuple[int, int] = (1, 0)


def over_store(task: Task, report: Report) -> Backtest:
    """Return the result of a task. Plain rules run in this process; others on all cores, each with a share."""
    cores = os.cpu_count() or 1
    alone = any(isinstance(rule, Fusion) for rule in task.recipe.rules)  # relates sensors of all shares
    if cores == 1 or alone or all(type(rule) in PLAIN for rule in task.recipe.rules):
        return scored(task, report)
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(cores, multiprocessing.get_context("spawn")))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        shares = [replace(task, share=(cores, number)) for number in range(cores)]
        parts = []
        for part in pool.map(scored, shares):
            parts.append(part)
            report(sum(one.readings for one in parts), len(parts) / cores)
    return reduce(Backtest.joined, parts)


def scored(task: Task, report: Report = lambda _count, _share: None) -> Backtest:
    """Return the result of one task."""
    begin, end = task.span
    with stored_readings(task, metrics=metric_codes(task.recipe, task.catalog)) as batches:
        return backtest(
            task.recipe,
            task.catalog,
            task.calendar,
            batches,
            plan=task.plan,
            progress=lambda rows, now_ns: report(rows, (now_ns - begin) / (end - begin)),
        )


@contextmanager
def stored_readings(
    task: Task, *, metrics: Sequence[int] | None, sensors: Sequence[int] | None = None
) -> Iterator[Iterator[TelemetryBatch]]:
    """Return the readings of a task in order of time, of these metrics and sensors alone. Raises StoreError.

    DuckDB reads columns of all sensors at once; InfluxDB answers series by series and is slower.
    """
    (count, number), (begin, end) = task.share, task.span
    if task.store.kind == "duckdb":
        with open_history(task.path, threads=max(1, (os.cpu_count() or 1) // count)) as db:
            yield history(db, metrics=metrics, from_ns=begin, to_ns=end, share=task.share, sensors=sensors)
        return
    known = [one.code for one in task.catalog if one.code % count == number]
    wanted = known if sensors is None else sensors
    store = open_store(task.store.kind, task.path, settings=task.store)
    try:
        found = sorted({code for one in wanted for code in store.metrics(one)} & set(metrics or ALL_METRICS))
        yield read_history(store, wanted, found, from_ns=begin, to_ns=end)
    finally:
        store.close()
