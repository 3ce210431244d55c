"""Store stage: hourly retention on the monotonic clock. Detection stages: order, restart, lanes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import structlog

from detectors import Phase
from ingest import (
    COLUMNS,
    METRIC_BY_NAME,
    SERVICE_SITE,
    Catalog,
    HoldError,
    Priority,
    Retained,
    RetentionPlan,
    Sealed,
    Sensor,
    concat,
    from_columns,
    raw_only_plan,
)
from ingest.stores import MemoryStore
from twinward.detection.lane import DETECT, DETECT_URGENT
from twinward.flow import detection_lanes
from twinward.latest import Latest
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.shared_catalog import LogCatalog
from twinward.settings import Settings
from twinward.stages import DAY_NS, RETAIN_EVERY_S, DetectStage, StoreStage
from twinward.tables import Tables, read_tables

NOW_NS = 1_790_000_000 * 10**9


class Clocks:
    """Wall clock and monotonic clock, set by the test."""

    now_ns, seconds = NOW_NS, 50.0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TelemetryLog]:
    """Return an empty log."""
    with closing(TelemetryLog(tmp_path / "telemetry.sqlite", clock=time.time_ns)) as opened:
        yield opened


class Slow(MemoryStore):
    """A store with a retention of three steps."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def retain(self, keep: RetentionPlan, *, now_ns: int) -> Retained:
        """Record the time of each step."""
        assert keep.classes
        self.steps.append(now_ns)
        return Retained(0, more=len(self.steps) % 3 != 0)


def stage_of(log: TelemetryLog, store: MemoryStore, clocks: Clocks, keep: Any, trimmed: list[int]) -> StoreStage:
    """Return a stage on the clocks of the test."""
    return StoreStage(
        store,
        Latest(),
        LogCatalog(log, Catalog(), shared=True),
        lambda: clocks.now_ns,
        end=log.head(),
        keep=keep,
        retain_logs=trimmed.append,
        monotonic=lambda: clocks.seconds,
    )


def test_a_jump_of_the_clock_drops_nothing_an_hour_does(log: TelemetryLog) -> None:
    """A wall clock ten years ahead drops no reading; an hour later, readings beyond their age are dropped."""
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
    """Each turn runs one step until the last; the next hour starts again; the logs are trimmed once an hour."""
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
    """The stage fails and retries without a step in the store."""
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
    """The urgent stage finds a fire behind a thousand ordinary entries that no stage has scored.

    Afterwards the ordinary stage scores those entries. No stage writes a detection of another stage or of its past.
    """
    catalog, now_ns = Catalog(), NOW_NS
    room, smoke = catalog.code("s", "room", "env"), catalog.code("s", "smoke-1", "smoke")
    for number in range(1_000):
        now_ns = NOW_NS + number * 10**9
        log.append(sealed_of(room, "battery", 3.0, now_ns, urgent=False))
    log.append(sealed_of(smoke, "smoke", 1.0, now_ns, urgent=True))
    shared, tables = LogCatalog(log, catalog, shared=True), read_tables(Settings())
    with closing(DetectionLog(tmp_path / "detections.sqlite", clock=time.time_ns)) as found:

        def run(place: int) -> None:
            lane = detection_lanes(log, catalog, tables)[place]
            stage = DetectStage(lane, found, shared, clock=lambda: now_ns)
            stage.process(lane.source.read(stage.recover(), limit=10_000))

        for _ in range(2):  # the second time as after a crash without a snapshot
            run(0)
            assert [hazard for entry in found.read(0) for hazard in entry.detections.hazard] == ["fire"]
        for place in (1, 2, 1, 2):
            run(place)
        written = [(entry.source, hazard) for entry in found.read(0) for hazard in entry.detections.hazard]
        assert written == [(1_001, "fire"), (1_001, "battery_low")]  # one batch, named after its last entry


