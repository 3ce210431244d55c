"""Supervision order: demand, deadline, answer of the school, extension by two persons, lifting."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Forbidden, GuardFailed, format_time
from alerts.tickets.intake import Found

HOUR_NS = 3_600_000_000_000
FIVE = ("responsibility", "measures", "funds", "time_limit", "contingency_plan")


@pytest.fixture
def ticket(world: Any, people: Any) -> Any:
    """Return a major danger under a supervision order of fifteen days."""
    for name in ("officer", "officer2", "fixer"):
        world.employ(name)
    found = world.dispatch.intake.find(
        people["officer"], Found("school-1", "d-101", "building", "patrol", "wall bulges")
    )
    found = world.act(found, "declare_major", "officer", note="load-bearing wall")
    due = format_time(world.now_ns + 360 * HOUR_NS)
    return world.act(found, "supervise", "district", note="repair before the rains", due=due)


def kinds(ticket: Any) -> list[str]:
    """Return the kinds of the order's entries."""
    return [one["kind"] for one in ticket.supervision["entries"]]


def test_an_order_sets_the_deadline_and_waits_for_the_answer(world: Any, ticket: Any) -> None:
    """The school answers, the bureau returns, the school answers again; each step is a notice of the console."""
    assert ticket.supervised
    assert ticket.due_ns == world.now_ns + 360 * HOUR_NS
    with pytest.raises(GuardFailed):
        world.act(ticket, "return_answer", "district", note="no plan")
    ticket = world.act(ticket, "answer", "officer", note="contractor begins on Monday")
    assert ticket.supervision["state"] == "answered"
    ticket = world.act(ticket, "return_answer", "district", note="the plan has no shoring")
    ticket = world.act(ticket, "answer", "officer2", note="shoring stands since noon")
    assert (ticket.supervision["state"], kinds(ticket)) == ("answered", ["opened", "answered", "returned", "answered"])
    steps = ["ticket.answer", "ticket.answer", "ticket.return_answer", "ticket.supervise"]
    assert sorted(world.paged()) == steps
    for action, who in (("answer", "district"), ("return_answer", "officer"), ("lift", "officer")):
        with pytest.raises((Forbidden, GuardFailed)):
            world.act(ticket, action, who, note="not permitted")


def test_the_deadline_of_an_order_moves_by_two_persons_alone(world: Any, ticket: Any) -> None:
    """A later deadline by a further order is refused; the extension of the school has a countersign and its reason."""
    later = format_time(ticket.due_ns + 24 * HOUR_NS)
    with pytest.raises(GuardFailed):
        world.act(ticket, "supervise", "district", note="more time", due=later)
    for item in FIVE:
        ticket = world.act(ticket, "fulfil", "officer", **{item: "as stated"})
    ticket = world.act(ticket, "assign", "officer", fixer="fixer")
    asked = world.act(ticket, "extend", "officer", note="steel arrives late", due=later)
    assert asked.due_ns == ticket.due_ns
    granted = world.act(asked, "countersign", "district")
    entry = granted.supervision["entries"][-1]
    assert granted.due_ns == ticket.due_ns + 24 * HOUR_NS == entry["due"]
    assert (entry["kind"], entry["by"], entry["asked_by"], entry["text"]) == (
        "extended",
        "district",
        "officer",
        "steel arrives late",
    )


def test_an_order_is_lifted_after_the_closing(world: Any, ticket: Any) -> None:
    """Before it the bureau cannot lift; after it the order has its last entry, and no further answer."""
    for item in FIVE:
        ticket = world.act(ticket, "fulfil", "officer", **{item: "as stated"})
    for audience in ("regulator", "assembly"):
        at = format_time(world.now_ns)
        ticket = world.act(ticket, "report", "officer", audience=audience, at=at, note="reported in full")
    ticket = world.act(ticket, "assign", "officer", fixer="fixer")
    for action, who in (("take", "fixer"), ("start", "fixer"), ("submit", "fixer"), ("accept", "officer")):
        ticket = world.act(ticket, action, who)
    with pytest.raises(GuardFailed):
        world.act(ticket, "lift", "district", note="seen on site")
    ticket = world.act(ticket, "close", "officer", reason="repaired", override=True, note="report of the engineer")
    ticket = world.act(ticket, "lift", "district", note="seen on site")
    assert (ticket.supervision["state"], kinds(ticket)) == ("lifted", ["opened", "lifted"])
    with pytest.raises(GuardFailed):
        world.act(ticket, "answer", "officer", note="too late")
