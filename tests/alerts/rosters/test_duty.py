"""Persons on duty and roster lint: make-up days, rotation, exceptions, gaps of 14 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.risk.grading import Grade
from alerts.rosters.duty import Duty
from alerts.rosters.lint import gaps
from alerts.rosters.reach import Reach
from alerts.rosters.reader import read_roster
from detectors import Calendar

SECOND_NS = 1_000_000_000
ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar.from_table({"workdays": ["2026-10-10"], "holidays": [["2026-10-01", "2026-10-07"]]})
PERSONS = [{"id": name, "contacts": {"sms": f"+861380000000{number}"}} for number, name in enumerate("abcd")]
STEP = [{"wait_s": 60, "posts": ["gate"]}]


@dataclass
class Sms:
    """A channel to telephone numbers."""

    name: str = "gateway"
    medium: str = "sms"
    for_programs: bool = False


def at(text: str) -> int:
    """Return a local time as ns since 1970."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * SECOND_NS


def duty(**tables: Any) -> Duty:
    """Return the persons on duty of a roster with one post."""
    post = {"id": "gate"} | tables.pop("post", {})
    table = {"person": PERSONS, "post": [post], "chain": [{"id": "all", "steps": STEP}], **tables}
    return Duty(read_roster("school-1", table), CALENDAR)


def shift(**more: Any) -> dict[str, Any]:
    """Return a shift of the post."""
    return {"post": "gate", "begin": "07:00", "end": "19:00", "persons": ["a"]} | more


def test_school_days_follow_the_calendar() -> None:
    """A make-up Saturday is a school day, a holiday on a Thursday is none."""
    found = duty(shift=[shift(days=["school"]), shift(days=["free"], persons=["b"])])
    assert found.on_duty("gate", at("2026-10-10T08:00")) == ("a",)
    assert found.on_duty("gate", at("2026-10-11T08:00")) == ("b",)
    assert found.on_duty("gate", at("2026-10-01T08:00")) == ("b",)
    assert found.on_duty("gate", at("2026-10-08T06:59")) == ()


def test_a_night_shift_ends_on_the_next_day() -> None:
    """The day of its begin counts, also where the next day is a holiday."""
    found = duty(shift=[shift(days=["school"], begin="19:00", end="07:00")])
    assert found.on_duty("gate", at("2026-10-01T06:59")) == ("a",)
    assert found.on_duty("gate", at("2026-10-01T07:00")) == ()
    assert found.on_duty("gate", at("2026-10-01T20:00")) == ()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2_000), st.integers(1, 14), st.integers(1, 4))
def test_turns_rotate_in_order(day: int, turn_days: int, size: int) -> None:
    """Each person has `turn_days` days in a row, then the next one, without a gap."""
    persons = list("abcd")[:size]
    found = duty(shift=[shift(persons=persons, turn_days=turn_days, since="2026-01-05")])
    noon_ns = at("2026-01-05T12:00") + day * 86_400 * SECOND_NS
    assert found.on_duty("gate", noon_ns) == (persons[day // turn_days % size],)


def test_an_absent_person_is_replaced() -> None:
    """By the substitute, by the substitute of the substitute, else by the deputies of the post."""
    span = {"begin": "2026-11-02T00:00", "end": "2026-11-03T00:00"}
    swap = {"person": "a", "substitute": "b"} | span
    found = duty(shift=[shift()], exception=[swap], post={"deputies": ["d"]})
    assert found.on_duty("gate", at("2026-11-02T08:00")) == ("b",)
    assert found.on_duty("gate", at("2026-11-03T08:00")) == ("a",)
    both = [swap, {"person": "b", "substitute": "c"} | span]
    assert duty(shift=[shift()], exception=both).on_duty("gate", at("2026-11-02T08:00")) == ("c",)
    none = [swap, {"person": "b"} | span]
    assert duty(shift=[shift()], exception=none, post={"deputies": ["d"]}).on_duty("gate", at("2026-11-02T08:00")) == (
        "d",
    )
    assert duty(shift=[shift()], exception=none).on_duty("gate", at("2026-11-02T08:00")) == ()


def test_the_lint_finds_each_gap() -> None:
    """Hours without a shift, an absence without substitute; none where a deputy steps in."""
    reach, now_ns = Reach([Sms()]), at("2026-11-02T06:00")
    whole = [shift(), shift(begin="19:00", end="07:00", persons=["b"])]
    assert [gap for gap in gaps(duty(shift=whole), reach, now_ns=now_ns) if gap.grade == "red"] == []
    days = [gap for gap in gaps(duty(shift=[shift()]), reach, now_ns=now_ns) if gap.grade == "red"]
    assert len(days) == 15
    assert (days[0].begin_ns, days[0].end_ns) == (now_ns, at("2026-11-02T07:00"))
    assert (days[1].begin_ns, days[1].end_ns) == (at("2026-11-02T19:00"), at("2026-11-03T07:00"))
    assert gaps(duty(shift=[shift()], post={"deputies": ["c"]}), reach, now_ns=now_ns, days=3)[0].grade == "yellow"
    away = {"person": "b", "begin": "2026-11-05T21:00", "end": "2026-11-05T22:00"}
    (gap,) = [one for one in gaps(duty(shift=whole, exception=[away]), reach, now_ns=now_ns) if one.grade == "red"]
    assert (gap.begin_ns, gap.end_ns, gap.nobody) == (at("2026-11-05T21:00"), at("2026-11-05T22:00"), True)
    assert "nobody is on duty" in gap.text["en"]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=4), st.integers(0, 3 * 24 * 60))
def test_the_lint_agrees_with_the_persons_on_duty(hours: list[tuple[int, int]], minute: int) -> None:
    """At any minute: within a gap nobody is on duty, outside of one somebody is."""
    shifts = [shift(begin=f"{begin:02}:00", end=f"{end:02}:00") for begin, end in dict(hours).items()]
    found, now_ns = duty(shift=shifts), at("2026-11-02T00:00")
    spans = [(gap.begin_ns, gap.end_ns) for gap in gaps(found, Reach([Sms()]), now_ns=now_ns) if gap.grade == "red"]
    time_ns = now_ns + minute * 60 * SECOND_NS
    assert any(begin <= time_ns < end for begin, end in spans) is not bool(found.on_duty("gate", time_ns))


def test_a_contact_without_a_channel_is_a_gap() -> None:
    """Persons are on duty, but this installation has no channel for their contacts."""
    found = gaps(duty(shift=[shift(begin="00:00", end="00:00")]), Reach([]), now_ns=at("2026-11-02T00:00"), days=1)
    assert {(gap.grade, gap.nobody) for gap in found} == {("red", False), ("orange", False), ("yellow", False)}
    assert "no contact" in found[0].text["en"]


def test_persons_with_one_address_get_one_message() -> None:
    """The robot of a group is paged once; numbers are paged one by one, each at the time of the grade."""

    @dataclass
    class Robot:
        name: str = "robot"
        for_programs: bool = False

    persons = [{"id": name, "contacts": {"app": "robot", "sms": f"+86{name}"}} for name in "ab"]
    roster = read_roster("school-1", {"person": persons})
    found = Reach([Robot(), Sms()]).messages([*roster.persons.values()], roster.order(Grade.ORANGE))
    assert [(one.after_s, one.channel, one.address, one.persons) for one in found] == [
        (0.0, "robot", "", ("a", "b")),
        (60.0, "gateway", "+86a", ("a",)),
        (60.0, "gateway", "+86b", ("b",)),
    ]
