"""Hidden dangers: findings of people and sensors, duplicates, relapse, merge, candidates."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound
from alerts.dangers.dangers import Dangers
from alerts.dangers.photos import PUBLIC_PHOTOS_MAX, Prepared, Sent, add
from alerts.tickets.intake import Found, digest
from alerts.tickets.worklist import waiting
from detectors import Phase

HOUR_NS = 3_600_000_000_000
OFFICER = Actor("officer", frozenset(("officer",)))
FIXER = Actor("fixer", frozenset(("fixer",)))


def find(world: Any, kind: str = "exit_blocked", place: str = "d-101", actor: Actor = OFFICER, **given: Any) -> Any:
    """Return the ticket of a danger that a person found."""
    return world.dispatch.intake.find(
        actor, Found("school-1", place, kind, given.pop("source", "patrol"), "seen", **given)
    )


def danger_of(world: Any, ticket: Any) -> Any:
    """Return the danger of a ticket."""
    return world.dispatch.danger_queries.by_id([ticket.danger], OFFICER)[ticket.danger]


def rectified(world: Any, ticket: Any) -> Any:
    """Return the ticket after the steps to the observation."""
    ticket = world.act(ticket, "assign", "officer", fixer="fixer")
    for action in ("take", "start", "submit"):
        ticket = world.act(ticket, action, "fixer")
    return world.act(ticket, "accept", "officer2")


def waiting_tickets(world: Any) -> list[Any]:
    """Return the tickets that need an officer."""
    found: list[Any] = world.dispatch.queries.tickets(
        OFFICER, site=None, state=None, grade=None, page=world.everything, only=[waiting(OFFICER)]
    )
    return found


def photograph(world: Any, ticket: Any) -> None:
    """Add a photo of the repair."""
    world.photograph(ticket.danger, Sent(b"repair", "fixed", world.now_ns))


def test_a_danger_of_an_officer_is_graded_at_once_and_one_of_a_fixer_is_found(world: Any) -> None:
    """Neither has a hazard; a second finding of the same place and kind is no second ticket."""
    ticket = find(world)
    assert (ticket.state, ticket.hazard, ticket.grade.colour, danger_of(world, ticket).found_by) == (
        "graded", None, "orange", "officer",
    )  # fmt: skip
    assert find(world, actor=FIXER, source="report").id == ticket.id
    assert danger_of(world, ticket).reports == 2
    other = find(world, "building", actor=FIXER)
    assert other.state == "found"
    ticket = world.act(world.act(other, "register", "officer"), "grade", "officer", grade="blue")
    assert (ticket.state, ticket.grade.colour) == ("graded", "blue")


@pytest.mark.parametrize(("field", "given"), [
    ("place", {"place": "nowhere"}), ("kind", {"kind": "unknown"}), ("source", {"source": "sensor"}),
    ("clauses", {"clauses": ("guide-9",)}),
])  # fmt: skip
def test_a_wrong_field_of_a_finding_is_named(world: Any, field: str, given: dict[str, Any]) -> None:
    """Nothing is written."""
    with pytest.raises(Invalid) as caught:
        find(world, **given)
    assert set(caught.value.fields) == {field}
    assert world.tickets == []


def test_a_finding_needs_right_and_site(world: Any) -> None:
    """A viewer finds nothing; a school outside the scope does not exist."""
    with pytest.raises(Forbidden):
        find(world, actor=Actor("viewer", frozenset(("viewer",))))
    with pytest.raises(NotFound):
        find(world, actor=Actor("o", frozenset(("officer",)), frozenset(("school-2",))))


def test_a_hazard_joins_the_danger_that_a_person_found(world: Any, seen: Any) -> None:
    """One ticket; the hazard is its evidence, and clears before a false report."""
    ticket = find(world, "fire")
    world.feed(seen(Phase.RAISE))
    (same,) = world.tickets
    (hazard,) = world.hazards
    assert same.danger == ticket.danger
    assert same.grade.colour == "red"
    assert world.paged() == ["hazard.opened"]
    assert [one.id for one in world.dispatch.danger_queries.evidence([ticket.danger], OFFICER)[ticket.danger]] == [
        hazard.id
    ]
    assert world.dispatch.queries.tickets_of([hazard.id])[hazard.id].id == ticket.id
    with pytest.raises(GuardFailed, match="still detect"):
        world.act(same, "mark_false", "officer", note="steam")


def test_a_merge_moves_the_evidence(world: Any, seen: Any) -> None:
    """The duplicate ends; a later detection of its hazard reaches the remaining ticket."""
    world.feed(seen(Phase.RAISE))
    other = find(world, "wiring")
    (fire,) = [one for one in world.tickets if one.hazard]
    for wrong in ("nothing", fire.number):
        with pytest.raises(Invalid) as caught:
            world.act(fire, "merge", "officer", into=wrong)
        assert set(caught.value.fields) == {"into"}
    merged = world.act(fire, "merge", "officer", into=other.number)
    assert (merged.state, danger_of(world, merged).merged_into) == ("merged", other.danger)
    assert danger_of(world, other).reports == 2
    world.feed(seen(Phase.RAISE, sensor="smoke-101b", at_s=5, level=3))
    assert world.dispatch.queries.tickets_of([world.hazards[0].id])[world.hazards[0].id].id == other.id
    assert len(world.tickets) == 2


@pytest.mark.parametrize(("hours", "same"), [(700, True), (730, False)])
def test_a_danger_found_again_within_its_window_reopens_the_file(world: Any, hours: int, *, same: bool) -> None:
    """The window of a blocked exit is 30 days after closing; a stranger reopens no file."""
    world.employ("fixer")
    ticket = rectified(world, find(world))
    photograph(world, ticket)
    world.now_ns += 73 * HOUR_NS
    world.dispatch.tick(world.now_ns)
    (ticket,) = world.tickets
    assert (ticket.state, ticket.close_reason, ticket.overridden) == ("closed", "proved", False)
    world.now_ns += hours * HOUR_NS
    world.dispatch.intake.report("school-1", "d-101", "exit_blocked", "barred", address="192.0.2.1")
    assert [one.state for one in world.tickets] == ["closed", "found"]
    world.act(world.tickets[1], "mark_false", "officer", note="a test report")
    again = find(world)
    assert (again.id == ticket.id, again.relapses) == ((True, 1) if same else (False, 0))
    offenders = world.dispatch.danger_queries.offenders(OFFICER, site=None, since_ns=0)
    assert [(one.place, one.cause, one.dangers, one.relapses) for one in offenders] == [
        ("d-101", "exit_blocked", 1 if same else 2, 1 if same else 0)
    ]


def test_a_danger_without_sensors_closes_with_a_photo_or_a_named_override(world: Any) -> None:
    """The time alone closes nothing."""
    world.employ("fixer")
    ticket = rectified(world, find(world))
    world.now_ns += 100 * HOUR_NS
    world.dispatch.tick(world.now_ns)
    assert world.tickets[0].state == "observing"
    with pytest.raises(GuardFailed, match="photo"):
        world.act(ticket, "close", "officer", reason="repaired")
    closed = world.act(ticket, "close", "officer", reason="repaired", override=True, note="seen on site")
    assert closed.overridden


def test_a_dormitory_without_a_detector_is_a_candidate_with_its_clause(world: Any, seen: Any) -> None:
    """The clause has a source and a day of verification; a person confirms or dismisses the candidate."""
    world.feed(seen(Phase.RAISE, hazard="detector_lost", rule="lost"))
    (ticket,) = world.tickets
    assert danger_of(world, ticket).clauses == ("guide-2024-3-1-4",)
    clause = world.dispatch.danger_queries.clauses()["guide-2024-3-1-4"]
    assert clause.citation == "第三条第一项第四目"
    assert clause.source_url.startswith("http")
    assert clause.verified_at
    assert not ticket.major
    ticket = world.act(ticket, "dismiss_candidate", "officer", note="room is empty in the holidays")
    assert danger_of(world, ticket).clauses == ()
    ticket = world.act(ticket, "declare_major", "officer", clause="guide-2024-3-1-4", note="no detector")
    assert (ticket.major, danger_of(world, ticket).clauses) == (True, ("guide-2024-3-1-4",))
    with pytest.raises(Invalid):
        world.act(ticket, "declare_major", "officer", clause="guide-9", note="no detector")


def test_a_public_report_keeps_no_personal_data(world: Any) -> None:
    """Numbers and addresses in the text go; the receipt alone finds the state, also after a merge."""
    text = "门锁了 call 138-0013-8000 or li@example.org"
    receipt = world.dispatch.intake.report("school-1", "d-101", "exit_blocked", text, address="192.0.2.7")
    (ticket,) = world.tickets
    danger = danger_of(world, ticket)
    assert (danger.text["zh"], danger.found_by, ticket.state) == ("门锁了 call *** or ***", "", "found")
    entries = world.dispatch.queries.audit(Actor("a", frozenset(("admin",))), page=world.everything)
    assert "192.0.2.7" not in str(entries)
    assert receipt not in str(entries)
    other = find(world, "building")
    world.act(ticket, "merge", "officer", into=other.number)
    found = world.dispatch.danger_queries.receipt(digest(f"{receipt[:4]} {receipt[4:].lower()}"))
    assert found[1].id == other.id
    assert world.dispatch.danger_queries.receipt(digest("wrong")) is None


def test_a_fixer_asks_and_an_officer_grants_an_extension(world: Any) -> None:
    """The request changes nothing before; a circular transfer is refused."""
    for name in ("fixer", "fixer2"):
        world.employ(name)
    ticket = world.act(find(world), "assign", "officer", fixer="fixer")
    due = "2100-01-01T00:00:00+08:00"
    asked = world.act(ticket, "request_extension", "fixer", due=due, note="part on order")
    assert (asked.due_ns, asked.proposal.operation) == (ticket.due_ns, "ticket_extend")
    assert world.act(asked, "countersign", "officer").due_ns > ticket.due_ns
    ticket = world.act(world.tickets[0], "transfer", "fixer", fixer="fixer2", note="not my trade")
    with pytest.raises(Invalid, match="circular"):
        world.act(ticket, "transfer", "fixer2", fixer="fixer", note="not mine either")


def test_a_pause_moves_the_deadline_and_ends_by_its_time(world: Any) -> None:
    """Life safety never pauses; a paused ticket is not overdue."""
    world.employ("fixer")
    with pytest.raises(GuardFailed, match="never pauses"):
        world.act(
            world.act(find(world), "assign", "officer"), "pause", "officer", until="2100-01-01T00:00:00Z", note="part"
        )
    ticket = world.act(find(world, "building"), "assign", "officer", fixer="fixer")
    until_ns = world.now_ns + 200 * HOUR_NS
    from alerts import format_time  # noqa: PLC0415 - beside its only use

    paused = world.act(ticket, "pause", "officer", until=format_time(until_ns), note="part on order")
    world.now_ns += 150 * HOUR_NS
    world.dispatch.tick(world.now_ns)
    assert not next(one for one in world.tickets if one.id == paused.id).overdue
    world.now_ns = until_ns + HOUR_NS
    world.dispatch.tick(world.now_ns)
    after = next(one for one in world.tickets if one.id == paused.id)
    assert (after.due_ns, after.paused_ns) == (ticket.due_ns + 200 * HOUR_NS, None)


def test_nobody_takes_a_ticket_over_in_time(world: Any) -> None:
    """It is marked once; another assignment begins again."""
    world.employ("fixer")
    ticket = world.act(find(world), "assign", "officer", fixer="fixer")
    world.now_ns = ticket.take_due_ns + 1
    world.dispatch.tick(world.now_ns)
    (late,) = world.tickets
    assert late.take_late
    assert waiting_tickets(world) == [late]
    taken = world.act(late, "take", "fixer")
    assert (taken.take_late, waiting_tickets(world)) == (True, [])
    late = world.act(taken, "declare_major", "officer", note="no fuse")
    for item in ("responsibility", "measures", "funds", "time_limit", "contingency_plan"):
        late = world.act(late, "fulfil", "officer", **{item: "stated"})
    assert not world.act(late, "assign", "officer", fixer="fixer").take_late


def test_a_deadline_that_runs_by_the_clock_does_not_stay_paused(world: Any) -> None:
    """A paused danger that is declared major, or found again as red, is overdue in time."""
    from alerts import Grade, format_time  # noqa: PLC0415 - beside its only use

    world.employ("fixer")
    until = format_time(world.now_ns + 900 * HOUR_NS)
    paused = []
    for kind in ("building", "utilities"):
        ticket = world.act(find(world, kind), "assign", "officer", fixer="fixer")
        paused.append(world.act(ticket, "pause", "officer", until=until, note="part on order"))
    major = world.act(paused[0], "declare_major", "officer", note="wall may fall")
    red = find(world, "utilities", grade=Grade.RED)
    assert red.grade is Grade.RED
    for after, before in zip((major, red), paused, strict=True):
        assert after.paused_ns is None
        assert after.due_ns <= before.due_ns
    world.now_ns += 80 * HOUR_NS
    world.dispatch.tick(world.now_ns)
    assert all(one.overdue for one in world.tickets)


def test_a_merge_ends_no_major_danger_and_keeps_grade_and_deadline(world: Any) -> None:
    """Five-fulfil, double report and supervision do not end by a merge; a fresh duplicate gains no time."""
    old = find(world)
    world.now_ns += HOUR_NS
    other = find(world, "building")
    major = world.act(find(world, "wiring"), "declare_major", "officer", note="no fuse")
    with pytest.raises(GuardFailed, match="merged into no other"):
        world.act(major, "merge", "officer", into=other.number)
    world.act(old, "merge", "officer", into=other.number)
    after = next(one for one in world.tickets if one.id == other.id)
    assert (after.grade, after.due_ns) == (old.grade, old.due_ns)


def test_the_photo_of_a_former_repair_proves_nothing_after_a_relapse(world: Any) -> None:
    """The same file of the photo is no new one either."""
    world.employ("fixer")
    ticket = rectified(world, find(world))
    photograph(world, ticket)
    world.now_ns += HOUR_NS
    again = find(world)
    assert (again.id, again.relapses) == (ticket.id, 1)
    rectified(world, again)
    world.photograph(ticket.danger, Sent(b"repair", "fixed", world.now_ns))
    world.now_ns += 80 * HOUR_NS
    world.dispatch.tick(world.now_ns)
    assert world.tickets[0].state == "observing"
    world.photograph(ticket.danger, Sent(b"second repair", "fixed", world.now_ns))
    world.dispatch.tick(world.now_ns)
    assert world.tickets[0].state == "closed"


def test_the_public_reports_no_alarm_and_fills_no_file(world: Any) -> None:
    """A fire has its own call; photos of the public leave room for those of the repair."""
    with pytest.raises(Invalid) as caught:
        world.dispatch.intake.report("school-1", "d-101", "fire", "fire", address="192.0.2.7")
    assert set(caught.value.fields) == {"kind"}
    ticket = find(world)
    with world.engine.begin() as connection:
        danger = Dangers(connection, world.registry).find(ticket.danger)
        for number in range(PUBLIC_PHOTOS_MAX):
            sent = Sent(b"%d" % number, "found", world.now_ns)
            add(connection, danger, Prepared(sent, f"digest {number}", sent.content), "", now_ns=world.now_ns)
        with pytest.raises(Invalid, match=f"at most {PUBLIC_PHOTOS_MAX}"):
            add(connection, danger, Prepared(sent, "digest", sent.content), "", now_ns=world.now_ns)
    photograph(world, ticket)
    assert len(world.dispatch.danger_queries.photos(ticket.danger)) == PUBLIC_PHOTOS_MAX + 1


def test_a_photo_without_a_receipt_is_not_decoded(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image costs time and memory; a stranger gets neither."""
    decoded = list[Sent]()
    monkeypatch.setattr("alerts.dangers.photos.prepare", decoded.append)
    with pytest.raises(NotFound):
        world.dispatch.intake.add_public_photo("7KQ2M9XW4HTB8RNC", b"x", address="192.0.2.7")
    assert decoded == []
