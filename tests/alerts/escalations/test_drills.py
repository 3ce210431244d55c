"""Drills on the real roster: drill words, times from the records, never mixed with a real alarm."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound
from detectors import Phase

OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
GIVEN = {"site": "school-1", "zone": "dorm", "kind": "fire", "place": "d-101"}


def test_a_drill_pages_the_roster_and_measures_each_answer(night: Any) -> None:
    """Page, acknowledgement, confirmation, order and receipts against their targets; who did not answer is named."""
    drills, dispatch = night.dispatch.drills, night.dispatch
    drill = drills.start(OFFICER, **GIVEN)
    night.pass_s(5)
    (page,) = night.got("robot")
    assert (page.body["drill"], page.body["text"]["zh"][:2]) == (True, "演练")
    night.pass_s(70)  # nobody answered: the second step
    assert night.paged() == [("robot", ""), ("sms", "+8613800000001"), ("sms", "+8613800000002")]
    dispatch.step(drill.hazard, "confirm", OFFICER)
    night.skip_s(10)
    given = {"site": "school-1", "zone": "dorm", "action": "evacuate", "drill": True, "sound": False, "note": ""}
    order = dispatch.emergency_orders.give(OFFICER, **given)
    night.pass_s(20)
    dispatch.acknowledgements.receive(order.id, OFFICER)
    found, sheet = drills.sheet(OFFICER, "school-1", drill.id)
    times = {one.step: None if one.at_ns is None else (one.at_ns - found.started_ns) / 1e9 for one in sheet.steps}
    assert 0 <= times.pop("paged") <= 5
    assert times == {"acknowledged": 75, "confirmed": 75, "ordered": 85, "received": None}
    assert [one.met for one in sheet.steps] == [True, False, True, True, None]
    persons = {one.person: one for one in sheet.persons}
    assert (persons["wang"].acknowledged_ns, persons["wang"].silent) == (found.started_ns + 75 * 10**9, False)
    assert persons["wang"].received_ns == found.started_ns + 105 * 10**9
    assert persons["li"].silent
    assert persons["li"].sent_ns is not None
    ended = drills.end(OFFICER, "school-1", drill.id)
    assert ended.ended_ns == night.world.now_ns
    assert not dispatch.emergency_orders.list(OFFICER, active=True)
    assert not night.world.active_findings()
    assert drills.sheet(OFFICER, "school-1", drill.id)[1].steps[-1].met is False
    paged = len(night.paged())
    night.pass_s(60)
    assert len(night.paged()) == paged
    second = drills.start(OFFICER, **GIVEN)  # the same place within the relapse window: its own times
    assert [one.at_ns for one in drills.sheet(OFFICER, "school-1", second.id)[1].steps] == [None] * 5
    assert [one.id for one in drills.of_site(OFFICER, "school-1")] == [second.id, drill.id]


def test_a_real_alarm_during_a_drill_is_handled_as_real(night: Any, seen: Any) -> None:
    """It has its own hazard, ticket, pages and acknowledgement; the end of the drill changes nothing of it."""
    drill = night.dispatch.drills.start(OFFICER, **GIVEN)
    night.pass_s(5)
    night.world.feed(seen(Phase.RAISE, level=3, at_s=5))
    night.pass_s(5)
    real = next(one for one in night.world.hazards if not one.drill)
    assert real.id != drill.hazard
    assert [one.body["drill"] for one in night.got("robot")] == [True, False]
    assert [one.hazard for one in night.world.tickets] == [real.id]
    night.dispatch.drills.end(OFFICER, "school-1", drill.id)
    after = next(one for one in night.world.hazards if not one.drill)
    assert night.dispatch.drills.sheet(OFFICER, "school-1", drill.id)[1].steps[1].at_ns is None
    night.pass_s(130, every_s=5)
    assert len([one for one in night.got("sms") if one.body["drill"]]) == 1  # of the first step alone
    assert (after.active, after.acknowledged_by) == (True, None)


def test_wrong_drills_are_refused(night: Any) -> None:
    """Role, site, zone, place, kind, a second drill at once, an unknown or ended one."""
    drills = night.dispatch.drills
    with pytest.raises(Forbidden):
        drills.start(Actor("op", frozenset(("operator",))), **GIVEN)
    with pytest.raises(NotFound):
        drills.start(OFFICER, **(GIVEN | {"site": "school-2"}))
    for wrong in ({"zone": "none"}, {"place": "bank"}, {"kind": "battery_low"}):
        with pytest.raises(Invalid, match=next(iter(wrong))):
            drills.start(OFFICER, **(GIVEN | wrong))
    drill = drills.start(OFFICER, **GIVEN)
    with pytest.raises(GuardFailed, match="end it first"):
        drills.start(OFFICER, **GIVEN)
    far = Actor("far", frozenset(("officer",)), frozenset(("school-2",)))
    for call in (drills.end, drills.sheet):
        with pytest.raises(NotFound):
            call(far, "school-1", drill.id)
    drills.end(OFFICER, "school-1", drill.id)
    with pytest.raises(GuardFailed, match="has ended"):
        drills.end(OFFICER, "school-1", drill.id)
