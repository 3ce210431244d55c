"""Unusual orders of events: repeats, late evidence, transfers, overrides, faulty sensors."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from alerts import (
    Actor,
    Forbidden,
    Grade,
    GuardFailed,
    Notice,
    Outbox,
    Receipt,
    RegistryError,
    RiskPoint,
    Ticket,
    read_registry,
)
from alerts.register.live import raises
from detectors import Phase

RAISE, CHANGE, CLEAR = Phase.RAISE, Phase.CHANGE, Phase.CLEAR
SECOND_NS = 1_000_000_000


def rectified(world: Any, ticket: Ticket) -> Ticket:
    """Return the ticket after the steps of officer and fixer."""
    world.employ("fixer")
    moved = world.act(ticket, "assign", "officer")
    for action in ("take", "start", "submit"):
        moved = world.act(moved, action, "fixer")
    return world.act(moved, "accept", "officer")


def test_the_same_detections_at_a_new_position_change_nothing(world: Any, seen: Any) -> None:
    """Ids derive from content, so a repeat collides at any position."""
    rows = (seen(RAISE), seen(CLEAR, at_s=5))
    world.feed(*rows)
    before = (world.hazards, world.tickets)
    world.feed(*rows)
    assert (world.hazards, world.tickets) == before


def test_late_evidence_never_silences_a_live_hazard(world: Any, seen: Any) -> None:
    """A late clearing does not clear a live finding."""
    world.feed(seen(RAISE, at_s=100))
    world.feed(seen(RAISE, at_s=40, late=True), seen(CLEAR, at_s=50, late=True))
    assert world.hazards[0].active


def test_a_joining_finding_of_a_higher_grade_pages(world: Any, seen: Any) -> None:
    """A second rule that raises a yellow hazard to red pages people."""
    world.feed(seen(RAISE, hazard="flood", level=1))
    assert not world.paged()
    world.feed(seen(RAISE, hazard="flood", level=3, rule="r2", at_s=1))
    assert world.hazards[0].grade == Grade.RED
    assert world.paged()


@pytest.mark.parametrize("after", [{"sensor": "smoke-101b"}, {"level": 3, "phase": CHANGE}])
def test_late_evidence_that_turns_live_pages(world: Any, seen: Any, after: dict[str, Any]) -> None:
    """A late hazard pages nobody until a live finding joins."""
    world.feed(seen(RAISE, late=True))
    assert not world.paged()
    phase = after.pop("phase", RAISE)
    world.feed(seen(phase, at_s=1, **after))
    assert not world.hazards[0].late
    assert world.paged()


@pytest.mark.parametrize(
    "table",
    [
        {"sensor": [{"site": "s", "id": "a", "kind": "smoke", "period_s": "x"}]},
        {"sensor": [{"site": "s", "id": "a", "kind": "smoke"}] * 2},
        {"sensor": [{"site": "nowhere", "id": "a", "kind": "smoke"}]},
        {"zone": [{"site": "s", "id": "z"}], "risk_point": [{"site": "s", "zone": "z", "id": "r", "likelihood": 9}]},
        {"zone": [{"site": "s", "id": "z"}], "risk_point": [{"site": "s", "zone": "z", "id": "r", "method": "xx"}]},
    ],
)
def test_a_wrong_campus_file_is_refused(table: dict[str, Any]) -> None:
    """Wrong numbers, repeated sensors, unknown sites, methods and factors."""
    with pytest.raises(RegistryError):
        read_registry({"site": [{"id": "s"}], **table})


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_a_byte_that_breaks_utf8_is_found(world: Any, seen: Any) -> None:
    """Verification reports the entry and raises nothing."""
    world.feed(seen(RAISE))
    with sqlite3.connect(world.engine.url.database) as database:
        (body,) = database.execute("SELECT CAST(body AS BLOB) FROM journal WHERE seq = 2").fetchone()
        broken = body[:5] + b"\xff" + body[6:]
        database.execute("UPDATE journal SET body = CAST(? AS TEXT) WHERE seq = 2", (broken,))
    assert world.dispatch.verify().first_bad == 2
    with database:
        database.execute("UPDATE journal SET body = CAST(? AS TEXT) WHERE seq = 2", (body,))
    database.close()


def test_a_former_fixer_never_accepts(world: Any, seen: Any) -> None:
    """A transfer does not permit the former fixer to accept."""
    world.employ("fixer")
    both = world.employ("both", "officer", "fixer")
    world.feed(seen(RAISE))
    ticket = world.act(world.tickets[0], "assign", "officer", fixer="both")
    for action in ("take", "start"):
        ticket = world.dispatch.act(ticket.id, action, both, {}, version=ticket.version)
    ticket = world.act(ticket, "assign", "officer", fixer="fixer")
    for action in ("take", "start", "submit"):
        ticket = world.act(ticket, action, "fixer")
    with pytest.raises(Forbidden):
        world.dispatch.act(ticket.id, "accept", both, {}, version=ticket.version)


def test_a_new_finding_reopens_a_ticket_closed_by_override(world: Any, seen: Any) -> None:
    """A ticket closed while its hazard was active reopens without the override."""
    world.feed(seen(RAISE))
    accepted = rectified(world, world.tickets[0])
    world.act(accepted, "close", "officer", reason="undetermined", override=True, note="seen on site")
    assert world.tickets[0].overridden
    world.feed(seen(RAISE, sensor="smoke-101b", at_s=900))
    assert world.tickets[0].state == "graded"
    assert not world.tickets[0].overridden


def test_a_faulty_sensor_proves_nothing(world: Any, seen: Any) -> None:
    """A faulty sensor cannot prove that the danger has ended."""
    world.feed(seen(RAISE), seen(RAISE, hazard="sensor_fault", rule="f", at_s=1), seen(CLEAR, at_s=2))
    ticket = rectified(world, next(ticket for ticket in world.tickets if ticket.kind == "fire"))
    with pytest.raises(GuardFailed):
        world.act(ticket, "close", "officer", reason="repaired")


def test_the_map_of_a_past_time_shows_the_gap(world: Any, seen: Any) -> None:
    """Between clearing and relapse the hazard was not active."""
    world.feed(seen(RAISE), seen(CLEAR, at_s=10), seen(RAISE, at_s=100))
    assert [len(_open_at(world, second)) for second in (5, 50, 150)] == [1, 0, 1]


def test_the_map_of_a_past_time_has_the_grade_of_that_time(world: Any, seen: Any) -> None:
    """The grade rises and falls with the findings; the present grade is that of the last one."""
    levels = ((RAISE, 1, 0), (CHANGE, 2, 10), (CHANGE, 3, 20), (CHANGE, 1, 30))
    world.feed(*(seen(phase, hazard="flood", level=level, at_s=at) for phase, level, at in levels))
    past = [_open_at(world, second)[0].grade.colour for second in (5, 15, 25, 35)]
    assert past == ["yellow", "orange", "red", "yellow"]
    assert _open_at(world, None)[0].grade.colour == "yellow"


def _open_at(world: Any, second: int | None) -> list[Any]:
    at_ns = None if second is None else world.now_ns + second * SECOND_NS
    found: list[Any] = world.dispatch.queries.open_hazards(Actor("a", frozenset(("admin",))), site=None, at_ns=at_ns)
    return found


@pytest.mark.parametrize(
    ("point", "raised"),
    [
        ({"place": "d-101", "hazard": "fire"}, True),
        ({"place": "d-102", "hazard": "fire"}, True),
        ({"hazard": "fire"}, True),
        ({}, True),
        ({"place": "d-101", "hazard": "flood"}, False),
        ({"place": "d-103", "hazard": "fire"}, False),
        ({"zone": "pond", "hazard": "fire"}, False),
    ],
)
def test_a_risk_point_takes_its_grade_from_hazards_of_its_kind_and_place(
    world: Any, seen: Any, *, point: dict[str, str], raised: bool
) -> None:
    """A fire in two rooms raises the fire risk of both rooms and of their zone, and no other."""
    world.feed(seen(RAISE), seen(RAISE, sensor="smoke-102", at_s=1))
    (hazard,) = world.hazards
    assert raises(RiskPoint(**{"site": "school-1", "zone": "dorm", "id": "r"} | point), hazard) is raised


@pytest.mark.parametrize(
    ("real", "shown"),
    [
        ([], ("fire", True)),
        (["battery_low"], ("fire", True)),
        (["sensor_fault", "battery_low"], ("fire", True)),
        (["fire"], ("fire", False)),
        (["battery_low", "leak"], ("leak", False)),
    ],
)
def test_a_drill_shows_its_sensor_as_in_a_drill(
    world: Any, seen: Any, *, real: list[str], shown: tuple[str, bool]
) -> None:
    """A real finding replaces the drill if it is a danger; a fault of the device is none."""
    world.feed(
        seen(RAISE, drill=True, level=3),
        *(seen(RAISE, hazard=kind, rule=kind, level=1, at_s=at) for at, kind in enumerate(real, 1)),
    )
    assert world.dispatch.queries.active_sensors(["school-1"]) == {("school-1", "smoke-101"): shown}


def test_two_workers_send_a_message_once(make_world: Callable[..., Any], seen: Any) -> None:
    """A worker leases a notice before delivery."""
    got: list[str] = []

    class Slow:
        name = "slow"
        for_programs = True

        def deliver(self, notice: Notice) -> Receipt:
            time.sleep(0.05)
            got.append(notice.id)
            return Receipt(delivered=True)

    world = make_world(channels=(Slow(),))
    world.feed(seen(RAISE))
    workers = [Outbox(world.engine, world.channels, lambda: world.now_ns) for _ in range(2)]
    threads = [threading.Thread(target=worker.deliver_due, args=(world.now_ns, "slow")) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got
    assert len(got) == len(set(got))
