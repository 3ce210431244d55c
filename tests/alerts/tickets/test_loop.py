"""Closed loop: tickets follow the table, fixers never accept, sensors prove the rectification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound, Stale, loop
from alerts.dangers.kinds import danger_kinds
from alerts.dangers.proof import seen
from detectors import Phase

RAISE, CLEAR = Phase.RAISE, Phase.CLEAR
HOUR_NS = 3_600_000_000_000
OBSERVING_NS = danger_kinds()["fire"].observing_ns
ROUND = (
    ("assign", "officer", {"fixer": "fixer"}, "assigned"),
    ("take", "fixer", {}, "taken"),
    ("start", "fixer", {}, "rectifying"),
    ("submit", "fixer", {"note": "cleaned"}, "submitted"),
    ("review", "officer2", {}, "in_review"),
    ("accept", "officer2", {}, "observing"),
)
FIVE = {
    "responsibility": "vice principal Wang", "measures": "new detectors", "funds": "3,000 yuan",
    "time_limit": "24 h", "contingency_plan": "guard at the exit",
}  # fmt: skip


@pytest.fixture
def burning(world: Any, seen: Any) -> Any:
    """Return a world with one red fire, its ticket and two fixers."""
    world.feed(seen(RAISE))
    for name in ("fixer", "fixer2"):
        world.employ(name)
    return world


def go(world: Any, until: str) -> Any:
    """Return the ticket after the steps of a round up to action `until`."""
    (ticket,) = world.tickets
    for action, who, fields, state in ROUND:
        ticket = world.act(ticket, action, who, **fields)
        assert ticket.state == state
        if action == until:
            break
    return ticket


def test_a_ticket_opens_graded_with_number_deadline_and_evidence(burning: Any, people: Mapping[str, Actor]) -> None:
    """The system registers and grades the ticket in one transaction; a red one is due in two hours."""
    (ticket,) = burning.tickets
    assert (ticket.state, ticket.number, ticket.acceptor) == ("graded", "school-1-2026-000001", "officer")
    assert ticket.due_ns - ticket.opened_ns == 2 * HOUR_NS
    kinds = [event.kind for event in burning.dispatch.queries.history(ticket.id)]
    assert kinds == ["ticket.opened", "ticket.register", "ticket.grade"]
    (evidence,) = burning.dispatch.queries.findings(
        people["officer"], site=None, hazard=ticket.hazard, page=burning.everything
    )
    assert evidence.evidence["text"] == {"zh": "级别2", "en": "level 2"}


def test_numbers_count_on_for_each_site(burning: Any, seen: Any) -> None:
    """Each school has its own sequence."""
    flood = seen(RAISE, sensor="level-1", metric="level", hazard="flood", at_s=1)
    burning.feed(flood, seen(RAISE, site="school-2", at_s=2))
    numbers = sorted(ticket.number for ticket in burning.tickets)
    assert numbers == ["school-1-2026-000001", "school-1-2026-000002", "school-2-2026-000001"]


def test_a_complete_round_closes_after_proof_by_the_sensors(burning: Any, seen: Any) -> None:
    """The history has every step with its person."""
    ticket = go(burning, "accept")
    with pytest.raises(GuardFailed) as caught:
        burning.act(ticket, "close", "officer2", reason="cleaned")
    assert caught.value.guard == "proved"
    assert "传感器" in caught.value.zh
    burning.feed(seen(CLEAR, at_s=60))
    burning.now_ns += OBSERVING_NS + HOUR_NS
    closed = burning.act(ticket, "close", "officer2", reason="cleaned")
    assert (closed.state, closed.close_reason, closed.overridden) == ("closed", "cleaned", False)
    history = burning.dispatch.queries.history(ticket.id)
    assert [(event.kind, event.actor) for event in history[3:]] == [
        *((f"ticket.{action}", who) for action, who, _, _ in ROUND),
        ("ticket.close", "officer2"),
    ]


def test_closing_without_proof_needs_a_named_override_with_a_note(burning: Any) -> None:
    """Statistics distinguish such closings from proved ones."""
    ticket = go(burning, "accept")
    with pytest.raises(GuardFailed):
        burning.act(ticket, "close", "officer2", reason="undetermined", override=True)
    closed = burning.act(ticket, "close", "officer2", reason="undetermined", override=True, note="seen on site")
    assert (closed.state, closed.overridden) == ("closed", True)


def test_the_fixer_never_reviews_accepts_rejects_or_closes(burning: Any, people: Mapping[str, Actor]) -> None:
    """Neither by role nor as a person with both roles."""
    both = burning.employ("both", "officer", "fixer")
    ticket = burning.act(burning.tickets[0], "assign", "officer", fixer="both")
    for action in ("take", "start", "submit"):
        ticket = burning.dispatch.act(ticket.id, action, both, {}, version=ticket.version)
    for actor in (both, people["fixer"]):
        for action, fields in (("review", {}), ("accept", {}), ("reject", {"note": "not clean"})):
            with pytest.raises(Forbidden):
                burning.dispatch.act(ticket.id, action, actor, fields, version=ticket.version)
    ticket = burning.act(ticket, "accept", "officer")
    with pytest.raises(Forbidden):
        burning.dispatch.act(ticket.id, "close", both, {"reason": "repaired"}, version=ticket.version)


def test_only_the_assigned_fixer_works_on_a_ticket(burning: Any) -> None:
    """Another fixer cannot take it."""
    ticket = go(burning, "assign")
    with pytest.raises(Forbidden):
        burning.act(ticket, "take", "fixer2")


def test_the_zones_own_fixer_is_the_default(burning: Any, seen: Any) -> None:
    """A zone without a fixer requires a name."""
    assert burning.act(burning.tickets[0], "assign", "officer").fixer == "fixer"
    burning.feed(seen(RAISE, sensor="level-1", metric="level", hazard="flood", at_s=3))
    with pytest.raises(Invalid) as caught:
        burning.act(burning.tickets[1], "assign", "officer")
    assert set(caught.value.fields) == {"fixer"}


def test_a_major_danger_stays_graded_until_all_five_are_fulfilled(burning: Any) -> None:
    """Responsibility, measures, funds, time limit and contingency plan; four of five are rejected."""
    ticket = burning.act(burning.tickets[0], "declare_major", "officer", note="exit barred")
    missing = set(FIVE)
    for name, text in FIVE.items():
        with pytest.raises(Invalid) as refused:
            burning.act(ticket, "assign", "officer", fixer="fixer")
        assert set(refused.value.fields) == set(refused.value.zh) == missing
        ticket = burning.act(ticket, "fulfil", "officer", **{name: text})
        missing.remove(name)
    assert ticket.fulfilled
    assert burning.act(ticket, "assign", "officer", fixer="fixer").state == "assigned"


def test_a_stale_version_changes_nothing(burning: Any) -> None:
    """Of two officers who act on the same version the second gets an error."""
    (ticket,) = burning.tickets
    moved = burning.act(ticket, "assign", "officer", fixer="fixer")
    with pytest.raises(Stale) as caught:
        burning.act(ticket, "assign", "officer2", fixer="fixer2")
    assert (caught.value.seen, caught.value.present) == (ticket.version, moved.version)
    assert burning.tickets == [moved]


def test_all_wrong_fields_are_reported_together(burning: Any) -> None:
    """Unknown names, wrong types and missing texts."""
    ticket = go(burning, "accept")
    with pytest.raises(Invalid) as caught:
        burning.act(ticket, "close", "officer2", reason="boredom", override="yes", colour="red")
    assert set(caught.value.fields) == {"reason", "override", "colour"}


def test_a_foreign_site_has_no_tickets(burning: Any) -> None:
    """A foreign ticket answers like a missing one."""
    foreign = Actor("o2", frozenset(("officer",)), frozenset(("school-2",)))
    (ticket,) = burning.tickets
    with pytest.raises(NotFound):
        burning.dispatch.act(ticket.id, "assign", foreign, {}, version=ticket.version)
    with pytest.raises(NotFound):
        burning.dispatch.queries.ticket(ticket.id, foreign)
    assert burning.dispatch.queries.tickets(foreign, site=None, state=None, grade=None, page=burning.everything) == []


def test_a_relapse_opens_the_same_ticket_again(burning: Any, seen: Any) -> None:
    """A closed or observed ticket returns to `graded` and counts its relapses."""
    ticket = go(burning, "accept")
    burning.feed(seen(CLEAR, at_s=60))
    burning.act(ticket, "close", "officer2", reason="cleaned", override=True, note="seen on site")
    burning.feed(seen(RAISE, at_s=3_600))
    (again,) = burning.tickets
    assert (again.id, again.state, again.relapses, again.closed_ns) == (ticket.id, "graded", 1, None)


def test_an_overdue_ticket_is_flagged_once_and_an_extension_clears_the_flag(burning: Any) -> None:
    """The grade defines the deadline."""
    ticket = go(burning, "start")
    burning.now_ns = ticket.due_ns
    burning.dispatch.tick(burning.now_ns)
    assert not burning.tickets[0].overdue
    burning.now_ns += 1
    for _ in range(2):
        burning.dispatch.tick(burning.now_ns)
    (late,) = burning.tickets
    assert late.overdue
    assert [e.kind for e in burning.dispatch.queries.history(ticket.id)].count("ticket.overdue") == 1
    extended = burning.act(late, "extend", "officer", due="2027-01-01T00:00:00+08:00", note="part on order")
    assert not extended.overdue


def test_observation_closes_the_ticket_automatically(burning: Any, seen: Any) -> None:
    """Neither while sensors detect the danger nor before the observation time ends."""
    go(burning, "accept")
    burning.now_ns += OBSERVING_NS + HOUR_NS
    burning.dispatch.tick(burning.now_ns)
    assert burning.tickets[0].state == "observing"
    burning.feed(seen(CLEAR, at_s=60))
    burning.dispatch.tick(burning.now_ns)
    assert (burning.tickets[0].state, burning.tickets[0].close_reason) == ("closed", "proved")


def test_offered_actions_are_permitted(burning: Any, people: Mapping[str, Actor]) -> None:
    """For every person and state no offered action is rejected for role, state or person."""
    for step in (None, *(action for action, *_ in ROUND[:-1])):
        ticket = go(burning, step) if step == ROUND[0][0] else burning.tickets[0]
        if step and step != ROUND[0][0]:
            action, who, fields, _ = next(row for row in ROUND if row[0] == step)
            ticket = burning.act(ticket, action, who, **fields)
        danger = burning.dispatch.danger_queries.by_id([ticket.danger], people["admin"])[ticket.danger]
        proof = seen(burning.hazards)
        for actor in people.values():
            offered = {
                row.action for row in loop().open_to(ticket, danger, actor, proof, persons={}, now_ns=burning.now_ns)
            }
            for action in loop().steps:
                refused = _refused(burning, ticket, action, actor)
                assert (action in offered) != refused, (ticket.state, actor.username, action)


def _refused(world: Any, ticket: Any, action: str, actor: Actor) -> bool:
    """Return whether the action is rejected before its fields are checked; an unknown field prevents changes."""
    try:
        world.dispatch.act(ticket.id, action, actor, {"no such field": "x"}, version=ticket.version)
    except Invalid:
        return _guarded(world, ticket, action, actor)
    except (Forbidden, GuardFailed):
        return True
    raise AssertionError(action)


def _guarded(world: Any, ticket: Any, action: str, actor: Actor) -> bool:
    """Guards: own ticket, four eyes, no false report while the sensors detect the danger."""
    if action in {"take", "start", "submit", "transfer", "request_extension"}:
        return bool(ticket.fixer != actor.username)
    if action in {"review", "accept", "reject", "close", "merge"}:
        return bool(ticket.fixer == actor.username)
    if action in {"pause", "resume", "report", "dismiss_candidate", "answer", "return_answer", "lift"}:
        return True  # a fire is life safety, no major danger and not supervised
    return action in {"countersign", "decline"} or (action == "mark_false" and world.hazards[0].active)
