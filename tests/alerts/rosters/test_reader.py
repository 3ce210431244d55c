"""Roster reader: one table for file and interface; every error is named with its allowed values."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.errors import RosterError
from alerts.risk.grading import Grade
from alerts.rosters.duty import SECOND_NS, Duty
from alerts.rosters.model import ChainStep
from alerts.rosters.reader import load_rosters, read_roster
from detectors import Calendar

FILE = """
[[person]]
site = "school-1"
id = "li"
name_zh = "李"
contacts = { app = "dingtalk-1", sms = "+8613800000001" }

[[post]]
site = "school-1"
id = "dorm"
deputies = ["li"]

[[shift]]
site = "school-1"
post = "dorm"
days = ["school"]
begin = 19:00:00
end = 07:00:00
persons = ["li"]

[[exception]]
site = "school-1"
person = "li"
begin = 2026-12-01T19:00:00
end = 2026-12-02T07:00:00

[[chain]]
site = "school-1"
id = "night"
grades = ["red"]
steps = [{ wait_s = 60, posts = ["dorm"] }, { wait_s = 120, deputies = ["dorm"] }]

[[order]]
site = "school-1"
grade = "red"
after_s = { app = 0, sms = 30 }
"""
LI = {"id": "li", "contacts": {"sms": "1"}}
WANG = {"id": "wang", "contacts": {"sms": "2"}}


def shift(**more: Any) -> dict[str, Any]:
    """Return a shift without persons."""
    return {"post": "dorm", "begin": "19:00", "end": "07:00", "persons": []} | more


def absent(person: str, substitute: str = "", **more: Any) -> dict[str, Any]:
    """Return an exception of a day."""
    span = {"begin": "2026-12-01T00:00", "end": "2026-12-02T00:00"}
    return {"person": person, "substitute": substitute} | span | more


def test_a_file_is_a_roster_for_each_site(tmp_path: Path) -> None:
    """Dates and times of TOML become texts, and the texts give the same roster."""
    path = tmp_path / "rosters.toml"
    path.write_text(FILE, encoding="utf-8")
    found = load_rosters(path)
    roster = read_roster("school-1", found["school-1"])
    assert found["school-1"]["shift"][0]["begin"] == "19:00:00"
    assert (roster.shifts[0].begin.hour, roster.exceptions[0].end.day) == (19, 2)
    assert roster.order(Grade.RED) == {"app": 0.0, "sms": 30.0}
    assert roster.order(Grade.ORANGE)["voice"] == 180.0
    assert roster.order(Grade.BLUE) == {}
    assert [step.wait_s for step in roster.chains[0].steps] == [60.0, 120.0]
    assert load_rosters(None) == {}


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ({"person": [{"id": "x" * 500, "name_zh": "y" * 500}]}, "allowed is a text of at most 100"),
        ({"person": [{"id": "x" * 500}]}, "allowed is 1 to 64 printable characters"),
        ({"person": [{"id": "li", "contacts": {"fax": "1"}}]}, "any of app, sms, voice, email"),
        ({"person": [LI, LI]}, "the id is used twice"),
        ({"person": [{"id": "li"}], "chain": [{"id": "c", "steps": [{"persons": ["li"]}]}]}, "no contact"),
        ({"chain": [{"id": "c", "steps": [{"persons": ["li"]}]}]}, "allowed is the id of a [[person]]"),
        ({"chain": [{"id": "c", "steps": [{"posts": ["dorm"]}]}]}, "allowed is the id of a [[post]]"),
        ({"chain": [{"id": "c", "steps": []}]}, "one step or more"),
        ({"chain": [{"id": "c", "steps": [{"wait_s": 60}]}]}, "one or more of posts, deputies, persons"),
        ({"chain": [{"id": "c", "grades": ["blue"], "steps": [{}]}]}, "one of red, orange, yellow"),
        ({"person": [LI, WANG], "exception": [absent("li", "wang"), absent("wang", "li")]}, "allowed is no circle"),
        ({"person": [LI], "exception": [absent("li", "li")]}, "allowed is another person"),
        ({"person": [LI], "exception": [absent("li", end="2026-11-01T00:00")]}, "a time after the begin"),
        ({"person": [LI], "exception": [absent("li", begin="2026-12-01T00:00+08:00")]}, "a local time such as"),
        ({"person": [LI], "exception": [absent("li", begin="0001-01-01T00:00")]}, "from 1970 to 9998"),
        ({"person": [LI], "exception": [absent("li", end="9999-12-31T23:59")]}, "from 1970 to 9998"),
        ({"post": [{"id": "dorm"}], "shift": [shift(end="07:00Z")]}, "a local time of day such as"),
        ({"post": [{"id": "dorm"}], "shift": [shift(begin=time(7, tzinfo=UTC))]}, "a local time of day such as"),
        ({"post": [{"id": "dorm"}], "shift": [shift(since=datetime(2026, 1, 5))]}, "a day such as"),  # noqa: DTZ001
        ({"person": [LI], "exception": [absent("li"), absent("li", begin="2026-12-01T12:00")]}, "two exceptions"),
        ({"person": [LI | {"site": "school-2"}]}, "allowed is 'school-1'"),
        ({"people": []}, "unknown key"),
        ({"person": "li"}, "array of tables"),
    ],
)
def test_a_wrong_roster_is_refused_with_its_reason(table: dict[str, Any], wanted: str) -> None:
    """Gaps in names, circles, persons without contact, endless names."""
    with pytest.raises(RosterError) as found:
        read_roster("school-1", table)
    assert wanted in str(found.value)


def test_a_file_without_sites_is_refused(tmp_path: Path) -> None:
    """Each row of a file names its site; unknown tables are errors; all are reported together."""
    path = tmp_path / "rosters.toml"
    path.write_text('[[person]]\nid = "li"\n[[people]]\nid = "li"\n', encoding="utf-8")
    with pytest.raises(RosterError) as found:
        load_rosters(path)
    assert len(found.value.errors) == 2


MOMENTS = st.one_of(
    st.datetimes(timezones=st.sampled_from([None, UTC])).map(lambda found: found.isoformat()),
    st.sampled_from(["0001-01-01T00:00", "9999-12-31T23:59", "2026-12-01", "1970-01-01T00:00", "9998-12-31T23:59"]),
)
CLOCKS = st.times(timezones=st.sampled_from([None, UTC])).map(lambda found: found.isoformat())


@settings(deadline=None, max_examples=60)
@given(st.tuples(MOMENTS, MOMENTS), st.tuples(CLOCKS, CLOCKS), st.sampled_from(["Asia/Shanghai", "Pacific/Honolulu"]))
def test_a_roster_that_is_read_has_persons_on_duty(
    absence: tuple[str, str], hours: tuple[str, str], timezone: str
) -> None:
    """The persons on duty of each accepted roster can be determined in every zone."""
    table = {
        "person": [LI],
        "post": [{"id": "dorm"}],
        "shift": [shift(begin=hours[0], end=hours[1], persons=["li"])],
        "exception": [absent("li", begin=absence[0], end=absence[1])],
    }
    try:
        roster = read_roster("school-1", table)
    except RosterError:
        return
    found = Duty(roster, Calendar.from_table({"timezone": timezone}))
    members = found.members(ChainStep(posts=("dorm",)), 1_790_000_000 * SECOND_NS)
    assert [person.id for person in members] in ([], ["li"])
    assert found.changes(1_790_000_000 * SECOND_NS, 1_790_100_000 * SECOND_NS)
