"""Throughput of `backtest` over a DuckDB store: one plain rule, the plain rules, the whole recipe."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from detectors import Calendar, Plan, Recipe, load_recipe
from detectors.detector_set import part_of
from detectors.proof.gate import PLAIN
from ingest import Catalog, Sealed, TelemetryBatch, concat
from ingest.stores import StoreSettings, open_store
from twinward.data_folder.files import STORE, TELEMETRY
from twinward.detection.past_run import Task, over_store
from twinward.log import TelemetryLog

from .detect import START_NS, campus, later

ROUND_NS = 60_000_000_000
"""Interval of the readings of a sensor."""


def run(
    *, seconds: float, rows: int = 10_000_000, progress: Callable[[str], None] = lambda _: None
) -> Iterator[dict[str, Any]]:
    """Yield {bench, case, readings, rate_per_s, per_cpu_s, detector_rate_per_s} of each recipe; seconds: not used."""
    del seconds  # a backtest runs over all stored readings
    catalog, batches = campus()
    rounds = max(1, -(-rows // sum(map(len, batches))))
    recipe = load_recipe()
    plain = tuple(rule for rule in recipe.rules if type(rule) in PLAIN)
    one = tuple(rule for rule in plain if rule.name == "smoke_dense")
    cases = (("one rule", one), ("plain rules", plain), ("whole recipe", recipe.rules))
    with tempfile.TemporaryDirectory(prefix="twinward-bench-") as folder:
        progress(f"backtest: {rounds} rounds into the store")
        _store(Path(folder), catalog, batches, rounds)
        progress("backtest: kernels")
        _case(Path(folder), "kernels", part_of(recipe, plain), catalog, 1)
        for name, rules in cases:
            progress(f"backtest: {name}")
            yield _case(Path(folder), name, part_of(recipe, rules), catalog, rounds)


def _store(folder: Path, catalog: Catalog, batches: list[TelemetryBatch], rounds: int) -> None:
    """Write the rounds into a new store, and the sensors into a log."""
    with closing(TelemetryLog(folder / TELEMETRY, clock=lambda: START_NS)) as log:
        log.append(Sealed(batches[0], [catalog.drain_changes()]))
    with closing(open_store("duckdb", folder / STORE)) as store:
        for turn in range(rounds):
            store.write(concat([later(batch, turn * ROUND_NS) for batch in batches]), cursor=turn + 1)


def _case(folder: Path, name: str, rules: Recipe, catalog: Catalog, rounds: int) -> dict[str, Any]:
    span = START_NS, START_NS + (rounds + 1) * ROUND_NS
    task = Task(folder / STORE, StoreSettings(), rules, catalog, Calendar(), Plan(), span)
    begun_s = _cpu_s()
    found = over_store(task, lambda _count, _share: None)
    return {
        "bench": "backtest",
        "case": f"{name} ({len(rules.rules)})",
        "readings": found.readings,
        "rate_per_s": found.total_rate,
        "per_cpu_s": found.readings / max(_cpu_s() - begun_s, 1e-9),
        "detector_rate_per_s": found.rate,
    }


def _cpu_s() -> float:
    """Return the CPU time of this process and of its ended children."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
