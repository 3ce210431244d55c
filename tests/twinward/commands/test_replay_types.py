"""Replay of alarms of many rule types from three files; evidence of open alarms outlives retention."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alerts import AlertDispatch, open_database
from alerts.evidence import Evidence
from detectors.learned.fitting import History, fit
from detectors.recipes.recipe import DEFAULT
from detectors.recipes.trained import model_text
from ingest import COLUMNS, SERVICE_SITE, Catalog, Priority, Sealed, from_columns
from tests.twinward.test_sheet_folder import sheet_of
from twinward.commands.replay import replay
from twinward.data_folder.files import DATABASE, DETECTIONS, TELEMETRY
from twinward.detection.lanes import detection_lanes
from twinward.detection.log_retention import LogRetention
from twinward.errors import InputError
from twinward.heads.sheet_folder import keep_sheet
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.shared_catalog import LogCatalog
from twinward.settings import LogSettings, Settings
from twinward.stages import DetectStage
from twinward.tables import read_tables

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
DAY_S = 86_400
WARM_S = 8 * DAY_S
"""Time in which a series of the general recipe is learned."""
CAMPUS = """
[[site]]
id = "s"
[[zone]]
site = "s"
id = "lab"
key = "laboratory"
[[zone]]
site = "s"
id = "pond"
key = "water"
[[place]]
site = "s"
zone = "lab"
id = "room"
[[place]]
site = "s"
zone = "pond"
id = "bank"
[[place]]
site = "s"
zone = "pond"
id = "pier"
[[sensor]]
site = "s"
id = "cam-room"
kind = "camera"
place = "room"
[[sensor]]
site = "s"
id = "head-room"
kind = "smoke"
place = "room"
[[sensor]]
site = "s"
id = "cam-pond"
kind = "camera"
place = "pier"
profile = "waterside"
[[sensor]]
site = "s"
id = "level"
kind = "water"
place = "bank"
[sensor.limits]
level = [0.5, 0.8]
"""
TRAINED = (
    '[[rule]]\nname = "pump"\ntype = "trained"\nhazard = "anomaly"\nmodel = "pump.model"\nlevels = [1]\npages = []\n'
)
KINDS = {"head": "smoke", "cam": "camera", "level": "water", "gate": "gate", "room": "env"}
TYPES = {"smoke", "fire_evidence", "fire_seen_verified", "person_at_high_water", "water_level_rise", "gate_held_open",
         "gate_forced", "invalid", "silent", "excess", "pump", "tamper"}  # fmt: skip
"""Rules of the events: states, evidence, two of fusion, rise, held, forced, invalid, silence, learned, trained."""
Row = tuple[float, str, str, float, dict[str, Any]]  # s, sensor, metric, value, labels


class Plant:
    """Logs, stages and database of a data folder; the caller gives the readings in order of time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_ns = folder / "data", START_NS
        self.folder.mkdir()
        files = {"campus.toml": CAMPUS, "recipe.toml": DEFAULT.read_text(encoding="utf-8") + TRAINED}
        channels = (("pump", "flow_rate"), ("pump", "motor_current"))
        model = fit(History("s", channels, 60.0, 0, 600 * 60 * SECOND_NS, pump(600)), "subspace")
        for name, text in (files | {"pump.model": model_text(model)}).items():
            (folder / name).write_text(text, encoding="utf-8")
        self.tables = read_tables(Settings(campus=folder / "campus.toml", recipe=folder / "recipe.toml"))
        self.database = f"sqlite:///{self.folder / DATABASE}"
        rule = next(rule for rule in self.tables.recipe.rules if rule.name == "pump")
        keep_sheet(self.folder, sheet_of(rule), by="test")  # without one it runs in shadow and opens no hazard

    def run(self, entries: Sequence[Sequence[Row]]) -> None:
        """Receive, score and apply the entries; then stop, as at a restart."""
        clock = lambda: self.now_ns  # noqa: E731 - the clock of both logs
        with (
            closing(TelemetryLog(self.folder / TELEMETRY, clock=clock)) as log,
            closing(DetectionLog(self.folder / DETECTIONS, clock=clock)) as found,
        ):
            catalog = Catalog(self.tables.registry.sensors)
            catalog.load(*log.catalog())
            shared = LogCatalog(log, catalog, shared=True)
            lanes = detection_lanes(log, catalog, self.tables, folder=self.folder)
            stages = [(lane, DetectStage(lane, found, shared, clock=clock)) for lane in lanes]
            positions = [stage.recover() for _, stage in stages]
            for rows in entries:
                self.now_ns = START_NS + round(rows[-1][0] * SECOND_NS)
                log.append(sealed(rows, catalog))
                for number, (lane, stage) in enumerate(stages):
                    read = lane.source.read(positions[number])
                    stage.process(read)
                    positions[number] = read[-1].seq if read else positions[number]
                    stage.idle()
            for lane, stage in stages:
                found.snapshot(log.head(), lane.snapshot(), stage=stage.name)
            engine = open_database(self.database)
            dispatch = AlertDispatch(engine, self.tables.registry, clock)
            for priority in Priority:
                for entry in found.lane(priority).read(dispatch.cursor(priority), limit=10_000):
                    dispatch.apply(entry.detections, catalog, cursor=entry.seq, lane=priority)
            engine.dispose()

    def retain(self, days: float) -> None:
        """Drop the entries that the retention of the logs drops after some days."""
        engine, store = open_database(self.database), SimpleNamespace(cursor=lambda: 2**62)
        clock = lambda: self.now_ns  # noqa: E731 - the clock of both logs
        with (
            closing(TelemetryLog(self.folder / TELEMETRY, clock=clock)) as log,
            closing(DetectionLog(self.folder / DETECTIONS, clock=clock)) as found,
        ):
            settings, dispatch = LogSettings(keep_days=1.0), AlertDispatch(engine, self.tables.registry, clock)
            kept: Any = store
            self.now_ns += int(days * DAY_S * SECOND_NS)
            LogRetention(log, found, settings, store=kept, dispatch=dispatch).retain(self.now_ns)
        engine.dispose()

    def findings(self) -> dict[str, list[tuple[str, str, bool]]]:
        """Return finding, hazard and whether it is open for each rule."""
        engine = open_database(self.database)
        query = "SELECT rule, id, hazard, active FROM findings ORDER BY first_ns"
        with engine.connect() as connection:
            found: dict[str, list[tuple[str, str, bool]]] = {}
            for rule, *row in connection.exec_driver_sql(query):
                found.setdefault(rule, []).append((row[0], row[1], bool(row[2])))
        engine.dispose()
        return found


