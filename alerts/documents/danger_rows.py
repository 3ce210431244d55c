"""Rows of the forms of hidden dangers: danger, ticket, acts and risk point in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.dangers.kinds import DangerKind, danger_kinds
from alerts.model import Danger, Ticket
from alerts.people.access import SYSTEM
from alerts.risk.causes import causes
from alerts.risk.content import Content
from alerts.tickets.acts import Act, Acts
from alerts.tickets.loop import loop

from .register_forms import Row, Subject

SECOND_NS = 1_000_000_000
ORIGINS: Mapping[str, tuple[str, str]] = {
    "sensor": ("传感器", "sensor"),
    "inspection": ("检查", "inspection"),
    "patrol": ("巡查", "patrol"),
    "report": ("上报", "report"),
}
"""Source of a danger in both languages."""
FIELDS: Mapping[str, tuple[str, str]] = {
    "sensor": ("物联网监测", "sensor monitoring"),
    "fire": ("消防安全", "fire"),
    "buildings": ("校舍安全", "buildings"),
    "food": ("食品安全", "food"),
    "laboratory": ("实验实训安全", "laboratories"),
    "traffic": ("校车与校园交通安全", "school buses and traffic"),
    "stampede": ("拥挤踩踏防范", "stampede"),
    "special_equipment": ("特种设备安全", "special equipment"),
    "utilities": ("水电气暖安全", "water, electricity, gas, heat"),
    "other": ("其他", "other"),
}
"""Domain of a danger kind as the guide of 2024 names it: the field (隐患专业)."""
CLOSED, NONE_FOUND = "closed", frozenset(("false_report", "merged"))
_PROVED: tuple[str, str] = ("传感器证明已消除", "proved by the sensors")
_SYSTEM: tuple[str, str] = ("系统", "system")


@dataclass(frozen=True, slots=True)
class Dangers:
    """Tickets of a span with their dangers. begin_ns, end_ns: the span; place: returns the name of a place.

    acts: of each ticket; people: account -> its name; points: risk point -> its approved content.
    """

    tickets: Sequence[Ticket]
    dangers: Mapping[str, Danger]
    begin_ns: int
    end_ns: int
    zone: ZoneInfo
    place: Callable[[str], Mapping[str, str]]
    acts: Mapping[str, Acts] = field(default_factory=dict)
    people: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    points: Mapping[str, Content] = field(default_factory=dict)

    def found(self) -> list[Ticket]:
        """Return the dangers found in the span, without false reports and duplicates, by time."""
        return [one for one in self.standing() if self.begin_ns <= one.opened_ns]

    def standing(self) -> list[Ticket]:
        """Return the dangers found in the span, and earlier ones that were open at its begin."""
        within = [one for one in self.tickets if one.opened_ns < self.end_ns and one.state not in NONE_FOUND]
        rows = [one for one in within if one.closed_ns is None or one.closed_ns >= self.begin_ns]
        return sorted(rows, key=lambda one: (one.opened_ns, one.id))

    def closed(self, ticket: Ticket) -> bool:
        """Return whether a danger was closed by the end of the span."""
        return ticket.state == CLOSED and ticket.closed_ns is not None and ticket.closed_ns < self.end_ns

    def day(self, time_ns: int | None) -> str:
        """Return the local date and minute of a time, "" for none."""
        if not time_ns:
            return ""
        return datetime.fromtimestamp(time_ns // SECOND_NS, self.zone).strftime("%Y-%m-%d %H:%M")

    def row(self, ticket: Ticket, subject: Subject) -> Row:
        """Return the cells of a danger by field; a field without a fact is missing or empty."""
        danger, kind = self.dangers.get(ticket.danger), danger_kinds().get(_cause(ticket))
        acts = self.acts.get(ticket.id, {})
        cells = self._finding(ticket, danger, kind, subject) | self._check(ticket, acts, subject)
        return cells | self._repair(ticket, kind, acts, subject) | self._closure(ticket, acts, subject)

    def person(self, username: str, subject: Subject) -> str:
        """Return the name of an account, "" without one."""
        if username == SYSTEM.username:
            return _word(_SYSTEM, subject)
        return subject.text(self.people[username]) if username in self.people else username

    def _finding(self, ticket: Ticket, danger: Danger | None, kind: DangerKind | None, subject: Subject) -> Row:
        point = self.points.get(danger.risk_point) if danger else None
        name = ticket.kind if kind is None else subject.text({"zh": kind.zh, "en": kind.en})
        basic = danger is not None and danger.cause == "management"
        sources = "" if point is None else subject.sources(point)
        finder = danger.found_by if danger else ""
        origin = _word(ORIGINS[danger.source], subject) if danger else ""
        return {
            "due": self.day(ticket.due_ns),
            "description": subject.text(danger.text) if danger else name,
            "responsible": (subject.persons(point.post) if point else "") or self.person(ticket.fixer, subject),
            "responsible_unit": (subject.post(point.post) if point and point.post else "") or subject.zone(ticket.zone),
            "place": f"{subject.zone(ticket.zone)} {subject.text(self.place(ticket.place))}".strip(),
            "source": sources or name,
            "found_at": self.day(ticket.opened_ns),
            "finder": self.person(finder, subject) or origin,
            "origin": origin,
            "grade": _word(("重大隐患", "major") if ticket.major else ("一般隐患", "general"), subject),
            "category": _word(("基础管理", "basic management") if basic else ("现场管理", "on site"), subject),
            "profession": "" if kind is None else _word(FIELDS[kind.domain], subject),
            "kind": name,
            "state": loop().states.get(ticket.state, {}).get(subject.language, ticket.state),
        }

    def _check(self, ticket: Ticket, acts: Acts, subject: Subject) -> Row:
        """Return the check (核查): registration and grading of the finding by the school."""
        if (act := acts.get("checked")) is None:
            return {}
        graded = loop().choices["grade"][act.fields.get("grade") or ticket.grade.colour][subject.language]
        level = f"{_word(('分级', 'graded'), subject)} {graded}"
        return {
            "check_date": self.day(act.at_ns),
            "check_unit": subject.school(),
            "check_result": act.note or level,
            "check_person": self.person(act.by, subject),
        }

    def _repair(self, ticket: Ticket, kind: DangerKind | None, acts: Acts, subject: Subject) -> Row:
        assigned, submitted = acts.get("assigned"), acts.get("submitted")
        planned = str(ticket.fulfilment.get("measures", {}).get("text", ""))
        ordered = planned or (assigned.note if assigned else "")
        proof = "" if kind is None else f"{_word(('达到：', 'to reach: '), subject)}{subject.text(kind.text)}"
        return {
            "required_measures": ordered or proof,
            "fix_unit": subject.zone(ticket.zone),
            "fixer": self.person(ticket.fixer, subject),
            "fix_measures": "；".join(part for part in (planned, submitted.note if submitted else "") if part)
            or ordered,
            "fixed_at": self.day(submitted.at_ns) if submitted else "",
        }

    def _closure(self, ticket: Ticket, acts: Acts, subject: Subject) -> Row:
        """Return acceptance (验收), re-check at the end of the observation (复查) and closure (销号)."""
        closed = ticket.state == CLOSED
        return {
            **self._acceptance(acts.get("accepted"), subject),
            **self._recheck(ticket, acts.get("rechecked"), subject),
            "acceptor": self.person(acts["accepted"].by if "accepted" in acts else ticket.acceptor, subject),
            "closed_at": self.day(ticket.closed_ns) if closed else "",
            "closed": _word(("已销号", "closed"), subject) if closed else "",
        }

    def _acceptance(self, act: Act | None, subject: Subject) -> Row:
        if act is None:
            return {}
        passed = act.kind == "ticket.accept"
        result = _word(("合格", "passed") if passed else ("不合格，退回整改", "rejected"), subject)
        return {"accepted_at": self.day(act.at_ns), "acceptance": _noted(result, act.note)}

    def _recheck(self, ticket: Ticket, act: Act | None, subject: Subject) -> Row:
        if act is None:
            return {}
        reason = loop().choices["close"].get(ticket.close_reason, {}).get(subject.language, "")
        result = _word(_PROVED, subject) if act.by == SYSTEM.username else reason
        if ticket.overridden:
            result = _noted(result, _word(("人工确认", "by override"), subject))
        return {
            "recheck_person": self.person(act.by, subject),
            "recheck_at": self.day(act.at_ns),
            "recheck_result": _noted(result, act.note),
        }


def _noted(result: str, note: str) -> str:
    return "；".join(part for part in (result, note) if part)


def _cause(ticket: Ticket) -> str:
    """Return the danger kind of a ticket; a hazard kind belongs to the kind of its cause."""
    cause = causes().get(ticket.kind)
    return ticket.kind if cause is None else cause.name


def _word(pair: tuple[str, str], subject: Subject) -> str:
    return pair[subject.language == "en"]
