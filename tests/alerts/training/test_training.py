"""Training by post: validity, due lessons, lapses as a reason of live grading, records and lists."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import Actor, Forbidden, Grade, Invalid, NotFound, Stale
from alerts.risk.live_rules import DAY_NS
from alerts.rosters.reader import read_roster
from alerts.training.lists import read_list, write_list
from alerts.training.records import DUE_DAYS, Course, Record, lapses, needs
from alerts.training.validation import NewRecord

OFFICER = Actor("officer", frozenset(("officer",)), frozenset(("school-1",)))
DEPUTY = Actor("officer2", frozenset(("officer",)), frozenset(("school-1",)))
VIEWER = Actor("viewer", frozenset(("viewer",)), frozenset(("school-1",)))
ADMIN = Actor("admin", frozenset(("admin",)))
STRANGER = Actor("other", frozenset(("officer",)), frozenset(("school-2",)))
ROSTER: dict[str, Any] = {
    "person": [{"id": name, "contacts": {"sms": "+8613800000000"}} for name in ("li", "wu", "he")],
    "post": [{"id": "dorm", "deputies": ["wu"]}, {"id": "gate", "deputies": ["he"]}],
    "shift": [{"post": "dorm", "begin": "19:00", "end": "07:00", "persons": ["li"]}],
}
COURSE: dict[str, Any] = {"kind": "lesson", "name": {"zh": "灭火器"}, "posts": ["dorm"], "valid_days": 365}
POINT: dict[str, Any] = {
    "name": {"zh": "宿舍火灾"},
    "zone": "dorm",
    "post": "dorm",
    "inherent": {"method": "ls", "likelihood": 4, "severity": 5},
    "existing": {"method": "ls", "likelihood": 2, "severity": 5},
}
TODAY = date(2026, 11, 30)


@pytest.fixture
def school(world: Any) -> Any:
    """Return a school with a roster and one course of the post `dorm`."""
    world.dispatch.escalating.rosters.put(ADMIN, "school-1", ROSTER, version=None)
    world.dispatch.training.put_course(OFFICER, "school-1", "fire", **COURSE, version=None)
    return world


def today(world: Any) -> date:
    """Return the day of the clock of the world; it is far from midnight."""
    return datetime.fromtimestamp(world.now_ns // 1_000_000_000, UTC).date()


@given(st.integers(-400, 400), st.one_of(st.none(), st.integers(-400, 400)))
def test_a_need_has_exactly_one_state_by_its_last_day(first_in: int, valid_in: int | None) -> None:
    """Lapsed after the last day, due within 30 days of it, missing without a record in time; lapses name no person."""
    course = Course("s", "fire", "lesson", {"zh": "火", "en": "fire"}, ("dorm",), 365, 0, 1, "x", 0)
    roster = read_roster("s", ROSTER)
    until = TODAY + timedelta(days=first_in if valid_in is None else valid_in)
    record = Record("i", "s", "fire", "dorm", "li", "2026-01-01", until.isoformat(), "", "x", 0)
    known = {} if valid_in is None else {("fire", "li"): record, ("fire", "wu"): record}
    first = {"fire": TODAY + timedelta(days=first_in)}
    found = list(needs(roster, [course], known, today=TODAY, first=first))
    assert [one.person for one in found] == ["li", "wu"]
    assert {one.until for one in found} == {until}
    if until < TODAY:
        expected = "lapsed"
    elif valid_in is None:
        expected = "missing"
    else:
        expected = "due" if (until - TODAY).days <= DUE_DAYS else "valid"
    assert {one.state for one in found} == {expected}
    assert [(one.post, one.persons) for one in lapses(found)] == ([("dorm", 2)] if expected == "lapsed" else [])


def test_lapsed_training_is_a_written_reason_that_raises_the_likelihood(school: Any) -> None:
    """Of the risk points of the post alone; the first record has 30 days; a valid record of each person ends it."""
    register, live, training = school.dispatch.register, school.dispatch.live_grades, school.dispatch.training
    for point, post in (("r1", "dorm"), ("r2", "gate")):
        register.put(OFFICER, "school-1", point, POINT | {"post": post}, version=None)
        register.approve(DEPUTY, "school-1", {point: 1})
    entries = register.entries(OFFICER, "school-1")
    school.now_ns += 30 * DAY_NS
    assert live.proposals(entries) == {}
    school.now_ns += 2 * DAY_NS
    proposed = live.proposals(entries)
    assert list(proposed) == ["school-1/r1"]
    [reason] = proposed["school-1/r1"].precursors
    assert reason.rule == "lapsed_training"
    assert "灭火器（dorm，2 人）" in reason.text["zh"]
    assert "li" not in reason.text["zh"]
    assert (proposed["school-1/r1"].likelihood, proposed["school-1/r1"].grade) == (3, Grade.ORANGE)
    held = today(school).isoformat()
    training.add(OFFICER, "school-1", {"0": NewRecord("fire", "li", held)})
    assert "1 人" in live.proposals(entries)["school-1/r1"].precursors[0].text["zh"]
    training.add(OFFICER, "school-1", {"0": NewRecord("fire", "wu", held, evidence="sheet 12")})
    assert live.proposals(entries) == {}
    assert training.counts(["school-1", "school-2"]) == {"school-1": {"valid": 2, "due": 0, "missing": 0, "lapsed": 0}}
    assert school.dispatch.verify().ok


def test_records_are_written_all_or_none_and_once(school: Any) -> None:
    """Each mistake has its place in both languages; an equal record changes nothing, a corrected one replaces it."""
    training, held = school.dispatch.training, today(school).isoformat()
    wrong = {
        "0": NewRecord("fire", "li", held),
        "1": NewRecord("none", "nobody", "yesterday"),
        "2": NewRecord("fire", "li", "2999-01-01", post="gate", valid_until="2998-01-01", evidence="x" * 501),
    }
    with pytest.raises(Invalid) as caught:
        training.add(OFFICER, "school-1", wrong)
    assert set(caught.value.fields) == {
        "1, course", "1, person", "1, held_on", "2, post", "2, held_on", "2, valid_until", "2, evidence",
    }  # fmt: skip
    assert set(caught.value.zh) == set(caught.value.fields)
    assert training.records(OFFICER, "school-1") == []
    assert training.add(OFFICER, "school-1", {"0": wrong["0"]}) == (1, 0)
    assert training.add(OFFICER, "school-1", {"0": wrong["0"]}) == (0, 0)
    assert training.add(OFFICER, "school-1", {"0": NewRecord("fire", "li", held, evidence="sheet 9")}) == (0, 1)
    assert [one.evidence for one in training.records(OFFICER, "school-1")] == ["sheet 9"]
    kinds = [event.kind for event in school.dispatch.queries.history("training.school-1")]
    assert kinds == ["training.course", "training.recorded", "training.recorded"]
    assert school.dispatch.verify().rows_differing == ()


def test_courses_have_versions_and_sites(school: Any) -> None:
    """Another school finds nothing, a viewer may not look, a stale edit is refused."""
    training = school.dispatch.training
    with pytest.raises(Stale):
        training.put_course(OFFICER, "school-1", "fire", **COURSE, version=None)
    with pytest.raises(Invalid) as caught:
        training.put_course(OFFICER, "school-1", "a/b", kind="x", name={}, posts=[], valid_days=0, version=None)
    assert set(caught.value.fields) == {"course", "kind", "name", "posts", "valid_days"}
    for act in (training.plan, training.records, training.courses):
        with pytest.raises(NotFound):
            act(STRANGER, "school-1")
        with pytest.raises(Forbidden):
            act(VIEWER, "school-1")
    with pytest.raises(NotFound):
        training.add(STRANGER, "school-1", {"0": NewRecord("fire", "li", "2026-01-01")})
    training.remove_course(OFFICER, "school-1", "fire", version=1)
    assert training.plan(OFFICER, "school-1") == []
    assert school.dispatch.verify().rows_differing == ()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_list_is_read_back_as_it_was_written(form: Any) -> None:
    """A formula stays a text; the names are for people and are not read."""
    record = Record("i", "s", "fire", "dorm", "li", "2026-09-01", "2027-09-01", "=1+1", "x", 0)
    course = Course("s", "fire", "lesson", {"zh": "火", "en": "fire"}, ("dorm",), 365, 0, 1, "x", 0)
    for language in ("zh", "en"):
        content = write_list([record], [course], read_roster("s", ROSTER), form=form, language=language)
        read = NewRecord("fire", "li", "2026-09-01", "dorm", "2027-09-01", "=1+1")
        assert read_list(content, form=form) == {"row 2": read}
    with pytest.raises(Invalid, match="unknown headings"):
        read_list("课程编号,电话\n".encode(), form="csv")