def sealed(rows: Sequence[Row], catalog: Catalog) -> Sealed:
    """Return the rows as an entry; readings of heads, water, gates and cameras are urgent."""
    sensors = [
        catalog.code(SERVICE_SITE if name == "clock" else "s", name, KINDS.get(name.split("-")[0], "device"))
        for _, name, *_ in rows
    ]
    times = [START_NS + round(at * SECOND_NS) for at, *_ in rows]
    values = {
        "sensor": sensors,
        "metric": [catalog.metric(metric).code for _, _, metric, *_ in rows],
        "time_ns": times,
        "arrival_ns": times,
        "value": [value for _, _, _, value, _ in rows],
        "quality": [int(dims.get("fault", 0)) for *_, dims in rows],
    }
    labels = {row: dims for row, (*_, dims) in enumerate(rows) if "label" in dims}
    batch = from_columns({name: np.array(values[name], dtype) for name, dtype in COLUMNS}, labels)
    urgent = np.array([name != "device" and not metric.startswith("vendor") for _, name, metric, *_ in rows])
    return Sealed(batch, (catalog.drain_changes(),), urgent=urgent)


def pump(count: int) -> Any:
    """Return flow and current of a pump, of which the second follows the first."""
    random = np.random.default_rng(4)
    flow = 30 + random.normal(0, 3, count)
    return np.stack([flow, 2 * flow + random.normal(0, 0.2, count)], axis=1)


def warm() -> Iterator[list[Row]]:
    """Yield an entry a day: a value of an undescribed metric each 5 min, with a daily cycle and one spike."""
    random = np.random.default_rng(1)
    for day in range(8):
        rows = []
        for step in range(288):
            spike = 40.0 if (day, step) == (7, 200) else 0.0
            value = 50 + 10 * np.sin(step * 2 * np.pi / 288) + random.normal() + spike
            at = day * DAY_S + step * 300.0
            rows += [(at, "clock", "tick", 1.0, {}), (at, "device", "vendor_value", float(value), {})]
        yield rows


