"""Scenarios of the bank through the closed loop: danger, grade, clauses, proof by sensors, relapse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from alerts import Actor, Grade, GuardFailed, Page, People, Ticket
from ingest.stores import open_store
from simulators import World, build_campus, load_scenario, plan
from twinward.bank.play import PlayedSchool

DAY_S, WEEK_S = 86_400, 604_800
ALL = Page(limit=1_000)
ADMIN = Actor("bank", frozenset(("admin",)))
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ROLES = {"officer": ("officer",), "officer2": ("officer",), "fixer": ("fixer",)}
FULFILLED = ("responsibility", "measures", "funds", "time_limit", "contingency_plan", "goal")


@dataclass(frozen=True)
class Case:
    """A scenario with its truth: place -> kind and grade of each ticket, and the clause that makes it a candidate.

    repaired_days: from the start to the end of the quiet days that prove it. again: the scenario then returns, within
    the relapse window; an entry two days after a closing is a new one.
    """

    tickets: dict[str, tuple[str, Grade]]
    repaired_days: float
    clause: str = ""
    again: bool = True


CASES = {
    "S5": Case({"dorm2-303": ("sensor_drift", Grade.YELLOW)}, 192, again=False),
    "S20": Case(
        {
            "hall": ("camera_blind", Grade.YELLOW),
            "dorm1-entry": ("camera_blind", Grade.YELLOW),
            "pond-rail": ("camera_blind", Grade.YELLOW),
        },
        5,
    ),
    "S21": Case({"dorm1-stair": ("ebike_in_building", Grade.RED)}, 7, clause="6"),
    "S22": Case({"control-room": ("panel_isolated", Grade.RED)}, 7, clause="4"),
    "S25": Case({"gate-east": ("after_hours_entry", Grade.ORANGE)}, 5, again=False),
}


class School(PlayedSchool):
    """A played school with accounts, whose loop people follow."""

    def __init__(self, world: World, folder: Path) -> None:
        self.store = open_store("duckdb", folder / "readings.duckdb")
        super().__init__(world, folder, store=self.store)
        people = People(self.engine, lambda: self.now_ns, hasher=HASHER)
        self.people = {
            name: people.create(name, "a password of a test", roles=roles, sites=["school-1"]).actor
            for name, roles in ROLES.items()
        }

    @property
    def tickets(self) -> list[Ticket]:
        """Return the tickets, the oldest first."""
        return self.dispatch.queries.tickets(ADMIN, site=None, state=None, grade=None, page=ALL)[::-1]

    def act(self, ticket: Ticket, action: str, who: str, **fields: Any) -> Ticket:
        """Apply one step of the loop by a person."""
        return self.dispatch.act(ticket.id, action, self.people[who], fields, version=ticket.version)

    def rectify(self, ticket: Ticket) -> Ticket:
        """Take a graded ticket through the loop to its observation."""
        if ticket.grade is Grade.RED:
            ticket = self.act(
                ticket, "fulfil", "officer", **dict.fromkeys(FULFILLED, "stated in the plan of the school")
            )
        ticket = self.act(ticket, "assign", "officer", fixer="fixer")
        for action in ("take", "start", "submit"):
            ticket = self.act(ticket, action, "fixer")
        return self.act(ticket, "accept", "officer2")

    def clauses(self, ticket: Ticket) -> tuple[str, ...]:
        """Return the clauses of the ticket's danger."""
        return self.dispatch.danger_queries.by_id([ticket.danger], ADMIN)[ticket.danger].clauses

    def close(self) -> None:
        """Close database and store."""
        self.store.close()
        self.engine.dispose()


@cache
def world_of(scenario: str) -> World:
    """Return the scenario with the devices of its truth alone: months with others would take minutes."""
    whole = plan(load_scenario(scenario), build_campus(seed=1))
    names = {name for truth in whole.truths() for name in truth.affected_devices}
    kept = tuple(one for one, device in zip(whole.campus.drawn, whole.fleet.devices, strict=True) if device.id in names)
    return plan(whole.scenario, replace(whole.campus, drawn=kept))


def later(world: World, days: float, *, until_s: float | None = None) -> World:
    """Return the scenario again some days later; with until_s: quiet time up to that many seconds after its start."""
    start_ms = world.scenario.start_ms + round(days * DAY_S * 1_000)
    if until_s is None:
        return plan(replace(world.scenario, start_ms=start_ms, history_s=0), world.campus)
    quiet = replace(world.scenario, start_ms=start_ms, duration_s=until_s, history_s=0, effects=(), faults=())
    return plan(quiet, world.campus)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Case, World, School]]:
    """Yield a case, its scenario, and the school in which it was played."""
    world = world_of(request.param)
    school = School(world, tmp_path)
    school.play(world)
    yield CASES[request.param], world, school
    school.close()


def test_a_danger_ends_by_its_sensors_and_reopens_when_it_returns(case: tuple[Case, World, School]) -> None:
    """Tickets of the truth; no early closing; closed as proved after the repair; a return reopens the same file."""
    expected, world, school = case
    assert {one.place: (one.kind, one.grade) for one in school.tickets} == expected.tickets
    if expected.clause:
        assert [clause for clause in school.clauses(school.tickets[0]) if clause.endswith(expected.clause)]
    for ticket in school.tickets:
        observed = school.rectify(ticket)
        with pytest.raises(GuardFailed):
            school.act(observed, "close", "officer2", reason="repaired")
    played_days = world.scenario.duration_s / DAY_S
    school.play(later(world, played_days, until_s=(expected.repaired_days - played_days) * DAY_S))
    numbers = [one.number for one in school.tickets]
    assert {(one.state, one.close_reason, one.overridden) for one in school.tickets} == {("closed", "proved", False)}
    if expected.again:
        school.play(later(world, expected.repaired_days))
        assert [one.number for one in school.tickets] == numbers
        assert {(one.state, one.relapses) for one in school.tickets} == {("graded", 1)}


def test_a_stuck_value_is_a_finding_that_ends_when_it_moves(tmp_path: Path) -> None:
    """S6: a blue hazard of sensor health without a ticket; the repaired sensor clears it."""
    world = world_of("S6")
    school = School(world, tmp_path)
    school.play(world)

    def hazards() -> list[tuple[str, Grade, bool]]:
        found = school.dispatch.queries.hazards(ADMIN, site=None, active=None, page=ALL)
        return [(one.kind, one.grade, one.active) for one in found]

    assert hazards() == [("sensor_stuck", Grade.BLUE, True)]
    school.play(later(world, world.scenario.duration_s / DAY_S, until_s=1.5 * DAY_S))
    assert hazards() == [("sensor_stuck", Grade.BLUE, False)]
    assert school.tickets == []
    school.close()
