"""Program that writes a log, a store and a detection log up to a number, and resumes after a kill.

Number `n` of `count` is one batch: a comfort reading of value n, and a smoke reading that alarms at every third number.
Prints each number with a durable batch. Usage: writer.py FOLDER COUNT.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

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
from twinward.flow import Flow, Step
from twinward.latest import Latest
from twinward.settings import Settings
from twinward.stages import StoreStage
from twinward.tables import read_tables

START_NS = 1_790_000_000 * 10**9
STEP_NS = 60 * 10**9
NUMBER, SMOKE = METRIC_BY_NAME["people_in_total"].code, METRIC_BY_NAME["smoke"].code


def sealed_of(number: int, catalog: Catalog) -> Sealed:
    """Return the batch of a number, with the changes that the log stores with it."""
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
    """Append the missing numbers, and run every stage after each."""
    with ExitStack() as files:
        moment = [START_NS]
        flow = Flow(Settings(data_dir=folder), read_tables(Settings()), lambda: moment[0])
        files.enter_context(closing(flow))
        log, catalog = flow.log, flow.catalog
        store = files.enter_context(closing(open_store("duckdb", folder / "readings.duckdb")))
        keep = {"end": log.head(), "keep": lambda: raw_only_plan(1), "retain_logs": lambda _now_ns: None}
        storing = Step(log, StoreStage(store, Latest(), flow.refresh, lambda: moment[0], **keep))
        stages = [(step.stage, step.source) for step in (storing, *flow.detection())]
        cursors = [stage.recover() for stage, _ in stages]
        known = max((int(entry.batch.value[0]) for entry in log.read(0, limit=10_000) if not entry.priority), default=0)
        for number in range(
            known, count + 1
        ):  # first without a new number: entries that the stages had not read before the kill
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