def test_offline_sensors_of_both_priorities_are_found_by_one_stage(log: TelemetryLog, tmp_path: Path) -> None:
    """A smoke detector and a comfort sensor stop; both are found in the ordinary lane, by `detect_offline` alone."""
    catalog = Catalog([Sensor(0, name, "s", kind, period_s=20) for name, kind in (("a", "smoke"), ("b", "env"))])
    shared, tables = LogCatalog(log, catalog, shared=True), read_tables(Settings())
    clock = catalog.code(SERVICE_SITE, "clock", "device")
    log.append(sealed_of(catalog.code("s", "a", "smoke"), "temperature", 20.0, NOW_NS, urgent=True))
    log.append(sealed_of(catalog.code("s", "b", "env"), "temperature", 20.0, NOW_NS, urgent=False))
    for number in range(300):
        log.append(sealed_of(clock, "tick", 1.0, NOW_NS + number * 10**9, urgent=True))
    with closing(DetectionLog(tmp_path / "detections.sqlite", clock=time.time_ns)) as found:
        for lane in detection_lanes(log, catalog, tables):
            stage = DetectStage(lane, found, shared, clock=lambda: NOW_NS)
            stage.process(lane.source.read(stage.recover(), limit=10_000))
        assert found.source(DETECT) == found.source(DETECT_URGENT) == 0
        (entry,) = found.read(0)
        assert (entry.priority, entry.detections.hazard) == (
            Priority.ORDINARY,
            ["sensor_silent"] * 2 + ["detector_lost"],
        )


@pytest.mark.parametrize("cut", [1, 40, 77, 120])
def test_the_backlog_of_the_service_clock_survives_a_restart(log: TelemetryLog, tmp_path: Path, cut: int) -> None:
    """A restart at any entry of a backlog changes no detection of the offline stage."""
    catalog = Catalog([Sensor(0, "b", "s", "env", period_s=20)])
    clock, room = catalog.code(SERVICE_SITE, "clock", "device"), catalog.code("s", "b", "env")
    for second in range(0, 400, 5):
        log.append(sealed_of(clock, "tick", 1.0, NOW_NS + second * 10**9, urgent=True))
        if second % 10:
            log.append(sealed_of(clock, "backlog", second * 0.9, NOW_NS + second * 10**9, urgent=True))
    log.append(sealed_of(room, "temperature", 20.0, NOW_NS + 40 * 10**9, urgent=False))
    for second in range(400, 1_000, 5):
        log.append(sealed_of(clock, "tick", 1.0, NOW_NS + second * 10**9, urgent=True))
    tables = read_tables(Settings())

    def results(name: str, cuts: tuple[int, ...]) -> list[Any]:
        now_ns = [NOW_NS]
        shared = LogCatalog(log, catalog, shared=True)
        with closing(DetectionLog(tmp_path / name, clock=time.time_ns)) as found:
            for limit in cuts:
                lane = detection_lanes(log, catalog, tables)[2]
                stage = DetectStage(lane, found, shared, clock=lambda: now_ns[0])
                stage.process(lane.source.read(stage.recover(), limit=limit))
                now_ns[0] += 3_600 * 10**9
                stage.idle()
            return [(e.detections.first_ns.tolist(), e.detections.decided_ns.tolist()) for e in found.read(0)]

    assert results("whole.sqlite", (10_000,)) == results("cut.sqlite", (cut, 10_000)) != []


def test_change_of_one_rule_resumes_at_the_saved_position(log: TelemetryLog, tmp_path: Path) -> None:
    """The stage keeps its cursor, logs the changed rule, and scores no earlier entry again."""
    catalog, now_ns = Catalog(), [NOW_NS]
    smoke = catalog.code("s", "smoke-1", "smoke")
    log.append(sealed_of(smoke, "smoke", 1.0, NOW_NS, urgent=True))
    tables, shared = read_tables(Settings()), LogCatalog(log, catalog, shared=True)
    rules = tuple(replace(r, clear_s=30.0) if r.name == "smoke" else r for r in tables.recipe.rules)  # type: ignore[call-arg]
    changed = replace(tables, recipe=replace(tables.recipe, rules=rules))
    with closing(DetectionLog(tmp_path / "detections.sqlite", clock=time.time_ns)) as found:

        def stage_of_tables(own: Tables) -> tuple[DetectStage, int]:
            stage = DetectStage(detection_lanes(log, catalog, own)[0], found, shared, clock=lambda: now_ns[0])
            return stage, stage.recover()

        stage, position = stage_of_tables(tables)
        stage.process(log.urgent().read(position, limit=10))
        now_ns[0] += 3_600 * 10**9
        stage.idle()
        with structlog.testing.capture_logs() as lines:
            assert [stage_of_tables(own)[1] for own in (tables, changed)] == [1, 1]
        assert [(line["stage"], line["rules"], line["position"]) for line in lines] == [(DETECT_URGENT, ["smoke"], 1)]


