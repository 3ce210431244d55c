"""Score sheet of a drill from stored notices, journal entries and orders; no clock of its own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from sqlalchemy import Connection, select

from alerts.database import journal, rows
from alerts.database.journal import Event
from alerts.database.schema import emergency_orders, notices
from alerts.model import EmergencyOrder, Notice

from .drill import SECOND_NS, Drill

STEPS = ("paged", "acknowledged", "confirmed", "ordered", "received")
SILENT_STEPS = STEPS[:2]
"""Steps that a silent drill supposes; the others need people."""
ANSWERS = frozenset(("hazard.acknowledged", "hazard.partly_acknowledged", "hazard.seen"))


@dataclass(frozen=True, slots=True)
class Timed:
    """One step. at_ns: None if it did not happen; met: None while it may still be in time."""

    step: str
    target_s: float
    at_ns: int | None
    met: bool | None


@dataclass(frozen=True, slots=True)
class Called:
    """One person that the drill reached. Times in ns, None for what did not happen."""

    person: str
    sent_ns: int | None
    acknowledged_ns: int | None
    ordered_ns: int | None
    received_ns: int | None

    @property
    def silent(self) -> bool:
        """Return whether the person answered nothing."""
        return self.acknowledged_ns is None and self.received_ns is None


@dataclass(frozen=True, slots=True)
class Score:
    """Steps against their targets, and the persons."""

    steps: tuple[Timed, ...]
    persons: tuple[Called, ...]


@cache
def targets() -> Mapping[str, float]:
    """Return the target of each step in seconds after the start."""
    table = tomllib.loads(resources.files(__package__).joinpath("targets.toml").read_text(encoding="utf-8"))
    return {name: float(table[f"{name}_s"]) for name in STEPS}


def score(connection: Connection, drill: Drill, accounts: Mapping[str, str], now_ns: int) -> Score:
    """Return the score sheet. accounts: user name -> person of the roster."""
    if drill.silent:
        return _supposed(drill)
    end_ns = now_ns if drill.ended_ns is None else drill.ended_ns
    history = [
        one
        for one in _history(connection, drill.hazard)
        if drill.started_ns <= one.at_ns and (drill.ended_ns is None or one.at_ns < end_ns)
    ]
    pages, orders = _pages(connection, drill, end_ns), _orders(connection, drill, end_ns)
    sent = [one.delivered_ns for one in pages if one.state == "sent" and one.delivered_ns]
    given = [one.ordered_ns for one in orders]
    called = {one["person"] for order in orders for one in order.called}
    receipts = _first((one["person"], int(one["at_ns"])) for order in orders for one in order.acknowledged)
    at: dict[str, int | None] = {
        "paged": min(sent, default=None),
        "acknowledged": _of(history, "hazard.acknowledged"),
        "confirmed": _of(history, "hazard.confirmed"),
        "ordered": min(given, default=None),
        "received": max(receipts.values()) if receipts and called <= receipts.keys() else None,
    }
    answered = _first(
        (one.facts.get("person") or accounts.get(one.actor, one.actor), one.at_ns)
        for one in history
        if one.kind in ANSWERS
    )
    first = _first((name, one.delivered_ns or end_ns) for one in pages if one.state == "sent" for name in _to(one))
    paged = {name for one in pages for name in _to(one)}
    persons = [
        Called(name, first.get(name), answered.get(name), min(given) if name in called else None, receipts.get(name))
        for name in sorted(paged | called)
    ]
    return Score(tuple(_timed(name, at[name], drill, now_ns) for name in STEPS), tuple(persons))


def _supposed(drill: Drill) -> Score:
    """Return the score sheet of a silent drill from its run."""

    def at(after_s: float | None) -> int | None:
        return None if after_s is None else drill.started_ns + int(after_s * SECOND_NS)

    contacts = drill.run.get("contacts", ())
    sent = [one["delivered_s"] for one in contacts if one["delivered_s"] is not None]
    after = {"paged": min(sent, default=None), "acknowledged": drill.run.get("taken_s")}
    wanted = ((name, targets()[name], after[name]) for name in SILENT_STEPS)
    steps = tuple(Timed(name, goal_s, at(s), s is not None and s <= goal_s) for name, goal_s, s in wanted)
    first = _first(
        (name, at(one["delivered_s"])) for one in contacts if one["delivered_s"] is not None for name in one["persons"]
    )
    answers = {name: at(after_s) for name, after_s in drill.run.get("answers", {}).items()}
    names = sorted({name for one in contacts for name in one["persons"]})
    return Score(steps, tuple(Called(name, first.get(name), answers.get(name), None, None) for name in names))


def _timed(step: str, at_ns: int | None, drill: Drill, now_ns: int) -> Timed:
    target_s = targets()[step]
    until_ns = drill.started_ns + int(target_s * SECOND_NS)
    if at_ns is not None:
        return Timed(step, target_s, at_ns, at_ns <= until_ns)
    return Timed(step, target_s, None, None if drill.ended_ns is None and now_ns <= until_ns else False)


def _history(connection: Connection, hazard: str) -> list[Event]:
    return journal.read(connection, subject=hazard, newest=True)[::-1]


def _pages(connection: Connection, drill: Drill, end_ns: int) -> Sequence[Notice]:
    """Return the messages to people of the roster within the drill."""
    own = notices.c
    within = (own.hazard == drill.hazard, own.created_ns >= drill.started_ns, own.created_ns <= end_ns)
    found = [rows.record(Notice, row) for row in connection.execute(select(notices).where(*within))]
    return [one for one in found if "to" in one.body]


def _orders(connection: Connection, drill: Drill, end_ns: int) -> Sequence[EmergencyOrder]:
    """Return the drill orders of the site within the drill."""
    own = emergency_orders.c
    within = (own.site == drill.site, own.drill, own.ordered_ns >= drill.started_ns, own.ordered_ns <= end_ns)
    return [rows.record(EmergencyOrder, row) for row in connection.execute(select(emergency_orders).where(*within))]


def _to(notice: Notice) -> Sequence[str]:
    found: Sequence[str] = notice.body["to"].get("persons", ())
    return found


def _of(history: Sequence[Event], kind: str) -> int | None:
    return next((one.at_ns for one in history if one.kind == kind), None)


def _first(pairs: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, at_ns in pairs:
        found[name] = min(at_ns, found.get(name, at_ns))
    return found
