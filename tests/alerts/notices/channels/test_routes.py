"""Routing: each address receives the notices of its sites, grades and own work alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from alerts import Notice, Receipt
from alerts.database.schema import notices
from alerts.notices.channels.routes import GRADES, PersonalRoute, Route, routed, wants
from detectors import Phase


class Plain:
    """A channel without a choice of its own."""

    def __init__(self, name: str, *, for_programs: bool = False) -> None:
        self.name, self.for_programs = name, for_programs

    def deliver(self, notice: Notice) -> Receipt:
        """Accept everything."""
        return Receipt(delivered=notice.id != "")


class Limited(Plain):
    """A channel with a rate limit."""

    def wait_s(self, *, red: bool) -> float:
        """Return the wait of lower grades."""
        return 0.0 if red else 3.0

    def blocked(self) -> bool:
        """Return that the receiver accepts messages."""
        return False


sites, grades = st.sampled_from(["school-1", "school-2", ""]), st.sampled_from(GRADES)


@given(st.sets(sites.filter(bool)), st.sets(grades), sites, grades, st.booleans())
def test_an_address_receives_its_sites_and_grades_alone(
    own: set[str],
    wanted: set[str],
    site: str,
    grade: str,
    pages: bool,  # noqa: FBT001 - hypothesis
) -> None:
    """A notice of another site or grade never reaches the address; one of the service itself reaches all sites."""
    route = PersonalRoute(name="a", sites=tuple(own), grades=tuple(wanted))
    got = wants(routed(Plain("a"), route), "hazard.opened", {"site": site, "grade": grade}, pages=pages)
    fits = (not own or not site or site in own) and (not wanted or grade in wanted)
    assert got is (pages and fits)


def test_the_end_of_an_alarm_passes_whatever_its_grade() -> None:
    """A program that received a red begin receives the yellow end."""
    channel = routed(Plain("p", for_programs=True), Route(name="p", grades=("red",), sites=("school-1",)))
    assert wants(channel, "hazard.cleared", {"site": "school-1", "grade": "yellow"}, pages=False)
    assert not wants(channel, "hazard.cleared", {"site": "school-2", "grade": "red"}, pages=False)


def test_a_rate_limit_stays_visible_behind_a_route() -> None:
    """Digests need it."""
    channel: Any = routed(Limited("l"), PersonalRoute(name="l"))
    assert (channel.wait_s(red=True), channel.wait_s(red=False)) == (0.0, 3.0)
    assert not hasattr(routed(Plain("a"), Route(name="a")), "wait_s")


@pytest.mark.parametrize(
    ("kind", "body", "fixer", "officer"),
    [
        ("ticket.assign", {"fixer": "li", "officer": "wang"}, True, False),
        ("ticket.assign", {"fixer": "zhao", "officer": "wang"}, False, False),
        ("ticket.transfer", {"fixer": "li", "officer": "wang"}, True, False),
        ("ticket.submit", {"fixer": "li", "officer": "wang"}, False, True),
        ("ticket.overdue", {"fixer": "li", "officer": "wang"}, True, True),
        ("ticket.comment", {"fixer": "li", "officer": "wang"}, False, False),
        ("hazard.opened", {}, False, False),
    ],
)
def test_own_work_is_of_its_fixer_and_its_officer(
    kind: str, body: dict[str, str], *, fixer: bool, officer: bool
) -> None:
    """A fixer receives assigned and returned tickets, an officer pending ones; pages need `pages`."""
    for account, expected in (("li", fixer), ("wang", officer)):
        route = PersonalRoute(name="a", receives=("own_work",), account=account)
        assert wants(routed(Plain("a"), route), kind, body, pages=kind.startswith("hazard")) is expected


def test_a_ticket_notifies_the_phones_of_its_persons(make_world: Any, seen: Any) -> None:
    """From the alarm to the assignment: the officer's phone at the opening, the fixer's at the assignment."""
    phones = [
        routed(Plain(name), PersonalRoute(name=name, receives=("own_work",), account=name))
        for name in ("officer", "fixer", "fixer2")
    ]
    world = make_world(channels=phones)
    world.employ("fixer")
    world.feed(seen(Phase.RAISE, level=3))
    world.act(world.tickets[0], "assign", "officer")
    with world.engine.connect() as connection:
        found = connection.execute(select(notices).where(notices.c.channel != "console").order_by(notices.c.created_ns))
        got = [(row.channel, row.type, row.body["text"]["zh"]) for row in found]
    assert sorted((channel, kind) for channel, kind, _ in got) == [
        ("fixer", "ticket.assign"),
        ("officer", "ticket.opened"),
    ]
    assert all(text.startswith("工单school-1-") for _, _, text in got)
    work = next(text for channel, _, text in got if channel == "fixer")
    assert "。101室：级别3，一般隐患；传感器持续72小时未再检测到" in work