def events(begin: float) -> Iterator[list[Row]]:
    """Yield an entry each ten seconds for forty minutes, with an alarm of each rule in TYPES."""
    flow = pump(60)
    for number in range(240):
        at = begin + 10.0 * number
        rows: list[Row] = [(at, "clock", "tick", 1.0, {})]
        burning, late = number >= 30, number >= 60
        rows.append((at, "head-1", "smoke", float(burning), {}))
        rows.append((at, "head-room", "smoke_density", 0.2 if late else 0.01, {}))
        if number < 40:
            rows.append((at, "head-quiet", "smoke_density", 0.01, {}))
        rows.append((at, "level", "level", 0.3 + 0.004 * max(0, number - 30), {}))
        rows.append((at, "gate-1", "open", float(burning), {}))
        rows.append((at, "gate-2", "forced", float(burning), {}))
        rows.append((at, "room-1", "tamper", float(burning), {}))
        rows.append((at, "room-1", "temperature", 21.0, {"fault": int(burning)}))
        rows.append((at, "cam-room", "object_present", float(late), {"label": "fire", "score": 0.6, "phase": "update"}))
        rows.append(
            (at, "cam-pond", "object_present", float(late), {"label": "person", "score": 0.9, "phase": "update"})
        )
        if number % 6 == 0:
            current = flow[number // 6, 1] if number < 60 else 20.0
            rows += [(at, "pump", "flow_rate", flow[number // 6, 0], {}), (at, "pump", "motor_current", current, {})]
        yield rows


def cleared(begin: float) -> Iterator[list[Row]]:
    """Yield entries of a quiet hour in which the states end; the gate stays forced."""
    for number in range(360):
        at = begin + 10.0 * number
        rows: list[Row] = [(at, "clock", "tick", 1.0, {}), (at, "head-1", "smoke", 0.0, {})]
        rows += [(at, "gate-2", "forced", 1.0, {}), (at, "room-1", "tamper", 0.0, {})]
        yield rows


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """Return a data folder with alarms of every rule in TYPES, before and after a restart."""
    made = Plant(tmp_path_factory.mktemp("plant"))
    made.run(list(warm()))
    rows = list(events(WARM_S))
    made.run(rows[:130])
    made.run(rows[130:])
    return made


def copied(plant: Plant, folder: Path) -> Path:
    """Return a folder with both logs and the database alone."""
    folder.mkdir()
    for name in (TELEMETRY, DETECTIONS, DATABASE):
        shutil.copy(plant.folder / name, folder / name)
    return folder


def test_alarms_of_many_rule_types_replay_from_three_files(plant: Plant, tmp_path: Path) -> None:
    """State, evidence, fusion, rise, held, forced, invalid, silence, learned and trained rules: equal bytes."""
    copy = copied(plant, tmp_path / "copy")
    findings = plant.findings()
    assert set(findings) >= TYPES, sorted(TYPES - set(findings))
    for rule in sorted(TYPES):
        found = replay(findings[rule][0][0], copy)
        [row] = found["findings"]
        assert (row["rule"], found["same"]) == (rule, True), row
        assert row["rows"] >= 1
        assert row["recorded"] == row["repeated"]


def test_retention_keeps_the_evidence_of_open_alarms_only(plant: Plant, tmp_path: Path) -> None:
    """Ten days later the open alarm replays; the logs hold nothing of a cleared one, which the error states."""
    aged = object.__new__(Plant)
    aged.__dict__.update(plant.__dict__)
    aged.folder = copied(plant, tmp_path / "aged")
    aged.database = f"sqlite:///{aged.folder / DATABASE}"
    aged.run(list(cleared(WARM_S + 2_400)))
    findings = aged.findings()
    [(open_one, _, active), *_] = findings["gate_forced"]
    excess = findings["excess"][0]
    assert (active, excess[2]) == (True, False)
    assert replay(excess[0], aged.folder)["same"]
    aged.retain(10)
    engine = open_database(aged.database)
    assert Evidence(engine).oldest_paged_ns() is not None
    engine.dispose()
    assert replay(open_one, aged.folder)["same"]
    with closing(TelemetryLog(aged.folder / TELEMETRY, clock=lambda: START_NS)) as log:
        assert log.first() > 1, "old entries are gone"
    with pytest.raises(InputError, match="retention ended"):
        replay(excess[0], aged.folder)