def test_a_changed_rule_swallows_no_raise_behind_the_snapshot(log: TelemetryLog, tmp_path: Path) -> None:
    """Detections are written behind the snapshot; a rule that changed before the restart raises after them."""
    catalog = Catalog()
    smoke, door = catalog.code("s", "smoke-1", "smoke"), catalog.code("s", "smoke-2", "smoke")
    tables, shared = read_tables(Settings()), LogCatalog(log, catalog, shared=True)
    rules = tuple(replace(r, clear_s=30.0) if r.name == "smoke" else r for r in tables.recipe.rules)  # type: ignore[call-arg]
    changed = replace(tables, recipe=replace(tables.recipe, rules=rules))
    now_ns = [NOW_NS]
    with closing(DetectionLog(tmp_path / "detections.sqlite", clock=time.time_ns)) as found:

        def stage_of(own: Tables) -> tuple[DetectStage, int]:
            stage = DetectStage(detection_lanes(log, catalog, own)[0], found, shared, clock=lambda: now_ns[0])
            return stage, stage.recover()

        def raised() -> list[tuple[int, str, Phase]]:
            return [
                (entry.source, catalog[int(sensor)].id, Phase(phase))
                for entry in found.read(0)
                for sensor, phase, rule in zip(
                    entry.detections.sensor, entry.detections.phase, entry.detections.rule, strict=True
                )
                if rule == "smoke"
            ]

        stage, position = stage_of(tables)
        log.append(sealed_of(smoke, "smoke", 1.0, NOW_NS, urgent=True))
        stage.process(log.urgent().read(position, limit=10))
        now_ns[0] += 3_600 * 10**9
        stage.idle()  # the snapshot
        log.append(sealed_of(door, "smoke", 1.0, NOW_NS + 10**9, urgent=True))
        stage.process(log.urgent().read(1, limit=10))
        before = [(1, "smoke-1", Phase.RAISE), (2, "smoke-2", Phase.RAISE)]
        assert raised() == before
        for second in (2, 3):  # scored by nobody before the stop
            for sensor in (smoke, door):
                log.append(sealed_of(sensor, "smoke", 1.0, NOW_NS + second * 10**9, urgent=True))
        stage, position = stage_of(changed)
        assert position == 1
        with patch.object(stage._lane, "follow_edits", side_effect=AssertionError("an edit while a rule waits")):
            stage.idle()
        stage.process(log.urgent().read(position, limit=1))
        now_ns[0] += 3_600 * 10**9
        stage.idle()
        stage, position = stage_of(changed)  # a second restart changes nothing
        stage.process(log.urgent().read(position, limit=10))
        assert [one for one in raised() if one[2] is Phase.RAISE] == [
            *before, (6, "smoke-1", Phase.RAISE), (6, "smoke-2", Phase.RAISE),
        ]  # fmt: skip
        assert (6, "smoke-1", Phase.CLEAR) in raised()  # the end of the former version, before the raise


def sealed_of(sensor: int, metric: str, value: float, now_ns: int, *, urgent: bool) -> Sealed:
    """Return one sealed reading."""
    told = {"sensor": sensor, "metric": METRIC_BY_NAME[metric].code, "time_ns": now_ns, "arrival_ns": now_ns}
    told |= {"value": value}
    batch = from_columns({name: np.array([told.get(name, 0)], dtype) for name, dtype in COLUMNS})
    return Sealed(batch, urgent=np.array([urgent]))


def test_a_store_ahead_of_its_log_is_set_back_once(log: TelemetryLog) -> None:
    """A restored log ends before the store's position; a later retry after an error sets nothing back."""
    store = MemoryStore()
    store.write(concat([]), cursor=9)
    stage = stage_of(log, store, Clocks(), None, [])
    assert (stage.recover(), store.cursor()) == (0, 0)
    store.write(concat([]), cursor=5)
    assert (stage.recover(), store.cursor()) == (5, 5)
