"""Blind rooms by cause and begin, candidate major dangers with their clause, bump tests."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.coverage.requirements import DAY_NS, MINUTE_NS, requirements
from alerts.database.row_changes import COVERED
from alerts.risk.registry import Place
from detectors import Phase
from ingest import Sensor
from tests.alerts.conftest import ALL, PEOPLE

RAISE, CLEAR = Phase.RAISE, Phase.CLEAR
HEADS = ("smoke-101", "smoke-101b", "smoke-102")


@pytest.fixture
def reporting(world: Any) -> Any:
    """Return a school whose sensors have all sent a message."""
    for sensor in world.registry.sensors:
        world.catalog.code(sensor.site, sensor.id, sensor.kind, wire="campus", now_ns=world.now_ns)
    return world


def causes_of(world: Any, site: str = "school-1") -> dict[str, str]:
    """Return place -> cause of its blindness, "" while covered."""
    return {one.place: one.cause for one in world.dispatch.discipline.rooms(world.catalog, [site])}


def after(world: Any, minutes: float) -> None:
    """Pass a time in one tick."""
    world.now_ns += int(minutes * MINUTE_NS)
    world.dispatch.tick(world.now_ns, world.catalog)


def on_wall(world: Any, kind: str | None = None) -> list[str]:
    """Return the kinds of the hazards that the wall lists; kind: only this one."""
    query = world.dispatch.queries.hazards
    return [one.kind for one in query(PEOPLE["admin"], site=None, active=True, page=ALL, kind=kind)]


def fault(seen: Any, kind: str, sensor: str, phase: Phase = RAISE) -> Any:
    """Return a finding about a device."""
    return seen(phase, hazard=kind, rule=kind, sensor=sensor, level=1)


def test_every_room_with_a_working_detector_is_covered(reporting: Any) -> None:
    """Two rooms and the water of the small school."""
    assert causes_of(reporting) == {"d-101": "", "d-102": "", "bank": ""}


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("sensor_silent", "offline"),
        ("sensor_stuck", "stuck"),
        ("sensor_drift", "dusty"),
        ("sensor_fault", "faulty"),
        ("panel_isolated", "isolated"),
    ],
)
def test_a_room_is_blind_when_its_last_detector_fails(reporting: Any, seen: Any, kind: str, cause: str) -> None:
    """One of two heads may fail; the room is blind since the second one failed, and covered with the first repair."""
    for sensor in ("smoke-101", "smoke-101b")[: 1 if kind == "panel_isolated" else 2]:
        if kind != "panel_isolated":
            assert causes_of(reporting)["d-101"] == ""
        reporting.feed(fault(seen, kind, sensor))
    assert causes_of(reporting) == {"d-101": cause, "d-102": "", "bank": ""}
    after(reporting, 1)
    assert [*reporting.dispatch.discipline.blind_since("school-1")] == [("d-101", "fire")]
    reporting.feed(fault(seen, kind, "smoke-101", CLEAR))
    after(reporting, 1)
    assert causes_of(reporting)["d-101"] == ""
    assert reporting.dispatch.discipline.blind_since("school-1") == {}


def test_heads_behind_an_offline_gateway_are_blind(reporting: Any, seen: Any) -> None:
    """The finding of the gateway names them."""
    code = reporting.catalog.code("school-1", "gw", "device")
    batch = reporting.batch(fault(seen, "gateway_silent", "gw"))
    batch.evidence[0]["dims"] = {"behind": ["smoke-102"]}
    assert code >= 0
    reporting.position += 1
    reporting.dispatch.apply(batch, reporting.catalog, cursor=reporting.position)
    assert causes_of(reporting) == {"d-101": "", "d-102": "offline", "bank": ""}


def test_a_sleeping_room_without_a_detector_becomes_a_candidate_major_danger(world: Any) -> None:
    """After the grace time, once, with the clause; a head that reports ends it."""
    for sensor in HEADS[:2]:
        world.catalog.code("school-1", sensor, "smoke", wire="campus", now_ns=world.now_ns)
    world.catalog.code("school-2", "smoke-101", "smoke", wire="campus", now_ns=world.now_ns)
    assert causes_of(world)["d-102"] == "never"
    after(world, 0)
    after(world, 9)
    assert world.hazards == []
    after(world, 1)
    after(world, 5)
    (hazard,) = world.hazards
    assert (hazard.kind, hazard.place, hazard.active) == ("detector_lost", "d-102", True)
    assert on_wall(world) == ["detector_lost"]
    (ticket,) = world.tickets
    danger = world.dispatch.danger_queries.by_id([ticket.danger], world.employ("admin"))[ticket.danger]
    assert danger.clauses == ("guide-2024-3-1-4",)
    assert world.paged() == []
    world.catalog.code("school-1", "smoke-102", "smoke", wire="campus", now_ns=world.now_ns)
    after(world, 1)
    assert not world.hazards[0].active


def test_a_sleeping_room_without_any_detector_waits_for_the_officer_and_not_on_the_wall(world: Any) -> None:
    """A candidate major danger with ticket and clause; its first head, which does not report, is an alarm."""
    for sensor in world.registry.sensors:
        world.catalog.code(sensor.site, sensor.id, sensor.kind, wire="campus", now_ns=world.now_ns)
    bare = Place("school-1", "dorm", "d-103", "103室", "Room 103")
    world.registry.places = {**world.registry.places, ("school-1", "d-103"): bare}
    assert causes_of(world)["d-103"] == "none"
    for _ in range(2):
        after(world, 6)
        after(world, 6)
    (hazard,) = world.hazards
    assert (hazard.kind, hazard.cause, hazard.place) == ("detector_missing", "detector_lost", "d-103")
    assert on_wall(world) == []
    assert on_wall(world, kind="detector_missing") == ["detector_missing"]
    (ticket,) = world.tickets
    danger = world.dispatch.danger_queries.by_id([ticket.danger], world.employ("admin"))[ticket.danger]
    assert danger.clauses == ("guide-2024-3-1-4",)
    assert world.paged() == []
    world.registry.sensors = (*world.registry.sensors, Sensor(0, "smoke-103", "school-1", "smoke", place="d-103"))
    assert causes_of(world)["d-103"] == "never"
    after(world, 1)
    assert [(one.kind, one.place) for one in world.hazards if one.active] == [("detector_lost", "d-103")]
    assert on_wall(world) == ["detector_lost"]


def test_a_silenced_room_is_blind_and_stated_as_silenced(reporting: Any, people: Any) -> None:
    """Its patrol compensates for the page, and the map shows it."""
    from alerts.silences.checks import Wanted  # noqa: PLC0415

    for name in ("operator", "officer"):
        reporting.employ(name)
    span = {"starts_ns": reporting.now_ns, "ends_ns": reporting.now_ns + 60 * MINUTE_NS}
    patrol = {"by": "operator", "interval_min": 15}
    wanted = Wanted(
        site="school-1",
        kind="silence",
        place="d-102",
        cause="fire",
        owner="operator",
        reason="paint",
        patrol=patrol,
        **span,
    )
    reporting.dispatch.discipline.silences.create(people["officer"], wanted)
    assert causes_of(reporting) == {"d-101": "", "d-102": "silenced", "bank": ""}


def test_bump_tests_are_due_by_interval_and_proved_by_the_signal(reporting: Any, seen: Any) -> None:
    """Overdue after the interval: a finding without a page and an overdue check; a test in the signal ends it."""
    days = requirements().bump_test_ns["smoke"] // DAY_NS
    tests = {one.sensor: one for one in reporting.dispatch.discipline.bump_tests(reporting.catalog, "school-1")}
    assert {name: tests[name].state for name in HEADS} == dict.fromkeys(HEADS, "ok")
    after(reporting, (days - 10) * 1_440)
    reporting.feed(seen(RAISE, drill=True, at_s=(days - 10) * 86_400, sensor="smoke-101"))
    reporting.feed(seen(CLEAR, drill=True, at_s=(days - 10) * 86_400 + 9, sensor="smoke-101"))
    tests = {one.sensor: one for one in reporting.dispatch.discipline.bump_tests(reporting.catalog, "school-1")}
    assert [tests[name].state for name in HEADS] == ["ok", "due", "due"]
    after(reporting, 11 * 1_440)
    overdue = [one for one in reporting.hazards if one.kind == "test_overdue" and one.site == "school-1"]
    assert sorted(one.place for one in overdue) == ["d-101", "d-102"]
    assert reporting.paged() == []
    reporting.dispatch.register.fill()
    entries = reporting.dispatch.register.entries(reporting.employ("officer"), "school-1")
    (raised,) = reporting.dispatch.live_grades.proposals(entries).values()
    assert [one.rule for one in raised.precursors] == ["overdue_check"]
    at_s = (days + 1) * 86_400
    reporting.feed(seen(RAISE, drill=True, at_s=at_s, sensor="smoke-102"))
    after(reporting, 1)
    overdue = [one for one in reporting.hazards if one.kind == "test_overdue" and one.site == "school-1" and one.active]
    assert [one.place for one in overdue] == ["d-101"]


def test_a_test_that_is_stored_as_a_reading_alone_is_a_proof(reporting: Any) -> None:
    """The look-up in the store; a detector without one is overdue."""

    class Store:
        def tested(self, site: str, sensor: str, *, from_ns: int, to_ns: int) -> bool:
            assert from_ns < to_ns
            return (site, sensor) == ("school-1", "smoke-101")

        def window(self, *_: Any, **__: Any) -> None:
            return None

    reporting.dispatch.readings = Store()
    after(reporting, 181 * 1_440)
    reporting.dispatch.close_proved(reporting.now_ns)
    found = [one for one in reporting.active_findings() if one.kind == "test_overdue" and one.site == "school-1"]
    assert {one.sensor for one in found} == {"bump_test:smoke-101b", "bump_test:smoke-102"}


def test_a_started_test_with_a_response_is_a_proof(reporting: Any) -> None:
    """A test that a person started and the signal answered; one without a response is none."""
    from sqlalchemy import insert  # noqa: PLC0415

    from alerts.database.schema import sensor_tests  # noqa: PLC0415

    at_ns = reporting.now_ns + 100 * DAY_NS
    row = {"site": "school-1", "ticket": "", "started_ns": at_ns, "until_ns": at_ns, "started_by": "operator"}
    row |= {"recorded_ns": at_ns, "metric": "smoke_density", "value": 0.3, "before": 0.0, "response_ns": at_ns}
    states = {"smoke-101": "seen", "smoke-102": "unseen"}
    with reporting.engine.begin() as connection:
        for sensor, state in states.items():
            values = row | {"id": f"test-{sensor}", "sensor": sensor, "state": state}
            connection.execute(insert(sensor_tests).values(values))
    reporting.damaged = "sensor_tests" in COVERED
    tests = {one.sensor: one for one in reporting.dispatch.discipline.bump_tests(reporting.catalog, "school-1")}
    assert [tests[name].last_ns for name in HEADS] == [at_ns, None, None]


def test_an_entry_of_a_dormitory_is_no_sleeping_room(reporting: Any) -> None:
    """A place with a gate or a camera and without a smoke head needs none."""
    officer = reporting.employ("officer")
    reporting.dispatch.bindings.assign("school-1", {"smoke-102": "d-101"}, officer)
    assert causes_of(reporting)["d-102"] == "none"
    reporting.dispatch.bindings.assign("school-1", {"gate-102": "d-102"}, officer)
    reporting.catalog.code("school-1", "gate-102", "gate", wire="campus", now_ns=reporting.now_ns)
    assert "d-102" not in causes_of(reporting)
