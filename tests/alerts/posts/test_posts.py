"""Responsibility by post: gaps, and the handover of a person who leaves."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound
from alerts.posts.duties import active_of
from alerts.rosters.holders import holders
from alerts.rosters.reader import read_roster
from detectors import Phase

OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
ADMIN = Actor("admin", frozenset(("admin",)))
OTHER = Actor("other", frozenset(("admin",)), frozenset(("school-2",)))
ROSTER: dict[str, Any] = {
    "person": [
        {"id": name, "account": account, "contacts": {"sms": "+8613800000000"}}
        for name, account in (("li", "fixer"), ("wu", "fixer2"), ("he", "officer"))
    ],
    "post": [{"id": "dorm", "deputies": ["li", "wu"]}, {"id": "gate"}, {"id": "empty"}],
    "shift": [
        {"post": "dorm", "begin": "19:00", "end": "07:00", "persons": ["li"]},
        {"post": "gate", "begin": "07:00", "end": "19:00", "persons": ["he"]},
    ],
    "exception": [{"person": "he", "begin": "2026-12-01T00:00", "end": "2026-12-02T00:00", "substitute": "li"}],
    "chain": [{"id": "fire", "steps": [{"wait_s": 60, "posts": ["dorm"], "persons": ["li", "wu"]}]}],
}
POINT: dict[str, Any] = {
    "name": {"zh": "宿舍火灾"},
    "zone": "dorm",
    "existing": {"method": "ls", "likelihood": 2, "severity": 5},
    "measures": [{"id": "m1", "text": {"zh": "巡查"}, "post": "dorm"}, {"id": "m2", "text": {"zh": "培训"}}],
}


@pytest.fixture
def school(world: Any, seen: Any) -> Any:
    """Return a school with a roster, three risk points, and a ticket that `fixer` rectifies and `officer` accepts."""
    for name, role in (("fixer", "fixer"), ("fixer2", "fixer"), ("officer", "officer")):
        world.employ(name, role, sites=["school-1"])
    world.dispatch.escalating.rosters.put(ADMIN, "school-1", ROSTER, version=None)
    for point, post in (("r1", "dorm"), ("r2", ""), ("r3", "guard")):
        world.dispatch.register.put(OFFICER, "school-1", point, POINT | {"post": post}, version=None)
    world.feed(seen(Phase.RAISE))
    ticket = world.tickets[0]
    world.dispatch.act(ticket.id, "assign", OFFICER, {"fixer": "fixer"}, version=ticket.version)
    return world


def gaps(world: Any) -> set[tuple[str, str]]:
    """Return kind and subject of the gaps of school-1."""
    return {(one.kind, one.subject) for one in world.dispatch.posts.of_site(OFFICER, "school-1")[1]}


def test_every_duty_without_a_person_or_deputy_is_a_gap(school: Any) -> None:
    """A vacant post, one without deputy, risk points and measures without post, accounts and tickets without person."""
    measures = {("measure_without_post", f"{point}/m2") for point in ("r1", "r2", "r3")}
    expected = {("vacant", "empty"), ("vacant", "guard"), ("no_deputy", "gate"), ("point_without_post", "r2")}
    assert gaps(school) == expected | measures
    school.people.changes.lock("fixer", locked=True, by="admin")
    locked = {("account", "li"), ("ticket", school.tickets[0].id), ("zone", "dorm")}
    assert gaps(school) == expected | measures | locked
    posts, _ = school.dispatch.posts.of_site(OFFICER, "school-1")
    dorm = next(one for one in posts if one.id == "dorm")
    assert (dorm.persons, dorm.deputies, dorm.points) == (("li",), ("wu",), ("r1",))
    assert dorm.measures == ("r1/m1", "r2/m1", "r3/m1")
    assert school.dispatch.posts.counts(["school-1"]) == {"school-1": (len(posts), len(gaps(school)))}


def test_a_page_of_schools_may_name_any_number_of_accounts(school: Any) -> None:
    """A page has 1,000 schools; the parameters of one statement are limited."""
    with school.engine.connect() as connection:
        found = active_of(connection, {"fixer", "officer", *(f"person-{number}" for number in range(66_000))})
    assert found == {"fixer": frozenset(("school-1",)), "officer": frozenset(("school-1",))}


def test_a_handover_moves_tickets_and_posts_in_one_act(school: Any) -> None:
    """The leaver is nowhere after it; the journal has the act; the account ends with it."""
    posts, people = school.dispatch.posts, school.people
    fixer = people.account("fixer")
    with pytest.raises(GuardFailed, match="name a successor"):
        posts.end(ADMIN, fixer, None, lambda connection: people.changes.end_in(connection, "fixer", by="admin"))
    assert people.account("fixer").active
    [moved] = posts.end(
        ADMIN, fixer, "fixer2", lambda connection: people.changes.end_in(connection, "fixer", by="admin")
    )
    ticket = school.tickets[0]
    assert (moved.tickets, moved.posts, moved.points, moved.measures) == ((ticket.number,), ("dorm",), 1, 3)
    assert (ticket.fixer, ticket.fixers, ticket.state) == ("fixer2", ("fixer", "fixer2"), "assigned")
    assert not people.account("fixer").active
    stored = school.dispatch.escalating.rosters.get(ADMIN, "school-1")
    assert (stored.version, "'li'" in str(stored.table)) == (2, False)
    roster = read_roster("school-1", stored.table)
    assert holders(roster, "dorm").all == ("wu",)
    assert roster.exceptions[0].substitute == "wu"
    kinds = [event.kind for event in school.dispatch.queries.history("fixer")]
    assert kinds == ["person.set", "person.handed_over", "person.ended"]
    assert ("account", "li") not in gaps(school)
    assert ("ticket", ticket.id) not in gaps(school)
    with school.engine.connect() as connection:
        assert posts.holds(connection, "fixer") == []
    assert school.dispatch.verify().ok


def test_a_successor_that_cannot_take_everything_takes_nothing(school: Any) -> None:
    """The acceptor cannot become fixer, an unknown account no holder; nothing moves."""
    posts, before = school.dispatch.posts, school.tickets[0]
    for successor in ("officer", "nobody", "fixer"):
        with pytest.raises(Invalid) as caught:
            posts.hand_over(ADMIN, "fixer", successor)
        assert "successor" in caught.value.zh
    with pytest.raises(NotFound):
        posts.hand_over(OTHER, "fixer", "fixer2", site="school-1")
    with pytest.raises(Forbidden):
        posts.hand_over(OFFICER, "fixer", "fixer2")
    assert school.tickets[0] == before
    assert school.dispatch.escalating.rosters.get(ADMIN, "school-1").version == 1


def test_a_refused_handover_names_no_school_outside_of_the_scope(school: Any) -> None:
    """An administrator of one school neither moves nor reads the work of the leaver at another."""
    posts, fixer = school.dispatch.posts, school.people.account("fixer")
    for refused in (lambda: posts.hand_over(OTHER, "fixer", "fixer2"), lambda: posts.end(OTHER, fixer, None, print)):
        with pytest.raises(GuardFailed) as caught:
            refused()
        assert caught.value.guard == "beyond_scope"
        assert "school-1" not in caught.value.zh + caught.value.en
    assert school.dispatch.escalating.rosters.get(ADMIN, "school-1").version == 1
