"""Replay of alarms: the record of each decision, byte for byte, in a copy of the data folder."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, select

from alerts import AlertDispatch, Finding, open_database
from alerts.database.rows import record
from alerts.database.schema import findings
from alerts.evidence import Evidence
from alerts.hazards.bindings import assigned
from ingest import COLUMNS, METRIC_BY_NAME, SERVICE_SITE, Catalog, Priority, Sealed, from_columns
from twinward.commands.replay import replay
from twinward.data_folder.files import DATABASE, DETECTIONS, TELEMETRY
from twinward.detection.lanes import detection_lanes
from twinward.errors import InputError
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.shared_catalog import LogCatalog
from twinward.settings import Settings
from twinward.stages import DetectStage
from twinward.tables import read_tables

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
ROOMS = 10


class School:
    """Logs, stages and database of a data folder on a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_ns, self.second = folder, START_NS, 0
        self.tables = read_tables(Settings())

    def run(self, seconds: int) -> None:
        """Receive and score readings for a time; then stop."""
        clock = lambda: self.now_ns  # noqa: E731 - the clock of both logs
        with (
            closing(TelemetryLog(self.folder / TELEMETRY, clock=clock)) as log,
            closing(DetectionLog(self.folder / DETECTIONS, clock=clock)) as found,
        ):
            catalog = Catalog()
            catalog.load(*log.catalog())
            codes = [catalog.code("s", f"head-{room}", "smoke") for room in range(ROOMS)]
            tick = catalog.code(SERVICE_SITE, "clock", "device")
            shared = LogCatalog(log, catalog, shared=True)
            lanes = detection_lanes(log, catalog, self.tables, folder=self.folder)
            stages = [(lane, DetectStage(lane, found, shared, clock=clock)) for lane in lanes]
            positions = [stage.recover() for _, stage in stages]
            for _ in range(0, seconds, 10):
                self.second += 10
                self.now_ns = START_NS + self.second * SECOND_NS
                rows = [(tick, "tick", 1.0), *self._readings(codes)]
                log.append(_sealed(rows, self.now_ns, catalog))
                for number, (lane, stage) in enumerate(stages):
                    entries = lane.source.read(positions[number])
                    stage.process(entries)
                    positions[number] = entries[-1].seq if entries else positions[number]
                    stage.idle()
            self._apply(found, catalog)

    def _readings(self, codes: list[int]) -> list[tuple[int, str, float]]:
        """Return smoke that begins in one room after the other; the last room sends nothing more."""
        return [
            (code, "smoke_density", 0.4 if self.second >= 300 + 60 * room else 0.01)
            for room, code in enumerate(codes)
            if room < ROOMS - 1 or self.second < 200
        ]

    def _apply(self, found: DetectionLog, catalog: Catalog) -> None:
        engine = open_database(f"sqlite:///{self.folder / DATABASE}")
        dispatch = AlertDispatch(engine, self.tables.registry, lambda: self.now_ns)
        for lane in Priority:
            for entry in found.lane(lane).read(dispatch.cursor(lane), limit=10_000):
                dispatch.apply(entry.detections, catalog, cursor=entry.seq, lane=lane)
        engine.dispose()


def _sealed(rows: list[tuple[int, str, float]], now_ns: int, catalog: Catalog) -> Sealed:
    values = {
        "sensor": [code for code, *_ in rows],
        "metric": [METRIC_BY_NAME[metric].code for _, metric, _ in rows],
        "value": [value for *_, value in rows],
    }
    filled = {"time_ns": [now_ns] * len(rows), "arrival_ns": [now_ns] * len(rows)}
    columns = {name: np.array((values | filled).get(name, [0] * len(rows)), dtype) for name, dtype in COLUMNS}
    return Sealed(from_columns(columns), (catalog.drain_changes(),), urgent=np.ones(len(rows), np.bool_))


def test_ten_alarms_replay_byte_for_byte_in_another_folder(tmp_path: Path) -> None:
    """Alarms before and after a restart, of levels and of silence, have equal records in a copy of the folder."""
    school = School(tmp_path / "data")
    school.folder.mkdir()
    school.run(600)
    school.run(900)
    copy = Path(shutil.copytree(school.folder, tmp_path / "copy"))
    shutil.rmtree(school.folder)
    engine = open_database(f"sqlite:///{copy / DATABASE}")
    with engine.connect() as connection:
        assert assigned(connection) == {}
        hazards = [row[0] for row in connection.exec_driver_sql("SELECT id FROM hazards ORDER BY opened_ns")]
    evidence = Evidence(engine)
    assert evidence.oldest_paged_ns() is not None
    assert len(evidence.readings()) >= ROOMS
    engine.dispose()
    assert len(hazards) >= ROOMS
    for hazard in hazards[:ROOMS]:
        found = replay(hazard, copy)
        assert found["same"], found
        assert all(row["recorded"] == row["repeated"] for row in found["findings"])


def test_findings_of_a_changed_and_a_removed_rule_end_raise_anew_and_replay(tmp_path: Path) -> None:
    """Each open hazard of the changed rule relapses; the ends follow from the log and the kept state."""
    school = School(tmp_path)
    school.run(500)
    engine = open_database(f"sqlite:///{tmp_path / DATABASE}")
    before = {(one.rule, one.sensor): one.id for one in open_findings(engine)}
    assert {rule for rule, _ in before} == {"fire_evidence", "silent"}
    rules = [
        replace(rule, not_profiles=("x",)) if rule.name == "fire_evidence" else rule
        for rule in school.tables.recipe.rules
        if rule.name != "silent"
    ]
    school.tables = replace(school.tables, recipe=replace(school.tables.recipe, rules=tuple(rules)))
    school.run(100)
    after = {(one.rule, one.sensor): one.id for one in open_findings(engine)}
    assert not set(before.values()) & set(after.values())
    assert {key for key in before if key[0] == "fire_evidence"} <= set(after)
    assert {rule for rule, _ in after} == {"fire_evidence"}
    with engine.connect() as connection:
        kinds = {row[0] for row in connection.exec_driver_sql("SELECT kind FROM journal")}
    assert "hazard.relapsed" in kinds
    engine.dispose()
    for finding in [*before.values(), *after.values()]:
        found = replay(finding, tmp_path)
        assert found["same"], found


def open_findings(engine: Engine) -> list[Finding]:
    """Return the active findings."""
    with engine.connect() as connection:
        return [record(Finding, row) for row in connection.execute(select(findings).where(findings.c.active))]


def test_a_changed_reading_or_an_unknown_alarm_is_no_equal_replay(tmp_path: Path) -> None:
    """A record that the log does not decide is reported as different; an unknown id is an error."""
    school = School(tmp_path)
    school.run(600)
    engine = open_database(f"sqlite:///{tmp_path / DATABASE}")
    with engine.connect() as connection:
        hazard = connection.exec_driver_sql("SELECT id FROM hazards ORDER BY opened_ns LIMIT 1").scalar_one()
    engine.dispose()
    with closing(DetectionLog(tmp_path / DETECTIONS, clock=lambda: START_NS)) as log:
        anchors = log.anchors.of("detect_urgent")
        assert len(anchors) == 1
        with log._chain.changing() as db:
            db.execute("UPDATE anchors SET source = 590")
    with pytest.raises(InputError, match="allowed"):
        replay("nothing", tmp_path)
    assert not replay(hazard, tmp_path)["same"]
