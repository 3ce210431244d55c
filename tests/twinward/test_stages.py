"""The store stage: upkeep once an hour by the monotonic clock, a step a turn, by the rules as they stand then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors import Calendar, DetectorSet, Recipe, build, load_recipe, urgent
from ingest import (
    COLUMNS,
    METRIC_BY_NAME,
    Catalog,
    HoldError,
    Retained,
    RetentionPlan,
    Sealed,
    from_columns,
    raw_only_plan,
)
from ingest.stores import MemoryStore
from twinward.latest import Latest
from twinward.log import DetectionLog, TelemetryLog
from twinward.stages import DAY_NS, DETECT, DETECT_URGENT, RETAIN_EVERY_S, DetectStage, LogCatalog, StoreStage

NOW_NS = 1_790_000_000 * 10**9


class Clocks:
    """A wall clock and a monotonic one, moved by hand."""

    now_ns, seconds = NOW_NS, 50.0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TelemetryLog]:
    """An empty log."""
    with closing(TelemetryLog(tmp_path / "telemetry.sqlite", clock=time.time_ns)) as opened:
        yield opened


class Slow(MemoryStore):
    """A store whose upkeep takes three steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def retain(self, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """Notes the time of each step."""
        assert keep.classes
        self.steps.append(now_ns)
        return Retained(0, more=len(self.steps) % 3 != 0)


def stage_of(log: TelemetryLog, store: MemoryStore, clocks: Clocks, keep: Any, trimmed: list[int]) -> StoreStage:
    """A stage on clocks that the test turns."""
    return StoreStage(
        store,
        Latest(),
        LogCatalog(log, Catalog(), shared=True),
        lambda: clocks.now_ns,
        keep=keep,
        trim=trimmed.append,
        monotonic=lambda: clocks.seconds,
    )


def test_a_jump_of_the_clock_drops_nothing_an_hour_does(log: TelemetryLog) -> None:
    """Ten years ahead for a moment: everything stays. An hour later by the right clock: what is too old goes."""
    clocks, store, trimmed = Clocks(), MemoryStore(), list[int]()
    stage = stage_of(log, store, clocks, lambda: raw_only_plan(30), trimmed)
    columns = {name: np.ones(2, dtype) for name, dtype in COLUMNS}
    columns["time_ns"] = np.array([NOW_NS - 40 * DAY_NS, NOW_NS])
    store.write(from_columns(columns), cursor=1)
    clocks.now_ns += 3_650 * DAY_NS
    stage.idle()
    assert (store.count(), trimmed) == (2, [])
    clocks.now_ns, clocks.seconds = NOW_NS, clocks.seconds + 3_601
    stage.idle()
    stage.idle()
    assert (store.count(), trimmed) == (1, [NOW_NS])


def test_upkeep_goes_in_steps_once_an_hour(log: TelemetryLog) -> None:
    """One step a turn until it is done; the next hour begins anew; the log is trimmed once each."""
    clocks, store, trimmed = Clocks(), Slow(), list[int]()
    stage = stage_of(log, store, clocks, lambda: raw_only_plan(1), trimmed)
    clocks.seconds += RETAIN_EVERY_S + 1
    for _ in range(6):
        stage.idle()
        clocks.now_ns += 1
    assert store.steps == [NOW_NS] * 3
    clocks.seconds += RETAIN_EVERY_S + 1
    stage.idle()
    assert len(store.steps) == 4
    assert len(trimmed) == 2


def test_nothing_goes_while_the_register_of_holds_cannot_be_read(log: TelemetryLog) -> None:
    """The stage fails and is tried again; the store is not asked."""
    clocks, store = Clocks(), Slow()

    def refuse() -> RetentionPlan:
        raise HoldError("holds.sqlite: disk I/O error")

    stage = stage_of(log, store, clocks, refuse, [])
    clocks.seconds += RETAIN_EVERY_S + 1
    for _ in range(2):
        with pytest.raises(HoldError):
            stage.idle()
    assert store.steps == []


def test_a_fire_is_found_while_comfort_readings_wait_in_the_log(log: TelemetryLog, tmp_path: Path) -> None:
    """A thousand entries that nobody has judged yet: the urgent stage sees none of them, and the fire behind them.

    Afterwards the other stage judges what waited, overhears the fire, and neither tells what the other has told.
    """
    catalog, now_ns = Catalog(), NOW_NS
    room, smoke = catalog.code("s", "room", "env"), catalog.code("s", "smoke-1", "smoke")
    for number in range(1_000):
        now_ns = NOW_NS + number * 10**9
        log.append(sealed_of(room, "battery", 3.0, now_ns, urgent=False))
    log.append(sealed_of(smoke, "smoke", 1.0, now_ns, urgent=True))
    found = DetectionLog(tmp_path / "detections.sqlite", clock=time.time_ns)
    shared, recipe = LogCatalog(log, catalog, shared=True), load_recipe()

    def stage(rules: Recipe, name: str, *, overhears: bool) -> DetectStage:
        def make() -> DetectorSet:
            return build(rules, catalog, Calendar())

        return DetectStage(make, found, shared, clock=lambda: now_ns, name=name, overhears=overhears)

    for _ in range(2):  # the second time as after a crash without a saved state
        first = stage(urgent(recipe), DETECT_URGENT, overhears=False)
        first.process(log.urgent().read(first.recover(), limit=10_000))
        assert [hazard for entry in found.read(0) for hazard in entry.detections.hazard] == ["fire"]
    for _ in range(2):
        rest = stage(recipe, DETECT, overhears=True)
        rest.process(log.read(rest.recover(), limit=10_000))
    told = [(entry.source, hazard) for entry in found.read(0) for hazard in entry.detections.hazard]
    assert told == [(1_001, "fire"), (1_000, "battery_low")]  # judged with all that waited, at once
    found.close()


def sealed_of(sensor: int, metric: str, value: float, now_ns: int, *, urgent: bool) -> Sealed:
    """One reading, as intake seals it."""
    told = {"sensor": sensor, "metric": METRIC_BY_NAME[metric].code, "time_ns": now_ns, "arrival_ns": now_ns}
    told |= {"value": value}
    batch = from_columns({name: np.array([told.get(name, 0)], dtype) for name, dtype in COLUMNS})
    return Sealed(batch, urgent=np.array([urgent]))
