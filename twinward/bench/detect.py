"""Throughput of the default recipe, compared with the same recipe fed row by row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from detectors import Calendar, DetectorSet, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, TelemetryBatch, from_columns

SENSORS = 10_000
BATCH_ROWS = 4096
ROWS_SINGLE = 200
SEED = 7
START_NS = 1_790_000_000_000_000_000
MIX = (
    ("smoke", ("smoke", "smoke_density", "co", "temperature"), 0.6),
    ("env", ("temperature", "humidity", "co2"), 0.2),
    ("gate", ("open",), 0.1),
    ("water", ("level", "battery"), 0.1),
)
"""Kinds of sensors, their metrics and their share."""

QUIET = {"smoke": 0.0, "smoke_density": 0.004, "co": 3.0, "temperature": 22.0, "humidity": 50.0, "co2": 600.0,
         "open": 0.0, "level": 1.0, "battery": 90.0}  # fmt: skip


def run(*, seconds: float, progress: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """Yield rows {bench, case, rate_per_s, per_cpu_s, ratio_to_row_by_row}; `progress` receives the case."""
    catalog, batches = campus()
    detector = build(load_recipe(), catalog, Calendar())
    for batch in batches:
        detector.update(batch)  # compiles the kernels and creates the state of every sensor
    single = build(load_recipe(), catalog, Calendar())
    progress("detect: one reading at a time")
    slow = _measure(lambda batch: _one_by_one(single, batch), [batches[0].select(slice(0, ROWS_SINGLE))], seconds / 3)
    progress("detect: batches of 4,096")
    fast = _measure(lambda batch: _update(detector, batch), batches, 2 * seconds / 3)
    return [
        {"bench": "detect", "case": "campus recipe, one reading at a time", **slow, "ratio_to_row_by_row": 1.0},
        {
            "bench": "detect",
            "case": "campus recipe, 10,000 sensors, batches of 4,096",
            **fast,
            "ratio_to_row_by_row": fast["per_cpu_s"] / slow["per_cpu_s"],
        },
    ]


def campus() -> tuple[Catalog, list[TelemetryBatch]]:
    """Return a quiet campus in batches, each sensor once; they can be repeated at later times."""
    random = np.random.default_rng(SEED)
    catalog = Catalog()
    kinds = random.choice(len(MIX), SENSORS, p=[share for _, _, share in MIX])
    rows: list[tuple[int, int, float]] = []
    for number, kind in enumerate(kinds.tolist()):
        name, metrics, _ = MIX[kind]
        code = catalog.code("school", f"{name}-{number}", name)
        rows += [(code, METRIC_BY_NAME[metric].code, QUIET[metric]) for metric in metrics]
    return catalog, list(_batches(rows, random))


def _batches(rows: list[tuple[int, int, float]], random: np.random.Generator) -> Iterator[TelemetryBatch]:
    sensor, metric, value = (np.array(column) for column in zip(*rows, strict=True))
    value = value * (1 + 0.02 * random.standard_normal(len(value)))
    for begin in range(0, len(rows) - BATCH_ROWS + 1, BATCH_ROWS):
        part = slice(begin, begin + BATCH_ROWS)
        time_ns = START_NS + np.arange(begin, begin + BATCH_ROWS, dtype=np.int64) * 300_000
        found = {"sensor": sensor[part], "metric": metric[part], "time_ns": time_ns, "arrival_ns": time_ns,
                 "value": value[part], "quality": np.zeros(BATCH_ROWS)}  # fmt: skip
        yield from_columns({name: found[name].astype(dtype) for name, dtype in COLUMNS})


def _measure(work: Callable[[TelemetryBatch], None], batches: list[TelemetryBatch], seconds: float) -> dict[str, float]:
    """Return readings per wall and per CPU second; each round is 10 s after the one before."""
    readings, turn = 0, 0
    spent = wall = 0.0
    while wall < seconds:
        turn += 1
        shifted = [later(batch, turn * 10_000_000_000) for batch in batches]
        wall_from, from_s = time.perf_counter(), time.process_time()
        for batch in shifted:
            work(batch)
        spent += time.process_time() - from_s
        wall += time.perf_counter() - wall_from
        readings += sum(len(batch) for batch in shifted)
    return {"rate_per_s": readings / wall, "per_cpu_s": readings / max(spent, 1e-9)}


def later(batch: TelemetryBatch, shift_ns: int) -> TelemetryBatch:
    """Return the readings at a later time."""
    columns = {name: getattr(batch, name) for name, _ in COLUMNS}
    return from_columns(columns | {"time_ns": batch.time_ns + shift_ns, "arrival_ns": batch.arrival_ns + shift_ns})


def _update(detector: DetectorSet, batch: TelemetryBatch) -> None:
    detector.update(batch)


def _one_by_one(detector: DetectorSet, batch: TelemetryBatch) -> None:
    for row in batch.rows():
        detector.update(row)
