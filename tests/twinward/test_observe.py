"""Accounts, health, condition and metrics over real logs, as the HTTP interface reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alerts import NEARLY_FULL, AlertDispatch, MemoryOutbox, Notice, People, Receipt, open_database
from alerts.api import Condition
from detectors import shipped_gate
from ingest import StoreError
from ingest.mqtt import FirstArrivals
from ingest.stores import MemoryStore
from twinward.detection.qualified import qualifications
from twinward.flow import Flow
from twinward.latest import Latest
from twinward.observe import Observer, ServiceCollector, StandbyCollector, latency_histogram, service_condition
from twinward.pump import Pump
from twinward.settings import Settings
from twinward.standby import DiskSpace, FaultDetector, FaultReporter, Receiver, Sessions, StandbyController
from twinward.standby.faults import NO_ANSWER
from twinward.tables import read_tables

NOW_NS = 1_790_000_000_000_000_000
FRAMES = [
    (0, 0, b"campus/s/smoke/smoke-1", b'{"seq": 1, "smoke": false, "smoke_density": 0.02}'),
    (0, 0, b"campus/s/smoke/smoke-1", b'{"seq": 1, "smoke": false, "smoke_density": 0.02}'),
    (0, 0, b"campus/s/env/room-1", b'{"seq": 1, "temperature": 21.5}'),
    (0, 0, b"campus/s/env/room-1", b"no JSON"),
]


class Phone:
    """A channel in memory."""

    name, for_programs = "phone", False

    def deliver(self, notice: Notice) -> Receipt:
        """Deliver it."""
        assert notice.id
        return Receipt(delivered=True)


class Away(MemoryStore):
    """A store that does not answer."""

    def cursor(self) -> int:
        """Raise the error of a server that is down."""
        raise StoreError("down", retry=True)


@dataclass
class Plant:
    """One process without threads: log with four messages, store, idle standby."""

    flow: Flow
    observer: Observer
    pump: Pump[Any]
    standby: StandbyController
    reporter: FaultReporter
    outbox: MemoryOutbox
    dispatch: AlertDispatch
    people: People


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Return the parts of a service over a new data folder."""
    settings, tables = replace(Settings(), data_dir=tmp_path), read_tables(Settings())
    flow = Flow(settings, tables, lambda: NOW_NS)
    intake = flow.intake()
    intake.accept(FRAMES, NOW_NS)
    sealed = intake.seal(NOW_NS)
    assert sealed is not None
    flow.log.append(sealed)
    engine = open_database(f"sqlite:///{tmp_path / 'alerts.sqlite'}")
    dispatch, people = AlertDispatch(engine, tables.registry, lambda: NOW_NS), People(engine, lambda: NOW_NS)
    latest, outbox = Latest(), MemoryOutbox([Phone()], lambda: NOW_NS)
    store = flow.open_store(latest)
    step = flow.storing(store, latest, dispatch)
    pump: Pump[Any] = Pump(step.source, step.stage)
    reporter = FaultReporter((), outbox, [Phone()], lambda: NOW_NS)
    source: Any = SimpleNamespace(subscribed=False, errors_total=0)
    standby = StandbyController(
        lambda _urgent: pytest.fail("no degraded mode here"),
        outbox,
        lambda: NOW_NS,
        detector=FaultDetector(source, {}, DiskSpace(tmp_path)),
        reporter=reporter,
        receiver=Receiver(source, Sessions(source, source), FirstArrivals(), lambda: NOW_NS),
        space=DiskSpace(tmp_path),
    )
    checks = {"log": flow.log.answers, "store": lambda: False}
    rules = qualifications(tables.recipe, shipped_gate())
    observer = Observer(
        flow.catalog, store, flow.log, latest, (pump,), checks, CollectorRegistry(),
        lambda: service_condition(standby, outbox), lambda: tables.recipe, lambda: rules,
    )  # fmt: skip
    yield Plant(flow, observer, pump, standby, reporter, outbox, dispatch, people)
    standby.stop()
    store.close()
    flow.close()
    engine.dispose()


def stored(plant: Plant) -> None:
    """Run the store stage until it has the whole log."""
    plant.pump.start()
    deadline = time.monotonic() + 20
    while plant.pump.lag():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    plant.pump.stop()


