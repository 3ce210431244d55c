"""Figures of schools: sums of the schools, a simulated year against the journal, minimised texts."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from alerts import Actor, AlertError, Forbidden, NotFound, Page, loop
from alerts.dangers.kinds import danger_kinds
from alerts.database.schema import journal
from alerts.documents.district_forms import district_statistics
from alerts.documents.sources import span
from alerts.supervision.schools import total
from alerts.tickets.intake import Found
from detectors import Phase

HOUR_NS = 3_600 * 10**9
SITES = ("school-1", "school-2")
DISTRICT = Actor("district", frozenset(("district",)))
BOSS = Actor("boss", frozenset(("admin",)))
YEAR = 2027
KINDS = sorted(name for name, kind in danger_kinds().items() if not kind.sensed)
FIVE = ("responsibility", "measures", "funds", "time_limit", "contingency_plan")
ITEM = {"targets": "measures", "funds": "funds", "persons": "responsibility", "deadline": "time_limit"}
ITEM |= {"contingency": "contingency_plan"}
STEPS = (
    ("declare_major", "officer", {"note": "load-bearing wall"}, 1),
    ("fulfil", "officer", {}, 1),
    ("report", "officer", {"note": "reported in full"}, 1),
    ("assign", "officer", {"fixer": "fixer"}, 6),
    ("take", "fixer", {}, 6),
    ("start", "fixer", {}, 6),
    ("submit", "fixer", {}, 6),
    ("accept", "officer", {}, 6),
    ("close", "officer", {"reason": "repaired", "override": True, "note": "seen on site"}, 6),
    ("mark_false", "officer", {"note": "no danger"}, 1),
    ("countersign", "officer2", {}, 1),
    ("reopen", "officer", {"note": "it came back"}, 1),
)
"""Actions of the simulated year with person, fields and weight."""


class Year:
    """A year of dangers through the loop, by a seed."""

    def __init__(self, world: Any, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)  # noqa: S311 - a year from a seed
        self.zone = world.registry.timezone
        self.officer = world.employ("officer")
        for name in ("officer2", "fixer"):
            world.employ(name)

    def pass_until(self, end_ns: int) -> None:
        """Find dangers and act on them until a time."""
        while self.world.now_ns < end_ns - 30 * HOUR_NS:
            self.world.now_ns += self.random.randint(90, 260) * HOUR_NS
            site = self.random.choice(SITES)
            if self.random.random() < 0.5:
                found = Found(site, "d-101", self.random.choice(KINDS), "patrol", "seen on site")
                self.world.dispatch.intake.find(self.officer, found)
            newest = self.world.dispatch.queries.tickets(BOSS, site=None, state=None, grade=None, page=Page(limit=15))
            for ticket in self.random.sample(newest, min(4, len(newest))):
                self.act(ticket)
            self.world.dispatch.tick(self.world.now_ns)
        self.world.now_ns = end_ns

    def act(self, ticket: Any) -> None:
        """Apply some steps that lead from the state of the ticket; guards refuse a part of them."""
        for _ in range(5):
            possible = [step for step in STEPS if loop().steps[step[0]].leads_from(ticket.state)]
            if ticket.state != "graded":  # a further assignment begins again
                possible = [step for step in possible if step[0] != "assign"]
            if not possible:
                return
            [(action, who, fields, _)] = self.random.choices(possible, [step[-1] for step in possible])
            given = dict(fields)
            if action == "fulfil":
                given = {name: "as stated" for name in FIVE if self.random.random() < 0.9}
            if action == "report":
                at = datetime.fromtimestamp(self.world.now_ns // 10**9, self.zone).isoformat()
                given |= {"audience": self.random.choice(("regulator", "assembly")), "at": at}
            with suppress(AlertError):
                ticket = self.world.act(ticket, action, who, **given)


def by_journal(world: Any, begin_ns: int, end_ns: int) -> dict[str, dict[str, str]]:
    """Return the cells of each school from the journal entries before the end alone, by code of its own."""
    rows: dict[str, dict[str, Any]] = {}
    with world.engine.connect() as connection:
        for (body,) in connection.execute(select(journal.c.body).order_by(journal.c.seq)):
            entry = json.loads(body)
            if entry["at"] >= end_ns:
                break
            for table, key, columns in entry.get("rows", ()):
                if table == "tickets":
                    rows.setdefault(key, {}).update(columns)
    cells = {}
    for site in SITES:
        own = [one for one in rows.values() if one["site"] == site and begin_ns <= one["opened_ns"] < end_ns]
        own = [one for one in own if one["state"] not in {"false_report", "merged"}]
        cells[site] = _cells(own, 1)
    every = [one for one in rows.values() if begin_ns <= one["opened_ns"] < end_ns]
    every = [one for one in every if one["state"] not in {"false_report", "merged"}]
    cells["total"] = _cells(every, len(SITES)) | {"units": str(len({one["site"] for one in every}))}
    return cells


def _cells(own: list[dict[str, Any]], schools: int) -> dict[str, str]:
    major = [one for one in own if one["major"]]
    plan = [one for one in major if one["state"] != "closed"]
    general = [one for one in own if not one["major"]]
    done = [one for one in general if one["state"] == "closed"]
    major_done = len(major) - len(plan)
    numbers = {
        "units": int(len(own) > 0),
        "checked_units": schools,
        "general": len(general),
        "general_done": len(done),
        "major": len(major),
        "major_done": major_done,
        "planned": len(plan),
        **{column: len([one for one in plan if item in one["fulfilment"]]) for column, item in ITEM.items()},
    }
    rates = {"general_rate": (len(done), len(general)), "major_rate": (major_done, len(major))}
    texts = {name: f"{100 * a / b:.2f}" if b else "" for name, (a, b) in rates.items()}
    return {name: str(number) for name, number in numbers.items()} | texts | {"spent": ""}


def exported(world: Any, quarter: int | None) -> dict[str, Mapping[str, str]]:
    """Return the cells of the district's form, by school; the sum row is `total`."""
    begin_ns, end_ns = span(world.registry.timezone, YEAR, quarter)
    found = world.dispatch.supervision.statistics(DISTRICT, None, begin_ns, end_ns)
    filled = district_statistics(found, world.registry, "", "zh")
    rows = [dict(row) for row in filled.rows]
    names = [row.pop("school") for row in rows]
    assert names == ["一校", "school-2", "合计"]
    return dict(zip((*SITES, "total"), rows, strict=True))


