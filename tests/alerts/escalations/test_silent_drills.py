"""Silent drills: nobody is paged; times are those of a loud drill, channels as recorded."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import Actor, GuardFailed, Invalid, Receipt
from alerts.drills.drill import SECOND_NS, Scene, last_night
from alerts.drills.rehearsal import LIMIT_S, Delivery, rehearse
from alerts.drills.silent import begun
from alerts.risk.grading import Grade
from alerts.rosters.model import Chain, ChainStep
from alerts.rosters.reach import Message
from detectors import Phase
from tests.alerts.escalations.conftest import ADMIN, ROSTER

OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
VIEWER = Actor("wall", frozenset(("viewer",)), frozenset(("school-1",)))
GIVEN = {"site": "school-1", "zone": "dorm", "kind": "fire", "place": "d-101"}


def silent(night: Any, **more: Any) -> Any:
    """Start a silent drill now; return it with its sheet."""
    made = night.dispatch.drills.start(OFFICER, **GIVEN, silent=True, as_of_ns=night.world.now_ns, **more)
    return night.dispatch.drills.sheet(OFFICER, "school-1", made.id)


def test_a_silent_drill_has_the_times_of_a_loud_one_and_sends_nothing(night: Any) -> None:
    """Each message within 2 s of the loud drill that nobody answers; no notice, alarm, ticket or page exists."""
    drill, sheet = silent(night)
    night.pass_s(200, every_s=50)
    assert [line.got for line in night.channels] == [[], [], []]
    assert not night.world.hazards
    assert not night.world.active_findings()
    night.skip_s(600)
    loud = night.dispatch.drills.start(OFFICER, **GIVEN)
    night.pass_s(186, every_s=2)
    sent = [
        ((one.created_ns - loud.started_ns) / SECOND_NS, tuple(one.body["to"]["persons"]), one.body["to"]["medium"])
        for line in night.channels
        for one in night.got(line.name)
    ]
    supposed = [(one["after_s"], tuple(one["persons"]), one["medium"]) for one in drill.run["contacts"]]
    assert len(sent) >= 4
    for at_s, persons, medium in sent:
        assert any(abs(at_s - own[0]) <= 2 and own[1:] == (persons, medium) for own in supposed), (at_s, persons)
    assert {one.person for one in sheet.persons} == {"li", "wang", "zhao"}
    assert [(one.step, one.met) for one in sheet.steps] == [("paged", True), ("acknowledged", False)]


def test_recorded_answers_and_failures_of_the_night_count(night: Any, seen: Any) -> None:
    """A person answers as in the record; a channel whose newest delivery failed passes on at once."""
    hazard = night.burn(seen, level=3)
    night.pass_s(62, every_s=2)
    night.skip_s(18)
    night.dispatch.acknowledge(hazard, OFFICER)  # wang, 20 s after the page of the second step
    drill, sheet = silent(night)
    assert drill.run["taken_s"] == pytest.approx(80, abs=3)
    assert [one.met for one in sheet.steps] == [True, False]
    assert {one.person: one.silent for one in sheet.persons} == {"li": True, "wang": False}
    night.skip_s(700)
    (sms,) = [one for one in night.channels if one.name == "sms"]
    sms.answer = lambda _: Receipt(delivered=False, retry=False, error="no line")
    night.world.feed(seen(Phase.RAISE, sensor="smoke-102", level=3, at_s=800))
    night.pass_s(5)
    failed, _ = silent(night)
    assert {one["delivered_s"] for one in failed.run["contacts"] if one["medium"] == "sms"} == {None}
    assert failed.run["taken_s"] is None


def test_the_wall_shows_a_silent_drill_until_it_ends(night: Any) -> None:
    """The list has no persons; it ends after 10 min, or by the officer; one drill runs at a time."""
    drill, _ = silent(night)
    (shown,) = night.dispatch.drills.shown(VIEWER)
    assert (shown.id, dict(shown.run)) == (drill.id, {})
    assert not night.dispatch.drills.shown(Actor("far", frozenset(("viewer",)), frozenset(("school-2",))))
    with pytest.raises(GuardFailed, match="end it first"):
        night.dispatch.drills.start(OFFICER, **GIVEN)
    night.skip_s(601)
    assert not night.dispatch.drills.shown(VIEWER)
    second, _ = silent(night)
    night.skip_s(5)
    ended = night.dispatch.drills.end(OFFICER, "school-1", second.id)
    assert ended.ended_ns == night.world.now_ns
    assert not night.dispatch.drills.shown(VIEWER)
    assert [one.id for one in night.dispatch.drills.of_site(OFFICER, "school-1")] == [second.id, drill.id]


def test_empty_steps_and_wrong_times_are_named(night: Any) -> None:
    """A step without a contact is named; a time in the future, an old one, and a site without a roster are refused."""
    roster = ROSTER | {"person": [{"id": "li", "contacts": {"email": "li@school.example"}}, *ROSTER["person"][1:]]}
    night.dispatch.escalating.rosters.put(ADMIN, "school-1", roster, version=1)
    drill, _ = silent(night)
    assert drill.run["empty_steps"] == [1]
    assert drill.run["contacts"][0]["after_s"] == 0  # the second step begins at once
    night.dispatch.drills.end(OFFICER, "school-1", drill.id)
    for wrong_ns in (night.world.now_ns + SECOND_NS, night.world.now_ns - 31 * 86_400 * SECOND_NS):
        with pytest.raises(Invalid, match="30 days"):
            night.dispatch.drills.start(OFFICER, **GIVEN, silent=True, as_of_ns=wrong_ns)
    everywhere = Actor("admin", frozenset(("admin",)))
    with pytest.raises(Invalid, match="roster"):
        night.dispatch.drills.start(everywhere, site="school-2", zone="dorm", kind="fire", silent=True)


@given(
    waits=st.lists(st.integers(5, 300), min_size=1, max_size=4),
    delay_s=st.floats(0, 200),
    works=st.booleans(),
    answer_s=st.none() | st.floats(0, 1_000),
)
def test_a_rehearsal_ends_and_keeps_the_order_of_time(
    waits: list[int], delay_s: float, *, works: bool, answer_s: float | None
) -> None:
    """No delivery before its message, no answer before a delivery, nothing begins after the limit."""
    steps = tuple(ChainStep(wait_s=wait, persons=(f"p{number}",)) for number, wait in enumerate(waits))
    chain = Chain("s", "c", steps)
    one = begun(Scene("s", "z", "p", "fire"), chain, Grade.RED)
    answers = {} if answer_s is None else {"p0": answer_s}
    found = rehearse(
        one,
        chain,
        lambda step, _: [Message(0.0, "sms", "line", f"a{step}", (f"p{step}",))],
        {"line": Delivery(delay_s, works, 1)},
        answers,
    )
    assert found.contacts
    for contact in found.contacts:
        assert contact.after_s <= LIMIT_S
        assert contact.delivered_s is None if not works else contact.delivered_s >= contact.after_s - 0.001
    if found.taken_s is not None:
        assert works
        assert found.taken_s == pytest.approx(delay_s + (answer_s or 0), abs=0.01)
        assert all(contact.after_s <= found.taken_s for contact in found.contacts)


def test_last_night_is_before_now() -> None:
    """At 01:00 it is of yesterday, at 03:00 of today; also over a change of the clock."""
    for zone in (ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")):
        for hour, day in ((1, 24), (3, 25)):
            now = datetime(2026, 10, 25, hour, 30, tzinfo=zone)
            found = datetime.fromtimestamp(last_night(int(now.timestamp()) * SECOND_NS, zone) / SECOND_NS, zone)
            assert (found.day, found.hour, found.minute) == (day, 2, 0)
