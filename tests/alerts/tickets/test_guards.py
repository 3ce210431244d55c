"""Guards of the closed loop: assignees, deadlines, five-fulfil, observation and rules of two persons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from alerts import Actor, Forbidden, GuardFailed, Invalid, Ticket, format_time
from alerts.dangers.kinds import danger_kinds
from detectors import Phase

HOUR_NS = 3_600_000_000_000
OBSERVING_NS = danger_kinds()["fire"].observing_ns
FIVE = {
    "responsibility": "王副校长", "measures": "更换探测器", "funds": "3000元", "time_limit": "24小时",
    "contingency_plan": "专人值守",
}  # fmt: skip


@pytest.fixture
def burning(world: Any, seen: Any) -> Any:
    """Return a world with one red fire, its ticket and a fixer."""
    world.feed(seen(Phase.RAISE))
    world.employ("fixer", sites=["school-1"])
    return world


def major(world: Any, *steps: str) -> Ticket:
    """Return the ticket as a major danger after these further steps."""
    ticket = world.act(world.tickets[0], "declare_major", "officer", note="exit barred")
    fields: Mapping[str, Any] = {"fulfil": FIVE, "supervise": {"note": "district list"}}
    who = {"supervise": "district", "take": "fixer", "start": "fixer", "submit": "fixer"}
    for step in steps:
        ticket = world.act(ticket, step, who.get(step, "officer"), **fields.get(step, {}))
    return ticket


def reported(world: Any, ticket: Ticket) -> Ticket:
    """Return the ticket after both reports of a major danger."""
    for audience in ("regulator", "assembly"):
        ticket = world.act(ticket, "report", "officer", audience=audience, at=at(world, -1), note="by letter")
    return ticket


def at(world: Any, hours: float) -> str:
    """Return the time in so many hours."""
    return format_time(world.now_ns + int(hours * HOUR_NS))


@pytest.mark.parametrize(("roles", "sites", "ended"), [
    ((), None, False), (("officer",), None, False), (("admin", "city"), None, False),
    (("fixer",), ["school-2"], False), (("fixer",), ["school-1"], True),
])  # fmt: skip
def test_only_an_account_with_role_and_site_is_assigned(
    burning: Any, roles: tuple[str, ...], sites: list[str] | None, *, ended: bool
) -> None:
    """No account, another role, another site and an ended account are rejected; the ticket stays graded."""
    if roles:
        burning.employ("wang", *roles, sites=sites)
    if ended:
        burning.people.end("wang")
    with pytest.raises(Invalid) as caught:
        burning.act(burning.tickets[0], "assign", "officer", fixer="wang")
    assert set(caught.value.fields) == {"fixer"}
    assert burning.tickets[0].state == "graded"
    assert burning.act(burning.tickets[0], "assign", "officer", fixer="fixer").fixer == "fixer"


def test_the_default_fixer_of_a_zone_needs_an_account_too(world: Any, seen: Any) -> None:
    """A name of the campus file without an account takes no ticket."""
    world.feed(seen(Phase.RAISE))
    with pytest.raises(Invalid, match="'fixer' with role fixer"):
        world.act(world.tickets[0], "assign", "officer")


@pytest.mark.parametrize("hours", [-24, -0.001, 0])
def test_a_deadline_is_in_the_future(burning: Any, hours: float) -> None:
    """Neither an assignment nor an extension sets a deadline that has passed."""
    with pytest.raises(Invalid) as caught:
        burning.act(burning.tickets[0], "assign", "officer", fixer="fixer", due=at(burning, hours))
    assert set(caught.value.fields) == {"due"}
    ticket = burning.act(burning.tickets[0], "assign", "officer", fixer="fixer", due=at(burning, 5))
    assert ticket.due_ns == burning.now_ns + 5 * HOUR_NS
    with pytest.raises(Invalid):
        burning.act(ticket, "extend", "officer", due=at(burning, hours), note="part on order")
    with pytest.raises(Invalid, match="after the present deadline"):
        burning.act(ticket, "extend", "officer", due=at(burning, 4), note="part on order")


def test_a_new_deadline_ends_overdue(burning: Any) -> None:
    """An overdue ticket that is assigned with a new deadline is no longer overdue."""
    burning.now_ns = burning.tickets[0].due_ns + 1
    burning.dispatch.tick(burning.now_ns)
    assert burning.tickets[0].overdue
    assert burning.act(burning.tickets[0], "assign", "officer").overdue
    assert not burning.act(burning.tickets[0], "assign", "officer", due=at(burning, 1)).overdue


@pytest.mark.parametrize("name", FIVE)
@pytest.mark.parametrize("text", ["-", "——", " ", "无", "N/A", "x"])
def test_five_fulfil_rejects_a_dash(burning: Any, name: str, text: str) -> None:
    """Each of the five fields needs content."""
    ticket = major(burning)
    with pytest.raises(Invalid) as caught:
        burning.act(ticket, "fulfil", "officer", **(FIVE | {name: text}))
    assert set(caught.value.fields) == {name}


@pytest.mark.parametrize("steps", [(), ("take",), ("take", "start")])
def test_a_danger_found_to_be_major_later_returns_to_graded(burning: Any, steps: tuple[str, ...]) -> None:
    """Work on it goes on only after five-fulfil."""
    ticket = burning.act(burning.tickets[0], "assign", "officer")
    for step in steps:
        ticket = burning.act(ticket, step, "fixer")
    ticket = major(burning)
    assert ticket.state == "graded"
    with pytest.raises(Invalid) as caught:
        burning.act(ticket, "assign", "officer")
    assert set(caught.value.fields) == set(FIVE)
    assert major(burning, "fulfil", "assign", "take", "start").state == "rectifying"


def test_a_reopened_major_danger_needs_the_five_again(burning: Any, seen: Any) -> None:
    """Measures that failed bind no second rectification, neither after a relapse nor after a reopening."""
    ticket = major(burning, "fulfil", "assign", "take", "start", "submit")
    ticket = burning.act(reported(burning, ticket), "accept", "officer2")
    ticket = burning.act(ticket, "reopen", "officer", note="not clean")
    with pytest.raises(Invalid, match="five-fulfil"):
        burning.act(ticket, "assign", "officer")
    ticket = major(burning, "fulfil", "assign", "take", "start", "submit")
    burning.act(ticket, "accept", "officer2")
    burning.feed(seen(Phase.CLEAR, at_s=60), seen(Phase.RAISE, at_s=3_600))
    with pytest.raises(Invalid):
        burning.act(burning.tickets[0], "assign", "officer")


def test_a_major_danger_is_a_false_report_by_two_persons(burning: Any, seen: Any) -> None:
    """The first proposes, the second countersigns; the first account's person may not do both."""
    burning.employ("officer", person="wang.fang")
    twin = burning.employ("wang2", "officer", "district", person="wang.fang")
    ticket = major(burning)
    with pytest.raises(GuardFailed, match="still detect"):
        burning.act(ticket, "mark_false", "officer", note="steam")
    burning.feed(seen(Phase.CLEAR, at_s=60))
    ticket = burning.act(ticket, "mark_false", "officer", note="steam")
    assert (ticket.state, ticket.proposal.action, ticket.proposal.by) == ("graded", "mark_false", "officer")
    with pytest.raises(Forbidden):
        burning.act(ticket, "countersign", "officer")
    with pytest.raises(Forbidden):
        burning.dispatch.act(ticket.id, "countersign", twin, {}, version=ticket.version)
    with pytest.raises(Forbidden):
        burning.act(ticket, "countersign", "district")
    done = burning.act(ticket, "countersign", "officer2")
    assert (done.state, done.close_reason, done.proposal) == ("false_report", "false_report", None)
    last = burning.dispatch.queries.history(ticket.id)[-1]
    assert (last.kind, last.actor, last.facts["proposed_by"]) == ("ticket.mark_false", "officer2", "officer")


