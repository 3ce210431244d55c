"""Writes a log, a store and a detection log to the end, from wherever it was killed; a process of its own.

Number `n` of `count` is one batch: a comfort reading of value n, and a smoke reading that alarms at every third. A
number whose batch is durable is printed. Usage: writer.py FOLDER COUNT.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from detectors import Calendar, Recipe, build, load_recipe, urgent
from ingest import (
    COLUMNS,
    METRIC_BY_NAME,
    Catalog,
    Count,
    Counts,
    Memory,
    MessageKeys,
    Sealed,
    from_columns,
    raw_only_plan,
)
from ingest.stores import open_store
from twinward.latest import Latest
from twinward.log import DetectionLog, TelemetryLog
from twinward.stages import DETECT, DETECT_URGENT, DetectStage, LogCatalog, StoreStage

START_NS = 1_790_000_000 * 10**9
STEP_NS = 60 * 10**9
NUMBER, SMOKE = METRIC_BY_NAME["people_in_total"].code, METRIC_BY_NAME["smoke"].code


def sealed_of(number: int, catalog: Catalog) -> Sealed:
    """The batch of a number, with all that becomes durable beside it."""
    columns = {name: np.zeros(2, dtype) for name, dtype in COLUMNS}
    columns["sensor"][:] = [catalog.code("s", "room", "env"), catalog.code("s", "smoke", "smoke")]
    columns["metric"][:] = [NUMBER, SMOKE]
    columns["value"][:] = [number, number % 3 == 0]
    columns["time_ns"][:] = columns["arrival_ns"][:] = START_NS + number * STEP_NS
    counts = {Count("s", "native", "received"): 2, Count("s", "native", "stored"): 2}
    memory = {("native", str(number % 5)): b"%d" % number}
    flags = np.array([False, True])
    facts = [MessageKeys([number]), Counts(counts), catalog.drain_changes(), Memory(memory)]
    return Sealed(from_columns(columns), facts, flags)


def main(folder: Path, count: int) -> None:
    """Append what is missing, and let every stage follow after each number."""
    with ExitStack() as files:
        log = files.enter_context(closing(TelemetryLog(folder / "telemetry.sqlite", clock=time.time_ns)))
        found = files.enter_context(closing(DetectionLog(folder / "detections.sqlite", clock=time.time_ns)))
        store = files.enter_context(closing(open_store("duckdb", folder / "readings.duckdb")))
        catalog = Catalog()
        catalog.load(*log.catalog())
        shared, moment = LogCatalog(log, catalog, shared=True), [START_NS]

        def detect(rules: Recipe, name: str, *, overhears: bool) -> DetectStage:
            clock = {"clock": lambda: moment[0], "name": name, "overhears": overhears}
            return DetectStage(lambda: build(rules, catalog, Calendar()), found, shared, **clock)

        recipe = load_recipe()
        keep = {"keep": lambda: raw_only_plan(1), "trim": lambda _now_ns: None}
        stages = (
            (StoreStage(store, Latest(), shared, lambda: moment[0], **keep), log),
            (detect(urgent(recipe), DETECT_URGENT, overhears=False), log.urgent()),
            (detect(recipe, DETECT, overhears=True), log),
        )
        cursors = [stage.recover() for stage, _ in stages]
        known = max((int(entry.batch.value[0]) for entry in log.read(0, limit=10_000) if not entry.priority), default=0)
        for number in range(known, count + 1):  # once without a new number: what a kill left to the stages
            if number > known:
                log.append(sealed_of(number, catalog))
                print(number, flush=True)  # noqa: T201 - the acknowledgement
            moment[0] = START_NS + number * STEP_NS
            for place, (stage, source) in enumerate(stages):
                if entries := source.read(cursors[place], limit=100):
                    stage.process(entries)
                    cursors[place] = entries[-1].seq
                stage.idle()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
