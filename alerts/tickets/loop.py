"""The closed loop: what may be done with a ticket in which state, by whom, under which guard. The table is data."""

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
    """One row of the table. to: the state after it, "=" for the same; guard: name of the check, "" for none."""

    action: str
    origins: frozenset[str]
    to: str
    operation: str
    guard: str
    name: Mapping[str, str]
    fields: tuple[Field, ...]

    def leads_from(self, state: str) -> bool:
        """Whether the action exists in that state."""
        return "*" in self.origins or state in self.origins

    def target(self, state: str) -> str:
        """The state after the action."""
        return state if self.to == "=" else self.to


@dataclass(frozen=True, slots=True)
class Loop:
    """The whole table with its names, deadlines and choices."""

    steps: Mapping[str, Step]
    states: Mapping[str, Mapping[str, str]]
    close_reasons: Mapping[str, Mapping[str, str]]
    due_ns: Mapping[Grade, int]
    observing_ns: int

    def step(self, state: str, action: str) -> Step:
        """The row of that state and action. Raises GuardFailed when there is none."""
        step = self.steps.get(action)
        if step is None or not step.leads_from(state):
            names = self.states[state]
            possible = ", ".join(sorted(step.action for step in self.steps.values() if step.leads_from(state)))
            zh = f"“{names['zh']}”状态下不能执行 {action}"
            raise GuardFailed("state", zh, f"{action} is not possible while {names['en']}; possible: {possible}")
        return step

    def open_to(self, ticket: Ticket, actor: Actor, hazard: Hazard) -> list[Step]:
        """The actions that the actor may do with the ticket now."""
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
        """The fields as typed values; unknown, missing and wrong ones are told together (Invalid)."""
        known = {field.name: field for field in step.fields}
        wrong = {name: f"unknown; known: {', '.join(known) or 'none'}" for name in fields if name not in known}
        values: dict[str, Any] = {}
        for name, field in known.items():
            given = fields.get(name)
            if given is None or given == "":
                if field.required:
                    wrong[name] = f"is needed ({field.type})"
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
            raise ValueError("a text")  # noqa: TRY004 - told as a field's error, like the others
        if field.type == "choice:close" and given not in self.close_reasons:
            raise ValueError(f"one of {', '.join(self.close_reasons)}")
        if len(given) > NOTE_MAX:
            raise ValueError(f"at most {NOTE_MAX} characters")
        return parse_time(given) if field.type == "time" else given


@cache
def loop() -> Loop:
    """The table as `loop.toml` says."""
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
    """Everything that a guard may look at. blind: a sensor of the hazard is itself at fault or silent now."""

    ticket: Ticket
    actor: Actor
    hazard: Hazard
    fields: Mapping[str, Any]
    blind: bool = False

    @property
    def proved(self) -> bool:
        """Whether sensors that can be believed show that the danger is over."""
        return not self.hazard.active and not self.blind


def _free(_case: Case) -> None:
    """No condition."""


def _own(case: Case) -> None:
    """Only the fixer to whom the ticket was given works on it."""
    if case.ticket.fixer != case.actor.username:
        raise Forbidden("ticket_fixer", f"the ticket is assigned to {case.ticket.fixer}")


def _four_eyes(case: Case) -> None:
    """The acceptor is never the fixer, nor anyone who was the fixer before a transfer."""
    if case.actor.username in case.ticket.fixers:
        raise Forbidden("ticket_officer", "who rectified a danger may not review or accept it")


def _five_fulfil(case: Case) -> None:
    """A major danger leaves `graded` only with responsibility, measures, funds, time limit and contingency plan."""
    if case.ticket.major and case.ticket.state == "graded" and not case.ticket.fulfilled:
        raise GuardFailed(
            "five_fulfil",
            "重大隐患须先落实责任、措施、资金、时限和预案",
            "a major danger needs responsibility, measures, funds, time limit and contingency plan first",
        )


def _cleared(case: Case) -> None:
    """A danger that the sensors still see is no false report."""
    if case.hazard.active:
        raise GuardFailed("cleared", "传感器仍显示危险存在", "the sensors still see the danger")


def _proved(case: Case) -> None:
    """The sensors prove that it is done, or a named person overrides them with a reason in words."""
    _four_eyes(case)
    if case.proved or (case.fields.get("override") and case.fields.get("note")):
        return
    raise GuardFailed(
        "proved",
        "传感器尚未恢复正常；如确需销号，请选择人工确认并说明理由",
        "the sensors are not back to normal; to close all the same set override and say why in note",
    )


GUARDS: Mapping[str, Callable[[Case], None]] = {
    "": _free,
    "own": _own,
    "four_eyes": _four_eyes,
    "five_fulfil": _five_fulfil,
    "cleared": _cleared,
    "proved": _proved,
}
