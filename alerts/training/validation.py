"""Checks of courses and records that people state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from alerts.errors import Invalid
from alerts.model import identity
from alerts.rosters.model import Roster

from .records import KINDS, Course

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
POSTS_MAX, VALID_DAYS_MAX = 200, 3_660
NAME_LENGTH_MAX, EVIDENCE_LENGTH_MAX = 120, 500
Fault = tuple[str, str]
"""English and Chinese text of a mistake."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record as a person states it. post: "" for the first post of the course.

    valid_until: "" for the validity of the course. Days are written as 2026-11-30.
    """

    course: str
    person: str
    held_on: str
    post: str = ""
    valid_until: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """State of a site: its courses by id, its roster, and its present day."""

    site: str
    courses: Mapping[str, Course]
    roster: Roster | None
    today: date


def course_fields(
    course: str, kind: str, name: Mapping[str, str], posts: Sequence[str], valid_days: int
) -> dict[str, Any]:
    """Return the columns of a stated course. Raises Invalid with every mistake."""
    zh, en = name.get("zh", "").strip(), name.get("en", "").strip()
    wrong: dict[str, Fault] = {}
    if not ID.fullmatch(course):
        wrong["course"] = "1 to 64 letters, digits, dots, dashes", "编号为 1 至 64 个字母、数字、点或短横"
    if kind not in KINDS:
        wrong["kind"] = f"{kind!r}: allowed is one of {', '.join(KINDS)}", f"“{kind}”不在允许值内：{'、'.join(KINDS)}"
    if not (zh or en) or not all(len(text) <= NAME_LENGTH_MAX and text.isprintable() for text in (zh, en)):
        wrong["name"] = f"1 to {NAME_LENGTH_MAX} printable characters", f"1 至 {NAME_LENGTH_MAX} 个可显示字符的名称"
    if not 1 <= len(posts) <= POSTS_MAX or not all(0 < len(post) <= NAME_LENGTH_MAX for post in posts):
        wrong["posts"] = f"1 to {POSTS_MAX} ids of posts", f"1 至 {POSTS_MAX} 个岗位编号"
    if not 1 <= valid_days <= VALID_DAYS_MAX:
        wrong["valid_days"] = f"1 to {VALID_DAYS_MAX} days", f"1 至 {VALID_DAYS_MAX} 天"
    refuse(wrong)
    both = {"zh": zh or en, "en": en or zh}
    return {"kind": kind, "name": both, "posts": list(dict.fromkeys(posts)), "valid_days": valid_days}


def record_row(known: Known, given: NewRecord, at: str, wrong: dict[str, Fault]) -> dict[str, Any] | None:
    """Return the columns of a stated record, None for a wrong one. Its mistakes are added to `wrong`, with place."""
    faults = dict[str, Fault]()
    course, roster, today = known.courses.get(given.course), known.roster, known.today
    if course is None:
        listed = ", ".join(known.courses) or "none"
        faults["course"] = f"{given.course!r}: allowed is one of {listed}", f"没有“{given.course}”，允许：{listed}"
    elif given.post and given.post not in course.posts:
        listed = ", ".join(course.posts)
        faults["post"] = f"{given.post!r}: allowed is one of {listed}", f"“{given.post}”不在允许值内：{listed}"
    if roster is None or given.person not in roster.persons:
        faults["person"] = f"{given.person!r}: allowed is a person of the roster", f"值班表中没有“{given.person}”"
    held = _day(given.held_on, "held_on", faults)
    until = _day(given.valid_until, "valid_until", faults) if given.valid_until else None
    if held and held > today:
        faults["held_on"] = f"{held}: allowed is a day until {today}", f"{held} 晚于今天 {today}"
    if held and until and until < held:
        faults["valid_until"] = f"{until}: allowed is a day from {held} on", f"{until} 早于培训日期 {held}"
    if len(given.evidence) > EVIDENCE_LENGTH_MAX:
        faults["evidence"] = f"at most {EVIDENCE_LENGTH_MAX} characters", f"最多 {EVIDENCE_LENGTH_MAX} 个字符"
    wrong |= {f"{at}, {name}": fault for name, fault in faults.items()}
    if faults or course is None or held is None:
        return None
    until = until or held + timedelta(days=course.valid_days)
    row = {"id": identity("training", known.site, course.id, given.person, held), "site": known.site}
    row |= {"course": course.id, "post": given.post or course.posts[0], "person": given.person}
    return row | {"held_on": held.isoformat(), "valid_until": until.isoformat(), "evidence": given.evidence}


def refuse(wrong: Mapping[str, Fault]) -> None:
    """Raise Invalid if there is a mistake."""
    if wrong:
        raise Invalid({at: en for at, (en, _) in wrong.items()}, zh={at: zh for at, (_, zh) in wrong.items()})


def _day(text: str, name: str, faults: dict[str, Fault]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults[name] = f"{text!r}: allowed is a day such as 2026-11-30", f"“{text}”应为日期，如 2026-11-30"
        return None
