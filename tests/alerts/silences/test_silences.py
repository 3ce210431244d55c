"""Silences: muted pages, life safety with a patrol alone, ends, and pages that follow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from alerts import Actor, Forbidden, GuardFailed, Invalid, NotFound
from alerts.risk.causes import causes
from alerts.silences.limits import MINUTE_NS
from detectors import Phase

FAULT = {"hazard": "sensor_stuck", "rule": "stuck"}
PATROL = {"by": "operator", "interval_min": 15}
RAISE, CLEAR = Phase.RAISE, Phase.CLEAR
CAUSES = sorted({one.name for one in causes().values()})


def after(world: Any, minutes: float) -> None:
    """Pass a time in one tick."""
    world.now_ns += int(minutes * MINUTE_NS)
    world.dispatch.tick(world.now_ns)


def test_a_silence_mutes_the_page_and_nothing_else(staffed: Any, quiet: Any, seen: Any) -> None:
    """The detection, the hazard, its ticket and its clearing are as without it; the entry names the silence."""
    made = quiet()
    staffed.feed(seen(RAISE, level=3, **FAULT))
    (hazard,) = staffed.hazards
    assert (hazard.active, hazard.paged_grade > 0, staffed.paged()) == (True, True, [])
    assert [one.hazard for one in staffed.tickets] == [hazard.id]
    (entry,) = [one for one in staffed.dispatch.queries.history(hazard.id) if one.kind == "hazard.opened"]
    assert entry.facts["silenced"] == made.id
    assert staffed.dispatch.discipline.silences.covering([hazard]) == {hazard.id: (made.id, made.ends_ns)}
    staffed.feed(seen(CLEAR, at_s=60, **FAULT))
    assert not staffed.hazards[0].active
    after(staffed, 61)
    assert staffed.paged() == []


@pytest.mark.parametrize("way", ["expiry", "person"])
def test_a_muted_alarm_pages_when_its_silence_ends(staffed: Any, quiet: Any, seen: Any, people: Any, way: str) -> None:
    """Once, also after a restart in between; another silence of the same alarm keeps it muted."""
    made = quiet()
    staffed.feed(seen(RAISE, level=3, **FAULT))
    staffed.reopen()
    after(staffed, 30)
    assert staffed.paged() == []
    if way == "person":
        staffed.dispatch.discipline.silences.end(people["operator"], "school-1", made.id, version=made.version)
    after(staffed, 31)
    assert staffed.paged() == ["hazard.raised"]
    after(staffed, 60)
    staffed.reopen()
    after(staffed, 60)
    assert staffed.paged() == ["hazard.raised"]
    (ended,) = staffed.dispatch.discipline.silences.of_site(people["officer"], "school-1", ended=True)
    assert (ended.end_cause, ended.ended_by) == (("expired", "system") if way == "expiry" else ("person", "operator"))


def test_a_fire_that_burns_before_the_silence_goes_on(staffed: Any, quiet: Any, seen: Any) -> None:
    """A silence is no way to end the sound of a present danger to life; its higher grade pages too."""
    staffed.feed(seen(RAISE, level=1, page=True))
    staffed.now_ns += MINUTE_NS
    quiet(cause="fire", zone="dorm", patrol=PATROL)
    assert staffed.dispatch.discipline.silences.covering(staffed.hazards) == {}
    staffed.feed(seen(Phase.CHANGE, level=3, at_s=61))
    assert staffed.paged() == ["hazard.opened", "hazard.raised"]


def test_an_acknowledged_alarm_does_not_page_at_the_end(staffed: Any, quiet: Any, seen: Any, people: Any) -> None:
    """A person has taken it in the silence."""
    quiet()
    staffed.feed(seen(RAISE, level=3, **FAULT))
    staffed.dispatch.acknowledge(staffed.hazards[0].id, people["operator"])
    after(staffed, 61)
    assert staffed.paged() == []


def test_a_detection_outside_of_the_silence_pages_the_muted_alarm(staffed: Any, quiet: Any, seen: Any) -> None:
    """A silenced sensor joins another one of its room in one hazard: that one pages at once."""
    quiet(cause="", sensor="smoke-101", patrol=PATROL)
    staffed.feed(seen(RAISE, level=3))
    assert (staffed.paged(), len(staffed.hazards)) == ([], 1)
    staffed.feed(seen(RAISE, level=3, sensor="smoke-101b", at_s=5))
    assert (staffed.paged(), len(staffed.hazards)) == (["hazard.raised"], 1)


def test_a_place_that_the_alarm_leaves_pages(staffed: Any, quiet: Any, seen: Any) -> None:
    """A fire in the silenced room that reaches the next one is no longer of the silence."""
    quiet(cause="fire", place="d-101", patrol=PATROL)
    staffed.feed(seen(RAISE, level=3))
    assert staffed.paged() == []
    staffed.feed(seen(RAISE, level=3, sensor="smoke-102", at_s=60))
    assert staffed.paged() == ["hazard.raised"]


def test_a_missed_patrol_ends_the_silence_and_pages(staffed: Any, quiet: Any, seen: Any, people: Any) -> None:
    """Entries keep it; the first missing one ends it, pages by itself, and the muted fire pages too."""
    made = quiet(cause="fire", zone="dorm", patrol=PATROL)
    silences = staffed.dispatch.discipline.silences
    staffed.feed(seen(RAISE, level=3))
    for _ in range(2):
        after(staffed, 14)
        silences.patrolled(people["operator"], "school-1", made.id, "corridor and rooms")
    after(staffed, 14)
    assert staffed.paged() == []
    after(staffed, 1.1)
    assert sorted(staffed.paged()) == ["hazard.opened", "hazard.raised"]
    (ended,) = silences.of_site(people["officer"], "school-1", ended=True)
    assert (ended.end_cause, len(ended.patrols)) == ("patrol_missed", 2)
    missed = next(one for one in staffed.hazards if one.kind == "patrol_missed")
    assert (missed.active, missed.zone) == (True, "dorm")
    staffed.dispatch.acknowledge(missed.id, people["operator"])
    after(staffed, 1)
    assert [one.active for one in staffed.hazards if one.id == missed.id] == [False]
    with pytest.raises(GuardFailed, match="ended"):
        silences.patrolled(people["operator"], "school-1", made.id, "")


def test_a_fire_pages_at_once_when_the_patrol_is_late(staffed: Any, quiet: Any, seen: Any) -> None:
    """Also before the tick that ends the silence."""
    quiet(cause="fire", zone="dorm", patrol=PATROL)
    staffed.now_ns += 16 * MINUTE_NS
    staffed.feed(seen(RAISE, level=3))
    assert staffed.paged() == ["hazard.opened"]


def test_a_patrol_is_recorded_by_its_person_or_an_officer(staffed: Any, quiet: Any, people: Any) -> None:
    """Another operator cannot; a silence without a patrol takes no entry."""
    made, plain = quiet(cause="fire", patrol=PATROL), quiet()
    silences = staffed.dispatch.discipline.silences
    other = Actor("operator2", frozenset(("operator",)))
    with pytest.raises(GuardFailed, match="named person"):
        silences.patrolled(other, "school-1", made.id, "")
    assert silences.patrolled(people["officer2"], "school-1", made.id, "").patrols[-1]["by"] == "officer2"
    with pytest.raises(GuardFailed, match="no patrol"):
        silences.patrolled(people["operator"], "school-1", plain.id, "")


def test_a_recurrence_mutes_in_its_windows_alone(staffed: Any, quiet: Any, seen: Any) -> None:
    """The clock starts on Monday 2026-09-21 at 22:13 in Shanghai."""
    weekly = {"weekdays": ["mon"], "begin": "22:00", "end": "22:30", "days": "all"}
    made = quiet(kind="maintenance", weekly=weekly, ends_ns=staffed.now_ns + 30 * 24 * 60 * MINUTE_NS)
    staffed.feed(seen(RAISE, level=3, **FAULT))
    assert staffed.paged() == []
    after(staffed, 20)
    assert staffed.paged() == ["hazard.raised"]
    calendar = staffed.dispatch.discipline.silences.calendar
    begin, end = made.following(calendar, staffed.now_ns) or (0, 0)
    assert (end - begin, (begin - staffed.now_ns) // (24 * 60 * MINUTE_NS)) == (30 * MINUTE_NS, 6)


def test_the_owner_is_reminded_once(staffed: Any, quiet: Any) -> None:
    """A quarter of an hour before the end of a silence."""
    quiet()
    after(staffed, 44)
    assert staffed.paged() == []
    for _ in range(3):
        after(staffed, 2)
    assert staffed.paged() == ["silence.reminder"]


def test_a_silence_that_cannot_be_read_mutes_nothing(staffed: Any, quiet: Any, seen: Any) -> None:
    """A damaged row, and a missing table: every alarm pages, and its transaction is whole."""
    quiet()
    staffed.damaged = True
    with staffed.engine.begin() as connection:
        connection.execute(text("UPDATE silences SET weekly = '{\"begin\": 7}'"))
    staffed.feed(seen(RAISE, level=3, **FAULT))
    assert staffed.paged() == ["hazard.opened"]
    with staffed.engine.begin() as connection:
        connection.execute(text("ALTER TABLE silences RENAME TO lost"))
    staffed.feed(seen(RAISE, level=3, sensor="smoke-102", at_s=5, **FAULT))
    assert staffed.paged() == ["hazard.opened"] * 2
    with staffed.engine.begin() as connection:
        connection.execute(text("ALTER TABLE lost RENAME TO silences"))


def test_a_silence_never_mutes_a_roster_drill(staffed: Any, quiet: Any, people: Any) -> None:
    """The drill measures the real chain."""
    quiet(cause="fire", zone="dorm", patrol=PATROL)
    staffed.dispatch.drills.start(people["officer"], site="school-1", zone="dorm", kind="fire")
    assert staffed.paged() == ["hazard.opened"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "forever"}, "kind"),
        ({"cause": ""}, "zone"),
        ({"cause": "none"}, "cause"),
        ({"zone": "attic"}, "zone"),
        ({"place": "attic"}, "place"),
        ({"zone": "pond", "place": "d-101"}, "place"),
        ({"owner": "nobody"}, "owner"),
        ({"owner": "fixer"}, "owner"),
        ({"reason": " "}, "reason"),
        ({"cause": "fire"}, "patrol"),
        ({"cause": "", "place": "d-101"}, "patrol"),
        ({"cause": "fire", "patrol": {"by": "operator", "interval_min": 90}}, "patrol"),
        ({"cause": "fire", "patrol": {"by": "nobody", "interval_min": 15}}, "patrol"),
        ({"weekly": {"weekdays": [], "begin": "08:00", "end": "09:00", "days": "all"}}, "weekly"),
        ({"weekly": {"weekdays": ["mon"], "begin": "08:00", "end": "08:00", "days": "all"}}, "weekly"),
        ({"weekly": {"weekdays": ["mon"], "begin": "8", "end": "25:00", "days": "all"}}, "weekly"),
    ],
)
def test_wrong_silences_are_refused(quiet: Any, wrong: dict[str, Any], field: str) -> None:
    """Each fault names its field."""
    with pytest.raises(Invalid) as caught:
        quiet(**wrong)
    assert field in caught.value.fields


@pytest.mark.parametrize(("kind", "hours"), [("silence", 24), ("maintenance", 168)])
def test_a_silence_has_an_end_within_its_bound(staffed: Any, quiet: Any, kind: str, hours: int) -> None:
    """A day for an ordinary one, a week for maintenance; none ends before it starts."""
    end_ns = staffed.now_ns + hours * 60 * MINUTE_NS
    assert quiet(kind=kind, ends_ns=end_ns).ends_ns == end_ns
    for wrong_ns in (end_ns + 1, staffed.now_ns, staffed.now_ns - 1):
        with pytest.raises(Invalid, match="ends_at"):
            quiet(kind=kind, ends_ns=wrong_ns)


def test_roles_and_sites(staffed: Any, quiet: Any, people: Any) -> None:
    """An operator silences no life safety; another school sees nothing."""
    made, silences = quiet(), staffed.dispatch.discipline.silences
    foreign = Actor("officer", frozenset(("officer",)), frozenset(("school-2",)))
    for read in (silences.one, silences.end):
        with pytest.raises(NotFound):
            read(foreign, "school-1", made.id)
    with pytest.raises(NotFound):
        silences.of_site(foreign, "school-1")
    with pytest.raises(Forbidden):
        silences.of_site(people["viewer"], "school-1")
    with pytest.raises(Forbidden):
        silences.end(people["fixer"], "school-1", made.id)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_settings_together_silence_a_fire_without_a_patrol(
    make_world: Any, seen: Any, people: Any, data: Any
) -> None:
    """Any combination of silences that the service accepts: a fire pages unless one of them has a kept patrol."""
    from alerts.silences.checks import Wanted  # noqa: PLC0415

    world = make_world()
    for name in ("operator", "officer"):
        world.employ(name)
    silences, patrolled = world.dispatch.discipline.silences, False
    matcher = st.fixed_dictionaries(
        {
            "zone": st.sampled_from(["", "dorm"]),
            "place": st.sampled_from(["", "d-101"]),
            "sensor": st.sampled_from(["", "smoke-101"]),
            "cause": st.sampled_from(["", *CAUSES]),
            "kind": st.sampled_from(["silence", "maintenance"]),
            "patrol": st.sampled_from([None, None, PATROL]),
        }
    )
    for wanted in data.draw(st.lists(matcher, max_size=6)):
        fields = {"site": "school-1", "owner": "operator", "reason": "repair", "starts_ns": world.now_ns} | wanted
        try:
            silences.create(people["officer"], Wanted(**fields, ends_ns=world.now_ns + 60 * MINUTE_NS))
        except Invalid:
            continue
        patrolled = patrolled or wanted["patrol"] is not None
    late = data.draw(st.booleans())
    world.now_ns += (16 if late else 1) * MINUTE_NS
    world.feed(seen(RAISE, level=3))
    if late or not patrolled:
        assert world.paged() == ["hazard.opened"]
    make_world.finish()