def test_accounts_balance_before_and_after_the_store(plant: Plant) -> None:
    """Received = stored + duplicate + quarantined; lag, cursor and newest readings follow the stage."""
    before = plant.observer.accounting()
    total = before["total"]
    refused = sum(total["quarantined"].values())
    assert total["duplicate"] >= 1
    assert refused >= 1
    assert (total["received"], total["residual"]) == (total["stored"] + total["duplicate"] + refused, 0)
    head = before["log"]["head"]
    assert (before["lag"]["store"], before["store"]["cursor"], head > 0) == (head, 0, True)
    stored(plant)
    after = plant.observer.accounting()
    assert (after["lag"]["store"], after["store"]["cursor"], after["store"]["readings"]) == (0, head, total["stored"])
    sensor = plant.flow.catalog.find("s", "room-1")
    assert sensor is not None
    assert [one.value for one in plant.observer.latest(sensor.code)] == [21.5]
    by_site = plant.observer.accounting_of("s", trouble=False, limit=10, after=None)
    assert by_site["total"]["received"] == total["received"]
    assert plant.observer.unread([sensor.code]) == {}


def test_accounts_of_a_store_that_is_away_have_no_figures(plant: Plant) -> None:
    """The other accounts stay; cursor and count are unknown."""
    away = replace(plant.observer, store=Away()).accounting()
    assert (away["store"]["cursor"], away["store"]["readings"]) == (None, None)
    assert away["total"] == plant.observer.accounting()["total"]


def test_quarantine_holds_the_bad_message_until_it_is_replayed(plant: Plant) -> None:
    """One message, found by site and reason; a replay of another site takes none."""
    [bad] = plant.observer.quarantine(10, None)
    assert plant.observer.quarantine(10, bad["id"]) == []
    assert plant.observer.quarantine(10, None, reason="nothing") == []
    assert plant.observer.quarantine(10, None, sites=[bad["site"]], reason=bad["reason"]) == [bad]
    assert plant.observer.replay(site="elsewhere", reason=None) == 0
    assert plant.observer.clocks() == []


def test_health_names_the_part_that_fails(plant: Plant) -> None:
    """The log answers; the check of the store fails; every rule has its qualification."""
    assert plant.observer.health() == {"log": True, "store": False}
    assert plant.observer.qualified()["smoke"].stage == "paging"


def test_condition_has_lasting_faults_and_alarms_from_memory(plant: Plant) -> None:
    """Without a red fault no alarm is unstored; after two seconds a fault is reported."""
    alarm = replace(
        Notice.pending("a", channel="console", type="hazard.opened", body={}, at_ns=NOW_NS), hazard="h", site="s"
    )
    plant.outbox.send([alarm])
    assert plant.observer.condition() == Condition(0, [], ())
    for now_s in (0.0, 3.0):
        plant.reporter.report({"disk": NEARLY_FULL}, now_s)
    assert [(one.part, one.grade) for one in plant.observer.condition().faults] == [("disk", "yellow")]
    assert plant.observer.condition().unstored == ()
    for now_s in (4.0, 7.0):
        plant.reporter.report({"disk": NEARLY_FULL, "log": NO_ANSWER}, now_s)
    found = plant.observer.condition()
    assert {one.part for one in found.faults} == {"disk", "log"}
    assert [one.id for one in found.unstored] == ["a"]


def test_metrics_have_every_figure(plant: Plant) -> None:
    """Readings by outcome, lag, failures, health, faults, counts of degraded mode, waiting writes, latency."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(plant.flow.log, (plant.pump,), plant.observer.checks, delay_s=lambda: 1.5))
    registry.register(StandbyCollector(plant.standby, plant.outbox, dispatch=plant.dispatch, people=plant.people))
    latency_histogram(registry).observe(0.2)
    for now_s in (0.0, 3.0):
        plant.reporter.report({"disk": NEARLY_FULL}, now_s)
    lines = generate_latest(registry).decode().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values['twinward_stage_lag_entries{stage="store"}']) == plant.flow.log.head()
    assert values['twinward_part_up{part="log"}'] == "1.0"
    assert values['twinward_part_up{part="store"}'] == "0.0"
    assert values["twinward_broker_delay_seconds"] == "1.5"
    assert values['twinward_own_fault{cause="disk_nearly_full",part="disk"}'] == "1.0"
    assert values['twinward_ingest_to_alarm_seconds_bucket{le="0.2"}'] == "1.0"
    assert float(values['twinward_readings_total{outcome="received",reason=""}']) >= len(FRAMES)
    assert values["twinward_memory_outbox_waiting"] == "1.0", "the notice of the fault"
    for name in ("standby_scoring", "audit_waiting", "standby_alarms_total"):
        assert values[f"twinward_{name}"] == "0.0"
    assert 'twinward_unwritten_total{what="session"}' in values
    without = CollectorRegistry()
    without.register(ServiceCollector(plant.flow.log, (), {}, delay_s=None))
    assert "broker_delay" not in generate_latest(without).decode()