def test_a_countersign_checks_the_danger_again(burning: Any, seen: Any) -> None:
    """A fire that returned between the signatures is no false report."""
    ticket = major(burning)
    burning.feed(seen(Phase.CLEAR, at_s=60))
    burning.act(ticket, "mark_false", "officer", note="steam")
    burning.feed(seen(Phase.RAISE, at_s=90))
    with pytest.raises(GuardFailed):
        burning.act(burning.tickets[0], "countersign", "officer2")


def test_an_ordinary_danger_is_a_false_report_by_one_person(burning: Any, seen: Any) -> None:
    """The rule of two persons binds major dangers; a fixer never dismisses the own ticket."""
    both = burning.employ("both", "officer", "fixer")
    burning.feed(seen(Phase.CLEAR, at_s=60))
    ticket = burning.act(burning.tickets[0], "assign", "officer", fixer="both")
    with pytest.raises(Forbidden):
        burning.dispatch.act(ticket.id, "mark_false", both, {"note": "steam"}, version=ticket.version)
    assert burning.act(ticket, "mark_false", "officer", note="steam").state == "false_report"


def test_the_extension_of_a_supervised_major_ticket_needs_the_supervisor(burning: Any) -> None:
    """An officer proposes, the supervisor countersigns; a second officer may not; assign is no way around it."""
    ticket = major(burning, "fulfil", "supervise", "assign")
    due_ns = ticket.due_ns
    with pytest.raises(GuardFailed, match="countersign"):
        burning.act(ticket, "assign", "officer", due=at(burning, 50))
    ticket = burning.act(ticket, "extend", "officer", due=at(burning, 50), note="part on order")
    assert (ticket.due_ns, ticket.proposal.operation) == (due_ns, "ticket_supervise")
    for name in ("officer", "officer2", "admin"):
        with pytest.raises(Forbidden):
            burning.act(ticket, "countersign", name)
    ticket = burning.act(ticket, "comment", "officer2", note="asked again")
    done = burning.act(ticket, "countersign", "district")
    assert (done.due_ns, done.state, done.proposal) == (burning.now_ns + 50 * HOUR_NS, "assigned", None)


