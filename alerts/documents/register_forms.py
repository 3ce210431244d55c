"""Forms of the risk register: list of risk points, control list, school list, notice board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from alerts.register.records import Entry
from alerts.risk.accidents import accident_types
from alerts.risk.content import POINT_KINDS, Content, Text
from alerts.risk.grading import Grade
from alerts.risk.registry import Site

from .forms import Filled, Language, forms

GRADES: Mapping[Grade, tuple[str, str]] = {
    Grade.RED: ("重大风险（红）", "major (red)"),
    Grade.ORANGE: ("较大风险（橙）", "larger (orange)"),
    Grade.YELLOW: ("一般风险（黄）", "general (yellow)"),
    Grade.BLUE: ("低风险（蓝）", "low (blue)"),
}
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """School, day and names that the forms print. posts: post -> its name and persons; zones: zone -> its name."""

    site: Site
    day: str
    zones: Mapping[str, Mapping[str, str]]
    posts: Mapping[str, tuple[Mapping[str, str], Sequence[str]]]
    language: Language = "zh"

    def text(self, text: Text | Mapping[str, str]) -> str:
        """Return a text in the language of the document."""
        return (text.both() if isinstance(text, Text) else text)[self.language]

    def zone(self, zone: str) -> str:
        """Return the name of a zone."""
        return self.text(self.zones.get(zone, {"zh": zone, "en": zone}))

    def post(self, post: str) -> str:
        """Return the name of a post."""
        return self.text(self.posts[post][0]) if post in self.posts else post

    def persons(self, post: str) -> str:
        """Return the names of the persons of a post; "" is a gap."""
        return "、".join(self.posts[post][1]) if post in self.posts else ""

    def school(self) -> str:
        """Return the name of the school."""
        return self.text({"zh": self.site.name_zh or self.site.id, "en": self.site.name_en or self.site.id})

    def grade(self, grade: Grade | None) -> str:
        """Return a risk level in words."""
        return "" if grade is None else GRADES[grade][self.language == "en"]

    def accidents(self, content: Content) -> str:
        """Return the accident types of a risk point."""
        kinds = [accident_types()[code] for code in content.all_accidents]
        return "、".join(self.text({"zh": kind.zh, "en": kind.en}) for kind in kinds)

    def measures(self, content: Content) -> str:
        """Return the numbered measures of a risk point."""
        return "\n".join(f"{number}. {self.text(one.text)}" for number, one in enumerate(content.measures, 1))

    def sources(self, content: Content) -> str:
        """Return the hazard sources of a risk point."""
        return "；".join(self.text(one.name) for one in content.sources)

    def events(self, content: Content) -> str:
        """Return the risk events of a risk point."""
        return "；".join(self.text(one.event) for one in content.sources)


def register_form(name: str, entries: Sequence[Entry], subject: Subject) -> Filled:
    """Return a form of the approved risk points. name: key of ROWS."""
    row = ROWS[name]
    approved = [entry for entry in entries if entry.approved is not None]
    if name == "notice_board":
        approved = [entry for entry in approved if entry.live in {Grade.RED, Grade.ORANGE}]
    rows = [
        row(entry, entry.approved, subject) | {"number": str(number)}
        for number, entry in enumerate(approved, 1)
        if entry.approved is not None
    ]
    titles = ("校长（签字）：", "分管领导（签字）：", "填表人（签字）：")
    if subject.language == "en":
        titles = ("Principal:", "Deputy:", "Writer:")
    subtitle = f"{subject.school()}    {subject.day}"
    return Filled(forms()[name], subject.language, subtitle, rows, titles)


def _risk_point(entry: Entry, content: Content, subject: Subject) -> Row:
    kind = POINT_KINDS[content.kind][subject.language == "en"]
    return {
        "unit": subject.post(content.post),
        "date": subject.day,
        "kind": kind,
        "class": subject.zone(entry.zone),
        "name": subject.text(content.name),
        "feature": subject.accidents(content),
        "condition": subject.sources(content),
        "consequence": subject.events(content),
        "city": subject.site.city,
        "district": subject.site.district,
        "school": subject.school(),
        "head": subject.persons(content.post) or subject.post(content.post),
        "phone": content.phone,
        "grade": subject.grade(entry.live),
        "measures": subject.measures(content),
    }


def _control(entry: Entry, content: Content, subject: Subject) -> Row:
    return {
        "name": subject.text(content.name),
        "summary": "；".join(part for part in (subject.sources(content), subject.events(content)) if part),
        "accidents": subject.accidents(content),
        "measures": subject.measures(content),
        "grade": subject.grade(entry.live),
        "head": subject.persons(content.post),
        "department": subject.zone(entry.zone),
        "post": subject.post(content.post),
    }


def _school(entry: Entry, content: Content, subject: Subject) -> Row:
    return {
        "first": subject.zone(entry.zone),
        "second": subject.text(content.name),
        "danger": subject.sources(content),
        "accident": subject.events(content) or subject.accidents(content),
        "measures": subject.measures(content),
        "department": subject.post(content.post),
        "head": subject.persons(content.post),
        "grade": subject.grade(entry.live),
    }


def _board(entry: Entry, content: Content, subject: Subject) -> Row:
    return {
        "name": subject.text(content.name),
        "place": subject.zone(entry.zone),
        "factors": subject.sources(content),
        "accidents": subject.accidents(content),
        "grade": subject.grade(entry.live),
        "measures": subject.measures(content),
        "emergency": subject.text(content.emergency),
        "head": subject.persons(content.post) or subject.post(content.post),
        "phone": content.phone,
        "report": content.phone,
    }


ROWS: Mapping[str, Callable[[Entry, Content, Subject], Row]] = {
    "risk_points": _risk_point,
    "control_list": _control,
    "school_list": _school,
    "notice_board": _board,
}
"""Form -> function that returns the row of a risk point."""
