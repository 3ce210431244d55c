"""Records of training: lessons and drills of posts, one record of a person, and due training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from alerts.rosters.holders import holders
from alerts.rosters.model import Roster

Kind = Literal["lesson", "drill"]
KINDS: Mapping[str, tuple[str, str]] = {"lesson": ("培训", "lesson"), "drill": ("演练", "drill")}
"""Kinds of training in both languages."""
State = Literal["valid", "due", "missing", "lapsed"]
STATES: tuple[State, ...] = ("valid", "due", "missing", "lapsed")
DUE_DAYS = 30
"""Days before the end of a validity from which a repetition is due."""


@dataclass(frozen=True, slots=True)
class Course:
    """A lesson or drill. posts: posts that need it; valid_days: validity of a record.

    since_ns: time from which it is demanded; version grows with each edit.
    """

    site: str
    id: str
    kind: Kind
    name: Mapping[str, str]
    posts: tuple[str, ...]
    valid_days: int
    since_ns: int
    version: int
    edited_by: str
    edited_ns: int


@dataclass(frozen=True, slots=True)
class Record:
    """One person's lesson or drill. held_on, valid_until: local days; evidence: file, list or number that proves it."""

    id: str
    site: str
    course: str
    post: str
    person: str
    held_on: str
    valid_until: str
    evidence: str
    recorded_by: str
    recorded_ns: int


@dataclass(frozen=True, slots=True)
class Need:
    """Training that a post demands of a person. until: end of the validity, or the latest day of a first record.

    missing: no record yet, but still in time; due: it ends within DUE_DAYS; lapsed: the day `until` is over.
    days_left: from the present local day to `until`, negative once lapsed.
    """

    course: Course
    post: str
    person: str
    state: State
    until: date
    record: Record | None
    days_left: int


@dataclass(frozen=True, slots=True)
class Lapse:
    """Lapsed training of a post: number of its persons, without names."""

    post: str
    course: Mapping[str, str]
    persons: int

    @property
    def text(self) -> dict[str, str]:
        """Return the lapse in both languages."""
        zh, en = self.course["zh"], self.course["en"]
        return {"zh": f"{zh}（{self.post}，{self.persons} 人）", "en": f"{en} ({self.post}, persons: {self.persons})"}


def needs(
    roster: Roster | None,
    courses: Iterable[Course],
    records: Mapping[tuple[str, str], Record],
    *,
    today: date,
    first: Mapping[str, date],
) -> Iterator[Need]:
    """Yield the needs of each person of each post, by course and post.

    records: newest record by (course, person); it counts for every post of the person. first: course -> latest day of
    a first record.
    """
    for course in courses:
        for post in course.posts:
            for person in holders(roster, post).all:
                record = records.get((course.id, person))
                until = first[course.id] if record is None else date.fromisoformat(record.valid_until)
                yield Need(course, post, person, _state(record, until, today), until, record, (until - today).days)


def _state(record: Record | None, until: date, today: date) -> State:
    if until < today:
        return "lapsed"
    if record is None:
        return "missing"
    return "due" if until - today <= timedelta(days=DUE_DAYS) else "valid"


def lapses(found: Iterable[Need]) -> list[Lapse]:
    """Return the lapsed training by post and course."""
    persons: dict[tuple[str, str], set[str]] = {}
    names: dict[str, Mapping[str, str]] = {}
    for need in found:
        if need.state == "lapsed":
            persons.setdefault((need.post, need.course.id), set()).add(need.person)
            names[need.course.id] = need.course.name
    return [Lapse(post, names[course], len(who)) for (post, course), who in persons.items()]


def course_of(row: Mapping[str, Any]) -> Course:
    """Return the course of a database row."""
    return Course(**{**row, "posts": tuple(row["posts"])})