def test_the_extension_by_a_supervisor_needs_the_school(burning: Any) -> None:
    """Each extension of a supervised major danger has two persons, one of them the supervisor."""
    ticket = major(burning, "fulfil", "supervise", "assign")
    ticket = burning.act(ticket, "extend", "district", due=at(burning, 50), note="part on order")
    with pytest.raises(Forbidden):
        burning.act(ticket, "countersign", "district")
    assert burning.act(ticket, "countersign", "officer").due_ns == burning.now_ns + 50 * HOUR_NS


def test_a_declined_proposal_changes_nothing(burning: Any) -> None:
    """The reason is in the history; a later state drops a proposal too."""
    ticket = major(burning, "fulfil", "supervise", "assign")
    due_ns = ticket.due_ns
    ticket = burning.act(ticket, "extend", "officer", due=at(burning, 50), note="part on order")
    ticket = burning.act(ticket, "decline", "district", note="use the spare part")
    assert (ticket.due_ns, ticket.proposal) == (due_ns, None)
    with pytest.raises(GuardFailed, match="no action waits"):
        burning.act(ticket, "countersign", "district")
    ticket = burning.act(ticket, "extend", "officer", due=at(burning, 50), note="part on order")
    assert burning.act(ticket, "take", "fixer").proposal is None


def test_a_proposed_deadline_may_pass_before_the_countersign(burning: Any) -> None:
    """A countersign sets no deadline in the past."""
    ticket = major(burning, "fulfil", "supervise", "assign")
    ticket = burning.act(ticket, "extend", "officer", due=at(burning, 3), note="part on order")
    burning.now_ns += 4 * HOUR_NS
    with pytest.raises(GuardFailed, match="has passed"):
        burning.act(ticket, "countersign", "district")


def test_other_tickets_are_extended_by_one_person(burning: Any) -> None:
    """Neither a major ticket without supervision nor an ordinary supervised one needs a countersign."""
    ticket = burning.act(burning.tickets[0], "supervise", "district", note="district list")
    ticket = burning.act(ticket, "assign", "officer")
    assert burning.act(ticket, "extend", "officer", due=at(burning, 50), note="part on order").proposal is None


@pytest.mark.parametrize(("cleared_h", "accepted_h"), [(0, 0), (0, 71), (71, 0)])
def test_the_observation_is_not_skipped(burning: Any, seen: Any, cleared_h: float, accepted_h: float) -> None:
    """It lasts from the later of acceptance and clearing; an earlier closing is an override with a reason."""
    burning.act(burning.tickets[0], "assign", "officer")
    for action in ("take", "start", "submit"):
        burning.act(burning.tickets[0], action, "fixer")
    start_ns = burning.now_ns
    burning.feed(seen(Phase.CLEAR, at_s=60 + cleared_h * 3_600))
    burning.now_ns = start_ns + int(accepted_h * HOUR_NS)
    ticket = burning.act(burning.tickets[0], "accept", "officer")
    burning.now_ns = start_ns + OBSERVING_NS
    for fields in ({}, {"override": True}, {"override": True, "note": "-"}, {"note": "seen on site"}):
        with pytest.raises(GuardFailed, match="observation"):
            burning.act(ticket, "close", "officer", reason="repaired", **fields)
    burning.dispatch.tick(burning.now_ns)
    assert burning.tickets[0].state == "observing"
    burning.now_ns += int((max(cleared_h, accepted_h) + 1) * HOUR_NS)
    closed = burning.act(ticket, "close", "officer", reason="repaired")
    assert (closed.state, closed.overridden) == ("closed", False)


def test_an_override_before_the_end_of_the_observation_is_recorded(burning: Any, seen: Any) -> None:
    """Statistics distinguish it, though the sensors are back to normal."""
    burning.feed(seen(Phase.CLEAR, at_s=60))
    burning.act(burning.tickets[0], "assign", "officer")
    for action in ("take", "start", "submit"):
        burning.act(burning.tickets[0], action, "fixer")
    ticket = burning.act(burning.tickets[0], "accept", "officer")
    fields = {"reason": "repaired", "override": True, "note": "seen on site"}
    assert burning.act(ticket, "close", "officer", **fields).overridden


def test_two_accounts_of_one_person_count_as_one(burning: Any) -> None:
    """A fixer neither reviews nor accepts under another account; both accounts work on the own ticket."""
    burning.employ("li", "fixer", sites=["school-1"])
    chief = burning.employ("li.chief", "officer", "fixer", person="li")
    ticket = burning.act(burning.tickets[0], "assign", "officer", fixer="li")
    li = Actor("li", frozenset(("fixer",)))
    for action, actor in (("take", chief), ("start", li), ("submit", chief)):
        ticket = burning.dispatch.act(ticket.id, action, actor, {}, version=ticket.version)
    for action, fields in (("review", {}), ("accept", {}), ("reject", {"note": "not clean"})):
        with pytest.raises(Forbidden):
            burning.dispatch.act(ticket.id, action, chief, fields, version=ticket.version)
    assert burning.act(ticket, "accept", "officer").state == "observing"
