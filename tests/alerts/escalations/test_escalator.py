"""Escalations over the database: chains, restarts, clock steps, acknowledgements, failures."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update
from structlog.testing import capture_logs

from alerts import Receipt
from alerts.database.schema import notices
from alerts.database.schema import rosters as roster_rows
from alerts.escalations import rows
from alerts.rosters.duty import Duty
from detectors import Phase

SECOND_NS = 1_000_000_000
ROSTER = {
    "person": [
        {"id": "li", "name_en": "Li", "contacts": {"app": "robot", "sms": "+8613800000001"}},
        {"id": "wang", "account": "officer", "contacts": {"sms": "+8613800000002"}},
    ],
    "post": [{"id": "dorm"}],
    "shift": [{"post": "dorm", "begin": "00:00", "end": "00:00", "persons": ["li"]}],
    "chain": [{"id": "fire", "steps": [{"wait_s": 60, "posts": ["dorm"]}, {"wait_s": 60, "persons": ["wang"]}]}],
}
LI, WANG, ZHAO = "+8613800000001", "+8613800000002", "13800000003"


def state(night: Any, hazard: str) -> Any:
    """Return the escalation of a hazard."""
    with night.world.engine.connect() as connection:
        return rows.load(connection, hazard)


def test_a_fire_goes_through_its_chain(night: Any, seen: Any) -> None:
    """Each person is paged by all contacts when the step begins: Li, after 60 s Wang, after 120 s the deputy."""
    hazard = night.burn(seen)
    night.pass_s(1)
    assert night.paged() == [("robot", ""), ("sms", LI)]
    night.pass_s(57)
    assert len(night.paged()) == 2
    night.pass_s(3)
    assert night.paged() == [("robot", ""), ("sms", LI), ("sms", WANG)]
    night.pass_s(60)
    assert Counter(night.paged()) == Counter(
        [("robot", ""), ("sms", LI), ("sms", WANG), ("sms", ZHAO), ("voice", ZHAO)]
    )
    entries = [event.facts["messages"] for event in night.dispatch.queries.history(hazard) if "messages" in event.facts]
    assert sum(map(len, entries)) == 5


def test_a_page_without_a_chain_follows_the_settings(night: Any, seen: Any) -> None:
    """It pages the channels that need no address, and the addresses of persons on duty, at once and once."""
    night.burn(seen, hazard="flood", sensor="level-1", metric="depth", level=3)
    night.burn(seen, site="school-2")
    night.pass_s(1)
    assert len(night.got("robot")) == 2
    assert not any("to" in notice.body for notice in night.got("robot"))
    assert [notice.body["to"]["persons"] for notice in night.got("sms")] == [["li"]]


def delivered(night: Any) -> dict[tuple[int, int, str, str], int]:
    """Mark all pages as sent; return (round, step, channel, address) -> number of its pages in the database."""
    with night.world.engine.begin() as connection:
        connection.execute(update(notices).where(notices.c.state == "pending").values(state="sent"))
        found = connection.execute(select(notices.c.channel, notices.c.body).where(notices.c.type == "hazard.opened"))
        pages = [(channel, body["to"]) for channel, body in found if "to" in body]
        return Counter((to["round"], to["step"], channel, to["address"]) for channel, to in pages)


@settings(deadline=None, max_examples=5, phases=[Stage.generate], suppress_health_check=list(HealthCheck))
@given(
    breaks=st.lists(
        st.tuples(st.integers(1, 60), st.integers(0, 40), st.integers(-400_000_000, 400_000_000), st.booleans()),
        max_size=4,
    )
)
def test_no_restart_and_no_clock_step_repeats_or_loses_a_step(make_night: Any, seen: Any, breaks: Any) -> None:
    """Restarts at any point, pauses and steps of the wall clock by years: each message once, each step +-1 s.

    A step that is due within a pause begins at its end and delays the following ones.
    """
    night = make_night()
    night.burn(seen)
    start_ns, at = night.mono_ns, {}
    for run_s, pause_s, step_s, reboot in [*breaks, (300, 0, 0, False)]:
        for _ in range(run_s):
            night.turn(deliver=False)
            for page in delivered(night):
                at.setdefault(page, (night.mono_ns - start_ns) / SECOND_NS)
            night.skip_s(1)
        night.skip_s(pause_s)
        night.world.now_ns += step_s * SECOND_NS
        if reboot:
            night.boot += "x"
        night.open()
    pages = [(1, "robot", ""), (1, "sms", LI), (2, "sms", WANG), (3, "sms", ZHAO), (3, "voice", ZHAO)]
    longest_s = sum(pause_s + 1 for _, pause_s, _, _ in breaks)
    for page, due_s in zip(pages, (0, 0, 60, 120, 120), strict=True):
        assert due_s <= at[0, *page] <= due_s + longest_s + 1, page
    assert set(delivered(night).values()) == {1}
    begun = [at[0, page[0], page[1], page[2]] for page in (pages[0], pages[2], pages[3])]
    assert all(after - before >= 54 for before, after in pairwise(begun))
    make_night.finish()


@pytest.mark.parametrize("way", ["console", "link", "sms", "key"])
def test_an_acknowledgement_stops_everything(night: Any, seen: Any, people: Any, way: str) -> None:
    """No page leaves afterwards; the others who were paged get "taken by"; the hazard has its holder."""
    hazard = night.burn(seen)
    night.pass_s(62, every_s=2)
    accepted = night.dispatch.acknowledgements
    page = next(notice for notice in night.got("sms") if notice.body["to"]["address"] == WANG)
    if way == "console":
        night.dispatch.acknowledge(hazard, people["officer"])
    elif way == "link":
        answer = accepted.by_link(page.body["reply"]["link"].rsplit("/", 1)[1], person="wang")
        assert (answer.accepted, answer.reason) == (True, "taken")
    elif way == "sms":
        assert accepted.by_reply("8613800000002", page.body["reply"]["code"]).accepted
    else:
        assert accepted.by_key(page.id, "4").accepted
    assert night.world.hazards[0].acknowledged_by == "officer"
    before = night.paged()
    night.pass_s(300, every_s=5)
    assert night.paged() == before
    taken = night.paged("hazard.taken")
    assert taken == [("robot", ""), ("sms", LI)]
    assert "taken by Wang" in night.got("sms", "hazard.taken")[0].body["text"]["en"]
    kinds = [event.kind for event in night.dispatch.queries.history(hazard)]
    assert kinds.count("hazard.acknowledged") == 1


def test_a_page_at_a_slow_provider_is_followed_and_not_repeated(night: Any, seen: Any, people: Any) -> None:
    """Its attempt has begun before the acknowledgement: no retry follows, and "taken by" does."""
    hazard = night.burn(seen)
    slow = night.channels[1]
    slow.answer = lambda _: Receipt(delivered=False, error="the delivery took longer than 15 s")
    night.pass_s(1)
    assert len(night.got("sms")) == 1
    slow.answer = lambda _: Receipt(delivered=True)
    night.dispatch.acknowledge(hazard, people["officer2"])
    night.pass_s(60)
    assert len(night.got("sms")) == 1
    assert len(night.got("sms", "hazard.taken")) == 1


def test_an_acknowledgement_ends_and_pages_again(night: Any, seen: Any, people: Any) -> None:
    """The holder is warned after 25 min; after 30 min the hazard is unacknowledged and the chain begins again."""
    hazard = night.burn(seen)
    night.pass_s(1)
    night.dispatch.acknowledge(hazard, people["officer"])
    night.pass_s(1_499, every_s=30)
    assert night.got("sms", "hazard.acknowledgement_ends") == []
    night.pass_s(5)
    assert [one.body["to"]["address"] for one in night.got("sms", "hazard.acknowledgement_ends")] == [WANG]
    night.pass_s(302, every_s=5)
    assert night.world.hazards[0].acknowledged_by is None
    assert len([page for page in night.paged() if page == ("sms", LI)]) == 2
    kinds = [event.kind for event in night.dispatch.queries.history(hazard)]
    assert kinds.count("hazard.acknowledgement_expired") == 1


def test_a_repeated_acknowledgement_renews_its_time(night: Any, seen: Any, people: Any) -> None:
    """The hold counts from the last acknowledgement of the holder."""
    hazard = night.burn(seen)
    night.pass_s(1)
    for _ in range(3):
        night.dispatch.acknowledge(hazard, people["officer"])
        night.pass_s(1_200, every_s=60)
    assert night.world.hazards[0].acknowledged_by == "officer"


def test_an_undone_acknowledgement_continues_the_escalation(night: Any, seen: Any, people: Any) -> None:
    """The chain begins again at once."""
    hazard = night.burn(seen)
    night.pass_s(1)
    night.dispatch.acknowledge(hazard, people["officer"])
    night.dispatch.acknowledge(hazard, people["officer"], undo=True)
    night.pass_s(1)
    assert len([page for page in night.paged() if page == ("sms", LI)]) == 2


def test_the_escalation_of_a_cleared_alarm_ends_with_its_acknowledgement(night: Any, seen: Any, people: Any) -> None:
    """An acknowledged hazard that has cleared pages nobody after the end of the hold."""
    hazard = night.burn(seen)
    night.pass_s(1)
    night.dispatch.acknowledge(hazard, people["officer"])
    night.world.feed(seen(Phase.CLEAR, at_s=5))
    night.pass_s(2_000, every_s=50)
    assert state(night, hazard).state == "ended"
    assert night.world.hazards[0].acknowledged_by == "officer"


def test_a_dead_channel_moves_on(night: Any, seen: Any) -> None:
    """A permanent failure pages the next step at once, and is a fault of the service."""
    for line in night.channels[:2]:
        line.answer = lambda _: Receipt(delivered=False, retry=False, error="wrong secret")
    night.burn(seen)
    night.pass_s(5)
    assert ("voice", ZHAO) in night.paged()
    assert night.escalator.faults()["escalation school-1 fire"].code == "unconfirmed"


def test_an_unwritable_database_pages_from_memory(night: Any, seen: Any, switched_writes: Any) -> None:
    """The step leaves from memory under the id of the later notice, and is stored once the database is writable."""
    hazard = night.burn(seen)
    night.pass_s(1)
    writes = switched_writes(night.world.engine)
    writes.refused = True
    night.skip_s(61)
    night.escalator.turn()
    (page,) = {notice.id: notice for notice in night.memory}.values()
    assert page.body["to"]["address"] == WANG
    writes.refused = False
    night.turn()
    assert [notice.id for notice in night.got("sms") if notice.body["to"]["address"] == WANG] == [page.id]
    assert state(night, hazard).step == 2


def test_nobody_with_a_contact_pages_every_channel(night: Any, seen: Any, people: Any) -> None:
    """A chain whose persons are all absent is skipped at once; every channel without address pages; it is a fault."""
    rosters = night.dispatch.escalating.rosters
    absent = [
        {"person": name, "begin": "2020-01-01T00:00", "end": "2100-01-01T00:00"} for name in ("li", "wang", "zhao")
    ]
    kept = rosters.get(people["admin"], "school-1")
    rosters.put(people["admin"], "school-1", {**kept.table, "exception": absent}, version=kept.version)
    night.burn(seen)
    night.pass_s(1)
    assert [("to" in notice.body) for notice in night.got("robot")] == [False]
    faults = night.escalator.faults()
    assert faults["roster"].code == "roster_gap"
    assert faults["escalation school-1 fire"].code in {"step_empty", "chain_empty"}


def test_a_shift_begins_with_a_notice(night: Any) -> None:
    """The person on duty is notified once, with the end of the shift and the next person."""
    night.pass_s(86_400, every_s=600)
    found = night.got("robot", "duty.began")
    assert len(found) == 1
    assert "Dormitory" in found[0].body["text"]["en"]
    assert "next: Li" in found[0].body["text"]["en"]


def replaced(night: Any, people: Any, **tables: Any) -> None:
    """Replace tables of the roster."""
    rosters = night.dispatch.escalating.rosters
    kept = rosters.get(people["admin"], "school-1")
    rosters.put(people["admin"], "school-1", {**kept.table, **tables}, version=kept.version)


def broken(night: Any, site: str = "school-1") -> None:
    """Store a roster behind the service that its reader refuses, as a former version accepted it."""
    table = {"post": [{"id": "dorm"}], "shift": [{"post": "dorm", "begin": "19:00", "end": "07:00Z", "persons": []}]}
    row = {"site": site, "version": 99, "content": json.dumps(table)}
    with night.world.engine.begin() as connection:
        connection.execute(delete(roster_rows).where(roster_rows.c.site == site))
        connection.execute(insert(roster_rows).values(row))


def test_an_escalation_with_an_error_stops_no_other_one(
    night: Any, seen: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is a fault of the service until it ends; the other site is paged meanwhile."""
    night.dispatch.escalating.rosters.put(people["admin"], "school-2", ROSTER, version=None)
    bad = night.burn(seen)
    night.burn(seen, site="school-2")
    (good,) = [one.id for one in night.world.hazards if one.id != bad]
    real = night.escalator._courses.until
    failing = lambda connection, hazard, *rest: 1 / 0 if hazard == bad else real(connection, hazard, *rest)  # noqa: E731
    monkeypatch.setattr(night.escalator._courses, "until", failing)
    with capture_logs() as logs:
        night.pass_s(1)
    assert [log["hazard"] for log in logs if log["log_level"] == "error"] == [bad]
    assert {notice.hazard for notice in night.got("sms")} == {good}
    assert "ZeroDivisionError" in night.escalator.last_error
    assert night.escalator.faults()["escalation"].code == "escalator_failed"
    monkeypatch.setattr(night.escalator._courses, "until", real)
    night.pass_s(1)
    assert {notice.hazard for notice in night.got("sms")} == {good, bad}
    assert (night.escalator.last_error, "escalation" in night.escalator.faults()) == ("", False)