@pytest.mark.parametrize("seed", [1])
def test_the_statistics_of_a_simulated_year_equal_the_journal(world: Any, seed: int) -> None:
    """Each cell, at the end of each quarter and again at the end of the year: a signed quarter does not change."""
    zone = world.registry.timezone
    world.now_ns = span(zone, YEAR)[0]
    year, signed = Year(world, seed), {}
    for quarter in (1, 2, 3, 4):
        begin_ns, end_ns = span(zone, YEAR, quarter)
        year.pass_until(end_ns)
        signed[quarter] = exported(world, quarter)
        assert signed[quarter] == by_journal(world, begin_ns, end_ns), (seed, quarter)
    assert all(sum(int(one["total"][name]) for one in signed.values()) for name in ("general_done", "major", "planned"))
    world.now_ns += 1
    for quarter in (1, 2, 3, 4, None):
        begin_ns, end_ns = span(zone, YEAR, quarter)
        cells = exported(world, quarter)
        assert cells == by_journal(world, begin_ns, end_ns), (seed, quarter)
        assert quarter is None or cells == signed[quarter], (seed, quarter)
        for site in SITES:
            form = world.dispatch.papers.form(DISTRICT, site, "quarter_statistics", year=YEAR, quarter=quarter)
            assert [dict(row) for row in form.rows] == [cells[site]], (seed, quarter, site)
        _identities(cells)


def _identities(cells: Mapping[str, Mapping[str, str]]) -> None:
    """Check the sums, and the identities of the national form."""
    for name in cells["total"]:
        if not name.endswith("_rate") and name != "spent":
            assert int(cells["total"][name]) == sum(int(cells[site][name]) for site in SITES), name
    for row in cells.values():
        assert int(row["major"]) == int(row["major_done"]) + int(row["planned"])
        assert all(int(row[name]) <= int(row["planned"]) for name in ITEM)


def test_the_roll_up_equals_the_sum_of_the_schools(world: Any) -> None:
    """Each number, against the statistics of each school and the tickets themselves."""
    begin_ns, end_ns = span(world.registry.timezone, YEAR, 1)
    world.now_ns = begin_ns
    Year(world, 5).pass_until(end_ns - HOUR_NS)
    supervision = world.dispatch.supervision
    schools = supervision.schools(DISTRICT, None, begin_ns, end_ns, catalog=world.catalog)
    assert [one.facts.site for one in schools] == [*SITES]
    statistics = dict(supervision.statistics(DISTRICT, None, begin_ns, end_ns))
    for one in schools:
        own, site = one.facts.counts, one.facts.site
        for name in ("general", "general_done", "major", "major_done"):
            assert getattr(own, name) == getattr(statistics[site], name), (site, name)
        tickets = [row for row in world.tickets if row.site == site]
        standing = [row for row in tickets if row.state not in {"closed", "merged", "false_report"}]
        assert (own.open, own.overdue) == (len(standing), sum(row.overdue for row in standing))
        found = [row for row in tickets if row.state not in {"merged", "false_report"}]
        fixed = [row for row in found if row.state in {"observing", "closed"}]
        assert own.on_time == sum(not row.overdue and not row.relapses for row in fixed)
        alone = Actor("district", frozenset(("district",)), frozenset((site,)))
        [single] = supervision.schools(alone, None, begin_ns, end_ns, catalog=world.catalog)
        assert single.facts == one.facts
    summed = total(schools)
    for name in DANGER_NUMBERS:
        assert getattr(summed.counts, name) == sum(getattr(one.facts.counts, name) for one in schools), name
    assert summed.zones == 3


DANGER_NUMBERS = ("found", "general", "major", "due", "on_time", "sensed", "proved", "above", "open", "overdue")


def test_a_bureau_sees_counts_and_dangers_but_no_personal_event(world: Any, seen: Any, people: Any) -> None:
    """Not the words of a public report, not the text about a person; the school keeps both."""
    world.dispatch.intake.report("school-1", "d-101", "building", "Li Ming of class 3 fell", address="192.0.2.1")
    world.feed(seen(Phase.RAISE, hazard="intrusion", rule="card"), seen(Phase.RAISE, sensor="smoke-102"))
    queries, dangers = world.dispatch.queries, world.dispatch.danger_queries
    ids = [one.danger for one in world.tickets]
    school = json.dumps([one.text for one in dangers.by_id(ids, people["officer"]).values()])
    bureau = json.dumps([one.text for one in dangers.by_id(ids, DISTRICT).values()])
    assert "Li Ming" in school
    assert "Li Ming" not in bureau
    shown = queries.hazards(DISTRICT, site=None, active=None, page=world.everything)
    assert {one.text["en"] for one in shown} == {"Irregular entry", "level 2"}
    assert {one.text["en"] for one in world.hazards} == {"level 2"}
    with pytest.raises(Forbidden):
        world.dispatch.supervision.sites(people["officer"], None)
    with pytest.raises(NotFound):
        queries.ticket(world.tickets[0].id, Actor("district", frozenset(("district",)), frozenset(("school-2",))))
