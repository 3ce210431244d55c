"""Zones whose people leave: routing to the successor, gaps with the line of the campus file, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts import Actor, GuardFailed, Invalid
from alerts.plans.plan import adopt, of_registry
from alerts.posts import zone_gaps as gaps_of_zones
from alerts.risk.registry import Registry, Zone, load_registry
from alerts.tickets.zone_people import present
from detectors import Phase

ADMIN = Actor("admin", frozenset(("admin",)))
OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
FILE = """# A school
[[site]]
id = "school-1"

[[zone]]  # dormitory
site = "school-1"
id = "dorm"
key = "dormitory"
officer = "officer"  # until June
fixer = "fixer"

[[zone]]
id = "pond"
site = "school-1"
"""


@pytest.fixture
def school(world: Any) -> Any:
    """Return a school whose dormitory has an officer and a fixer, with a second person for each."""
    for name, role in (("officer", "officer"), ("officer2", "officer"), ("fixer", "fixer"), ("fixer2", "fixer")):
        world.employ(name, role, sites=["school-1"])
    return world


def zone_gaps(world: Any) -> list[tuple[str, str]]:
    """Return zone and English text of the gaps about people of zones."""
    _, gaps = world.dispatch.posts.of_site(OFFICER, "school-1")
    return [(one.subject, one.text["en"]) for one in gaps if one.kind == "zone"]


def test_the_gap_of_a_locked_successor_is_not_about_the_leaver() -> None:
    """The leaver still has an account: the text names the successor, whose account cannot sign in."""
    zone = Zone("school-1", "dorm", officer="li")
    [gap] = gaps_of_zones.zone_gaps(Registry(), [zone], [("li", "wang")], {"li"})
    assert "wang has taken over; that account has ended, is locked" in gap.text["en"]
    assert "现由 wang 接任，但接任账号已停用" in gap.text["zh"]
    [gap] = gaps_of_zones.zone_gaps(Registry(), [zone], [], {"wang"})
    assert "the zone dorm; the account has ended" in gap.text["en"]


def test_tickets_of_a_zone_go_to_the_successor_of_its_people(school: Any, seen: Any) -> None:
    """The officer accepts and is paged for deadlines, the fixer rectifies; a further handover is followed."""
    posts = school.dispatch.posts
    assert zone_gaps(school) == []
    [moved] = posts.hand_over(ADMIN, "officer", "officer2", site="school-1")
    assert moved.zones == ("dorm",)
    posts.hand_over(ADMIN, "fixer", "fixer2", site="school-1")
    school.feed(seen(Phase.RAISE))
    [ticket] = school.tickets
    assert ticket.acceptor == "officer2"
    ticket = school.dispatch.act(ticket.id, "assign", OFFICER, {}, version=ticket.version)
    assert ticket.fixer == "fixer2"
    posts.hand_over(ADMIN, "fixer2", "fixer", site="school-1")
    school.feed(seen(Phase.RAISE, sensor="smoke-102", hazard="sensor_stuck", rule="stuck", level=1))
    other = next(one for one in school.tickets if one.id != ticket.id)
    assert school.dispatch.act(other.id, "assign", OFFICER, {}, version=other.version).fixer == "fixer"


def test_a_leaver_of_a_zone_is_a_gap_with_the_line_of_the_file(school: Any, tmp_path: Path) -> None:
    """Until the file names another account; a locked person is one too, without a successor."""
    path = tmp_path / "campus.toml"
    path.write_text(FILE, encoding="utf-8")
    school.registry.people_lines = load_registry(path).people_lines
    school.dispatch.posts.hand_over(ADMIN, "officer", "officer2", site="school-1")
    [(zone, text)] = zone_gaps(school)
    assert (zone, "officer2 has taken over" in text, "line 9 of the campus file" in text) == ("dorm", True, True)
    assert FILE.splitlines()[9 - 1].startswith("officer =")
    school.people.changes.lock("fixer", locked=True, by="admin")
    assert [("locked" in text, "line 10" in text) for _, text in zone_gaps(school)] == [(False, False), (True, True)]
    school.registry.people_lines = {}
    assert "change officer of [[zone]] dorm" in zone_gaps(school)[0][1]


def test_an_account_with_a_zone_ends_only_with_a_successor_of_its_role(school: Any) -> None:
    """The zone alone holds it; a successor without the role is refused, and nothing moves."""
    posts, people = school.dispatch.posts, school.people
    fixer = people.account("fixer")
    with pytest.raises(GuardFailed, match="name a successor"):
        posts.end(ADMIN, fixer, None, lambda _connection: None)
    with pytest.raises(Invalid, match="role fixer"):
        posts.hand_over(ADMIN, "fixer", "officer2", site="school-1")
    assert zone_gaps(school) == []
    posts.end(ADMIN, fixer, "fixer2", lambda connection: people.changes.end_in(connection, "fixer", by="admin"))
    assert not people.account("fixer").active
    [entry] = school.dispatch.queries.history("zones.school-1")
    assert (entry.actor, entry.facts["leaver"], entry.facts["successor"]) == ("admin", "fixer", "fixer2")
    assert entry.facts["zones"] == ["dorm.fixer"]


def test_a_drawn_plan_has_the_people_of_the_campus_file(school: Any) -> None:
    """A change of the file counts at a school with a stored plan, too."""
    stored = of_registry(school.registry, "school-1")
    changed = dict(school.registry.zones)
    changed["school-1", "dorm"] = replace(changed["school-1", "dorm"], officer="officer2")
    school.registry.zones = changed
    adopt(school.registry, stored)
    assert school.registry.zones["school-1", "dorm"].officer == "officer2"


@pytest.mark.parametrize(
    ("handed", "expected"),
    [([], "li"), ([("li", "wu")], "wu"), ([("wu", "he"), ("li", "wu")], "wu"), ([("li", "wu"), ("wu", "li")], "li")],
)
def test_handovers_are_followed_in_their_order(handed: list[tuple[str, str]], expected: str) -> None:
    """A handover before that of the leaver does not count; a person who returns has the work again."""
    assert present("li", handed) == expected
