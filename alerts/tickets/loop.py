"""Closed loop of tickets: allowed actions by state, operation and guard, read from `loop.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from alerts.errors import Forbidden, GuardFailed, Invalid
from alerts.model import Hazard, Ticket
from alerts.people.access import Actor, allowed
from alerts.risk.grading import Grade
from alerts.timestamps import parse_time

HOUR_NS = 3_600_000_000_000
NOTE_MAX = 4_000
FINAL = frozenset(("closed", "false_report"))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action. type: text, bool, time, person:<role> or choice:<list>."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. to: the next state, "=" for the same; guard: name of the check, "" for none."""

    action: str
    origins: frozenset[str]
    to: str
    operation: str
    guard: str
    name: Mapping[str, str]
    fields: tuple[Field, ...]

    def leads_from(self, state: str) -> bool:
        """Return whether the action exists in this state."""
        return "*" in self.origins or state in self.origins

    def target(self, state: str) -> str:
        """Return the state after the action."""
        return state if self.to == "=" else self.to


@dataclass(frozen=True, slots=True)
class Loop:
    """The table with its names, deadlines and choices."""

    steps: Mapping[str, Step]
    states: Mapping[str, Mapping[str, str]]
    close_reasons: Mapping[str, Mapping[str, str]]
    due_ns: Mapping[Grade, int]
    observing_ns: int

    def step(self, state: str, action: str) -> Step:
        """Return the row of this state and action. Raises GuardFailed without one."""
        step = self.steps.get(action)
        if step is None or not step.leads_from(state):
            names = self.states[state]
            possible = ", ".join(sorted(step.action for step in self.steps.values() if step.leads_from(state)))
            zh = f"“{names['zh']}”状态下不能执行 {action}"
            raise GuardFailed("state", zh, f"{action} is not possible while {names['en']}; possible: {possible}")
        return step

    def open_to(self, ticket: Ticket, actor: Actor, hazard: Hazard) -> list[Step]:
        """Return the actions that the actor may apply to the ticket now."""
        steps = [step for step in self.steps.values() if step.leads_from(ticket.state)]
        return [step for step in steps if self._open(step, ticket, actor, hazard)]

    def _open(self, step: Step, ticket: Ticket, actor: Actor, hazard: Hazard) -> bool:
        if not allowed(actor, step.operation):
            return False
        fields: dict[str, Any] = {"override": True, "note": "-"}
        try:
            GUARDS[step.guard](Case(ticket, actor, hazard, fields, blind=False))
        except (Forbidden, GuardFailed):
            return False
        return True

    def checked(self, step: Step, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields as typed values. Raises Invalid with every unknown, missing and wrong field."""
        known = {field.name: field for field in step.fields}
        wrong = {name: f"unknown; known: {', '.join(known) or 'none'}" for name in fields if name not in known}
        values: dict[str, Any] = {}
        for name, field in known.items():
            given = fields.get(name)
            if given is None or given == "":
                if field.required:
                    wrong[name] = f"is required ({field.type})"
                continue
            try:
                values[name] = self._typed(field, given)
            except ValueError as error:
                wrong[name] = str(error)
        if wrong:
            raise Invalid(wrong)
        return values

    def _typed(self, field: Field, given: object) -> object:
        if field.type == "bool":
            if not isinstance(given, bool):
                raise ValueError("true or false")
            return given
        if not isinstance(given, str):
            raise ValueError("a text")  # noqa: TRY004 - reported as a field error, like the others
        if field.type == "choice:close" and given not in self.close_reasons:
            raise ValueError(f"one of {', '.join(self.close_reasons)}")
        if len(given) > NOTE_MAX:
            raise ValueError(f"at most {NOTE_MAX} characters")
        return parse_time(given) if field.type == "time" else given


@cache
def loop() -> Loop:
    """Return the table of `loop.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("loop.toml").read_text(encoding="utf-8"))
    steps = {row["action"]: _step(row) for row in table["step"]}
    due = {Grade[name.upper()]: int(hours * HOUR_NS) for name, hours in table["due_h"].items()}
    observing_ns = int(table["observing"]["hours"] * HOUR_NS)
    return Loop(steps, _named(table["states"]), _named(table["close"]), due, observing_ns)


def _named(table: Mapping[str, list[str]]) -> dict[str, Mapping[str, str]]:
    return {key: {"zh": zh, "en": en} for key, (zh, en) in table.items()}


def _step(row: Mapping[str, Any]) -> Step:
    fields = tuple(Field(name, kind, required) for name, (kind, required) in row.get("fields", {}).items())
    zh, en = row["name"]
    guard = row.get("guard", "")
    return Step(row["action"], frozenset(row["from"]), row["to"], row["operation"], guard, {"zh": zh, "en": en}, fields)


@dataclass(frozen=True, slots=True)
class Case:
    """Input of a guard. blind: a sensor of the hazard is faulty or offline now."""

    ticket: Ticket
    actor: Actor
    hazard: Hazard
    fields: Mapping[str, Any]
    blind: bool = False

    @property
    def proved(self) -> bool:
        """Return whether working sensors show that the danger has ended."""
        return not self.hazard.active and not self.blind


def _free(_case: Case) -> None:
    """Allow the action."""


def _own(case: Case) -> None:
    """Allow only the assigned fixer."""
    if case.ticket.fixer != case.actor.username:
        raise Forbidden("ticket_fixer", f"the ticket is assigned to {case.ticket.fixer}")


def _four_eyes(case: Case) -> None:
    """Reject an acceptor who is the fixer or was the fixer before a transfer."""
    if case.actor.username in case.ticket.fixers:
        raise Forbidden("ticket_officer", "a person who rectified the danger may not review or accept it")


def _five_fulfil(case: Case) -> None:
    """Require the five items of five-fulfil before a major danger leaves `graded`."""
    if case.ticket.major and case.ticket.state == "graded" and not case.ticket.fulfilled:
        raise GuardFailed(
            "five_fulfil",
            "重大隐患须先落实责任、措施、资金、时限和预案",
            "a major danger needs responsibility, measures, funds, time limit and contingency plan first",
        )


def _cleared(case: Case) -> None:
    """Reject a false report while the sensors detect the danger."""
    if case.hazard.active:
        raise GuardFailed("cleared", "传感器仍显示危险存在", "the sensors still detect the danger")


def _proved(case: Case) -> None:
    """Require proof by the sensors, or an override by a named person with a reason."""
    _four_eyes(case)
    if case.proved or (case.fields.get("override") and case.fields.get("note")):
        return
    raise GuardFailed(
        "proved",
        "传感器尚未恢复正常；如确需销号，请选择人工确认并说明理由",
        "the sensors are not back to normal; to close anyway set override and give the reason in note",
    )


GUARDS: Mapping[str, Callable[[Case], None]] = {
    "": _free,
    "own": _own,
    "four_eyes": _four_eyes,
    "five_fulfil": _five_fulfil,
    "cleared": _cleared,
    "proved": _proved,
}
