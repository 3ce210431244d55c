"""Planned drills: announced, started once, cancelled, kept over a restart, skipped with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound

SECOND_NS = 1_000_000_000
GIVEN = {"site": "school-1", "zone": "dorm", "kind": "fire", "place": "d-101"}
FAR = Actor("far", frozenset(("officer",)), frozenset(("school-2",)))


@pytest.fixture
def officer(night: Any) -> Actor:
    """Return the account of wang, who has a telephone number in the roster."""
    found: Actor = night.world.employ("officer")
    return found


def plan(night: Any, officer: Actor, *, in_s: float = 3_600, **more: Any) -> Any:
    """Plan a drill."""
    at_ns = night.world.now_ns + int(in_s * SECOND_NS)
    return night.dispatch.drill_plans.plan(officer, **GIVEN, at_ns=at_ns, **more)


def tick(night: Any, seconds: float) -> None:
    """Let time pass and run the timers of the service once."""
    night.skip_s(seconds)
    night.dispatch.tick(night.world.now_ns)
    night.turn()


def stated(night: Any, officer: Actor) -> list[tuple[str, str]]:
    """Return state and reason of each plan."""
    return [(one.state, one.reason) for one in night.dispatch.drill_plans.of_site(officer, "school-1")]


def test_a_planned_drill_is_announced_and_starts_once_after_a_restart(night: Any, officer: Actor) -> None:
    """The owner receives one notice 15 min before; at its time the drill pages; a silent one pages nobody."""
    made = plan(night, officer)
    tick(night, 2_600)
    assert not night.got("sms", "drill.announced")
    tick(night, 120)
    tick(night, 1)
    (notice,) = night.got("sms", "drill.announced")
    assert (notice.body["to"]["persons"], notice.body["drill"]) == (["wang"], True)
    assert "演练将于" in notice.body["text"]["zh"]
    night.open()  # a restart
    tick(night, 880)
    tick(night, 1)
    (drill,) = night.dispatch.drills.of_site(officer, "school-1")
    assert (drill.started_by, drill.silent, drill.ended_ns) == ("officer", False, None)
    (after,) = night.dispatch.drill_plans.of_site(officer, "school-1")
    assert (after.state, after.drill, after.at_ns) == ("started", drill.id, made.at_ns)
    assert [one.body["drill"] for one in night.got("robot")] == [True]
    night.dispatch.drills.end(officer, "school-1", drill.id)
    plan(night, officer, in_s=60, silent=True)
    tick(night, 61)
    assert [one.silent for one in night.dispatch.drills.of_site(officer, "school-1")] == [True, False]
    assert len(night.got("robot")) == 1
    assert night.dispatch.verify().ok


def test_a_cancelled_drill_never_starts(night: Any, officer: Actor) -> None:
    """It stays in the list; a second cancel, a foreign school and another role are refused."""
    made = plan(night, officer, in_s=60)
    with pytest.raises(NotFound):
        night.dispatch.drill_plans.cancel(FAR, "school-1", made.id)
    with pytest.raises(Forbidden):
        night.dispatch.drill_plans.cancel(Actor("op", frozenset(("operator",))), "school-1", made.id)
    night.dispatch.drill_plans.cancel(officer, "school-1", made.id)
    with pytest.raises(GuardFailed, match="is cancelled"):
        night.dispatch.drill_plans.cancel(officer, "school-1", made.id)
    tick(night, 120)
    assert stated(night, officer) == [("cancelled", "")]
    assert not night.dispatch.drills.of_site(officer, "school-1")


def test_a_drill_that_may_not_start_is_skipped_with_its_reason(night: Any, officer: Actor, seen: Any) -> None:
    """A pause of the service, another drill, a real alarm and an ended account; the owner receives the reason."""
    plan(night, officer, in_s=60)
    tick(night, 60 + 601)
    assert stated(night, officer) == [("skipped", "late")]
    assert "未开始" in night.got("sms", "drill.skipped")[0].body["text"]["zh"]
    running = night.dispatch.drills.start(officer, **GIVEN)
    plan(night, officer, in_s=60)
    tick(night, 61)
    assert stated(night, officer)[0] == ("skipped", "drill_runs")
    night.dispatch.drills.end(officer, "school-1", running.id)
    night.burn(seen, level=3, at_s=1_000)
    plan(night, officer, in_s=60)
    tick(night, 61)
    assert stated(night, officer)[0] == ("skipped", "real_alarm")
    plan(night, officer, in_s=60, silent=True)
    night.world.people.end("officer")
    tick(night, 61)
    assert stated(night, officer)[0] == ("skipped", "account")
    assert [one.id for one in night.dispatch.drills.of_site(officer, "school-1")] == [running.id]


def test_wrong_plans_are_refused(night: Any, officer: Actor) -> None:
    """Past times, times beyond 90 days, foreign sites, roles, and more plans than the maximum."""
    for in_s in (0, -1, 91 * 86_400):
        with pytest.raises(Invalid, match="90 days"):
            plan(night, officer, in_s=in_s)
    with pytest.raises(NotFound):
        plan(night, FAR)
    with pytest.raises(Forbidden):
        plan(night, Actor("op", frozenset(("operator",))))
    for number in range(20):
        plan(night, officer, in_s=100 + number)
    with pytest.raises(GuardFailed, match="maximum"):
        plan(night, officer)
