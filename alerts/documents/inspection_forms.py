"""Forms of inspections: the sheet of one, and the register of all checks of a span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.inspections.sheet import DONE, MISSED, NOT_OK, OPEN, PROVED, Inspection, ItemState, StopState
from alerts.model import Ticket
from alerts.tickets.loop import loop

from .forms import Filled, forms
from .register_forms import Row, Subject

SECOND_NS = 1_000_000_000
RESULTS: Mapping[str, tuple[str, str]] = {
    "ok": ("合格", "in order"),
    "not_ok": ("不合格", "not in order"),
    "not_applicable": ("不适用", "not applicable"),
    "proved": ("合格", "in order"),
    "open": ("未检查", "not checked"),
}
"""State of an item in both languages."""
STATES: Mapping[str, tuple[str, str]] = {
    "planned": ("待检查", "planned"),
    "running": ("进行中", "running"),
    "done": ("已完成", "done"),
    "missed": ("漏检", "missed"),
}
"""State of an inspection in both languages."""
PROOF, PERSON, CODE, HAND = ("传感器", "sensor"), ("现场", "on site"), ("扫码签到", "check-in"), ("手动签到", "by hand")


@dataclass(frozen=True, slots=True)
class Checked:
    """An inspection with its stops, tickets by id and names of persons by account."""

    inspection: Inspection
    stops: Sequence[StopState]
    tickets: Mapping[str, Ticket]
    names: Mapping[str, Mapping[str, str]]


def inspection_sheet(checked: Checked, subject: Subject, zone: ZoneInfo) -> Filled:
    """Return the sheet of an inspection: one row for each item, or for each stop of a guard round."""
    rows: list[Row] = []
    for stop in checked.stops:
        rows += [_item(one, stop, checked, subject, zone) for one in stop.items] or [
            _visit(stop, checked, subject, zone)
        ]
    numbered = [row | {"number": str(number)} for number, row in enumerate(rows, 1)]
    name = (
        f"{subject.school()}    {subject.text(checked.inspection.name)}    {_time(checked.inspection.begin_ns, zone)}"
    )
    return Filled(forms()["inspection_sheet"], subject.language, name, numbered, _lines(subject))


def check_register(found: Sequence[Checked], subject: Subject, zone: ZoneInfo) -> Filled:
    """Return the register of checks: one row for each inspection, the earliest first."""
    ordered = sorted(found, key=lambda one: (one.inspection.begin_ns, one.inspection.id))
    rows = [_row(one, subject, zone) | {"number": str(number)} for number, one in enumerate(ordered, 1)]
    subtitle = f"{subject.school()}    {subject.day}"
    return Filled(forms()["check_register"], subject.language, subtitle, rows, _lines(subject))


def _row(checked: Checked, subject: Subject, zone: ZoneInfo) -> Row:
    inspection = checked.inspection
    items = [one for stop in checked.stops for one in stop.items]
    bad = [one for one in items if one.state == NOT_OK]
    english = subject.language == "en"
    ids = dict.fromkeys(one.entry.ticket for one in bad if one.entry and one.entry.ticket)
    known = [checked.tickets[one] for one in ids if one in checked.tickets]
    answered = sum(one.state not in {OPEN, PROVED} for one in items)
    proved = sum(one.state == PROVED for one in items)
    if inspection.state in {DONE, MISSED} and not items:
        visited = sum(stop.done for stop in checked.stops)
        counts = (f"到点 {visited}/{len(checked.stops)}", f"stops {visited} of {len(checked.stops)}")
    else:
        zh = f"共 {len(items)} 项，现场检查 {answered} 项，传感器证明 {proved} 项，不合格 {len(bad)} 项"
        counts = zh, f"{len(items)} items: {answered} on site, {proved} by sensors, {len(bad)} not in order"
    state = STATES[inspection.state][english]
    return {
        "time": _time(inspection.started_ns or inspection.begin_ns, zone),
        "kind": subject.text(inspection.name),
        "unit": subject.post(inspection.post),
        "person": _person(inspection.ended_by or inspection.started_by or "", checked, subject),
        "place": "、".join(dict.fromkeys(subject.zone(stop.stop.zone) for stop in checked.stops)),
        "result": f"{state}: {counts[1]}" if english else f"{state}：{counts[0]}",
        "description": "\n".join(_problem(one, subject) for one in bad),
        "danger": "\n".join(one.number for one in known),
        "state": "\n".join(loop().states.get(one.state, {}).get(subject.language, one.state) for one in known),
    }


def _item(one: ItemState, stop: StopState, checked: Checked, subject: Subject, zone: ZoneInfo) -> Row:
    english, entry, proof = subject.language == "en", one.entry, one.proof
    row = {"place": _place(stop, subject), "item": subject.text(one.item.text)}
    row["result"] = RESULTS[one.state][english]
    if entry is not None:
        ticket = checked.tickets.get(entry.ticket)
        row |= {"basis": PERSON[english], "description": entry.note, "danger": ticket.number if ticket else ""}
        row |= {"person": _person(entry.by, checked, subject), "time": _time(entry.at_ns, zone)}
    elif proof is not None:
        row["basis"] = f"{PROOF[english]} {proof['sensor']} {proof['value']:g} {proof['unit']}".strip()
        row["time"] = _time(proof["at_ns"], zone)
    return row


def _visit(stop: StopState, checked: Checked, subject: Subject, zone: ZoneInfo) -> Row:
    english, visit = subject.language == "en", stop.check_in
    row = {"place": _place(stop, subject), "result": RESULTS["ok" if stop.done else "open"][english]}
    if visit is not None:
        row["basis"] = (HAND if visit.way == "manual" else CODE)[english]
        row |= {"person": _person(visit.by, checked, subject), "time": _time(visit.at_ns, zone)}
    return row


def _problem(one: ItemState, subject: Subject) -> str:
    note = one.entry.note if one.entry else ""
    return subject.text(one.item.text) + (f" ({note})" if note else "")


def _place(stop: StopState, subject: Subject) -> str:
    return f"{subject.zone(stop.stop.zone)} {subject.text(stop.stop.name)}"


def _person(username: str, checked: Checked, subject: Subject) -> str:
    names = checked.names.get(username)
    return subject.text(names) if names else username


def _time(time_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(time_ns // SECOND_NS, zone).strftime("%Y-%m-%d %H:%M")


def _lines(subject: Subject) -> tuple[str, ...]:
    if subject.language == "en":
        return "Checked by:", "Head of the unit:", "Date:"
    return "检查人（签字）：", "单位负责人（签字）：", "日期："