def test_persons_who_cannot_be_determined_page_every_channel(
    night: Any, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the roster of a site counts as a step that reaches nobody."""
    monkeypatch.setattr(Duty, "members", lambda *_: 1 / 0)
    night.burn(seen)
    with capture_logs():
        night.pass_s(1)
    assert [("to" in notice.body) for notice in night.got("robot")] == [False]
    assert night.escalator.last_error == ""


def test_a_roster_that_cannot_be_read_leaves_the_other_sites(night: Any, seen: Any, people: Any) -> None:
    """It is a fault of the service that names its site; the persons on duty of the other site are known."""
    night.dispatch.escalating.rosters.put(people["admin"], "school-2", ROSTER, version=None)
    broken(night)
    night.world.damaged = True
    night.burn(seen, site="school-2")
    night.pass_s(1)
    assert night.paged() == [("robot", ""), ("sms", LI)]
    assert [duty.roster.site for duty in night.dispatch.escalating.rosters.duties()] == ["school-2"]
    fault = night.escalator.faults()["roster"]
    assert (fault.code, "school-1" in fault.en) == ("roster_unreadable", True)


@pytest.mark.parametrize("removed", [True, False])
def test_an_alarm_without_its_roster_pages_every_channel_until_somebody_acknowledges(
    night: Any,
    seen: Any,
    people: Any,
    removed: bool,  # noqa: FBT001 - parameter of the test
) -> None:
    """Each minute, beyond the rounds of a chain; the roster begins again as soon as it is there."""
    hazard = night.burn(seen)
    night.pass_s(1)
    rosters = night.dispatch.escalating.rosters
    if removed:
        rosters.remove(people["admin"], "school-1", version=1)
    else:
        broken(night)
    night.pass_s(600, every_s=5)
    assert [("to" in notice.body) for notice in night.got("robot")] == [True] + [False] * 10
    assert state(night, hazard).state == "running"
    rosters.put(people["admin"], "school-1", ROSTER, version=None if removed else 99)
    night.pass_s(62)
    assert len([page for page in night.got("sms") if page.body["to"]["address"] == LI]) == 2
    night.dispatch.acknowledge(hazard, people["officer"])
    before = len(night.got("robot"))
    night.pass_s(300, every_s=5)
    assert len(night.got("robot")) == before


def test_an_alarm_of_a_renamed_chain_follows_the_new_one(night: Any, seen: Any, people: Any) -> None:
    """It begins with its first step, and its persons are paged as the new chain states."""
    hazard = night.burn(seen)
    night.pass_s(1)
    steps = [{"wait_s": 60, "persons": ["wang"]}, {"wait_s": 60, "persons": ["zhao"]}]
    replaced(night, people, chain=[{"id": "new", "steps": steps}])
    night.pass_s(62)
    assert state(night, hazard).chain == "new"
    assert ("sms", WANG) in night.paged()
    night.pass_s(60)
    assert ("voice", ZHAO) in night.paged()


def test_a_held_alarm_without_its_roster_stays_held(night: Any, seen: Any, people: Any) -> None:
    """Nobody is paged until the end of the hold; then every channel is."""
    hazard = night.burn(seen)
    night.pass_s(1)
    night.dispatch.acknowledge(hazard, people["officer"])
    night.dispatch.escalating.rosters.remove(people["admin"], "school-1", version=1)
    before = len(night.got("robot"))
    night.pass_s(1_795, every_s=15)
    assert (len(night.got("robot")), state(night, hazard).state) == (before, "taken")
    assert night.world.hazards[0].acknowledged_by == "officer"
    night.pass_s(30, every_s=5)
    assert night.world.hazards[0].acknowledged_by is None
    assert len(night.got("robot")) == before + 1
