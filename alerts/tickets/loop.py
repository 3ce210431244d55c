"""Closed loop of tickets: allowed actions by state, operation and guard, read from `loop.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from alerts.dangers.proof import Proof
from alerts.errors import Forbidden, GuardFailed, Invalid
from alerts.model import Danger, Ticket
from alerts.people.access import Actor, allowed
from alerts.risk.grading import Grade

from .case import Case
from .fields import Field, checked_fields
from .guards import GUARDS, OWN, SUBJECTS

HOUR_NS = 3_600_000_000_000
FINAL = frozenset(("closed", "false_report", "merged"))
CLOSE, COUNTERSIGN = "close", "countersign"
REQUEST = "request_extension"


@dataclass(frozen=True, slots=True)
class Countersign:
    """Signature of a second person. of: tickets that need it; by: operation that one of the two persons has."""

    of: str
    by: str


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table. to: the next state, "=" for the same; guards: names of the checks."""

    action: str
    origins: frozenset[str]
    to: str
    operation: str
    guards: Sequence[str]
    name: Mapping[str, str]
    fields: tuple[Field, ...]
    countersign: Countersign | None

    def leads_from(self, state: str) -> bool:
        """Return whether the action exists in this state."""
        return "*" in self.origins or state in self.origins

    def target(self, state: str) -> str:
        """Return the state after the action."""
        return state if self.to == "=" else self.to

    def second_operation(self, ticket: Ticket, actor: Actor) -> str | None:
        """Return the operation that a second person needs; None if the action needs one person."""
        if self.countersign is None or not SUBJECTS[self.countersign.of](ticket):
            return None
        if self.action == REQUEST:  # the fixer asks; an officer grants, a supervised major danger's supervisor
            return "ticket_supervise" if SUBJECTS["supervised_major"](ticket) else self.countersign.by
        return self.operation if allowed(actor, self.countersign.by) else self.countersign.by


@dataclass(frozen=True, slots=True)
class Loop:
    """The table with its names, deadlines and choices. choices: table -> value -> its name."""

    steps: Mapping[str, Step]
    states: Mapping[str, Mapping[str, str]]
    choices: Mapping[str, Mapping[str, Mapping[str, str]]]
    due_ns: Mapping[Grade, int]
    take_ns: Mapping[Grade, int]

    def step(self, state: str, action: str) -> Step:
        """Return the row of this state and action. Raises GuardFailed without one."""
        step = self.steps.get(action)
        if step is None or not step.leads_from(state):
            names = self.states[state]
            leading = sorted((one for one in self.steps.values() if one.leads_from(state)), key=lambda one: one.action)
            possible, wanted = ", ".join(one.action for one in leading), step.name["zh"] if step else action
            zh = f"“{names['zh']}”状态下不能执行“{wanted}”；可执行：{'、'.join(one.name['zh'] for one in leading)}"
            raise GuardFailed("state", zh, f"{action} is not possible while {names['en']}; possible: {possible}")
        return step

    def open_to(
        self, ticket: Ticket, danger: Danger, actor: Actor, proof: Proof, *, persons: Mapping[str, str], now_ns: int
    ) -> list[Step]:
        """Return the actions that the actor may apply to the ticket now. persons: account -> person."""
        fields = {"override": True, "note": "offered"}
        case = Case(ticket, danger, actor, proof, fields, persons, now_ns)
        permitted = [step for step in _leading(ticket.state) if allowed(actor, step.operation)]
        return [step for step in permitted if self._open(step, case)]

    def _open(self, step: Step, case: Case) -> bool:
        try:
            self.guard(step, case)
        except (Forbidden, GuardFailed, Invalid):
            return False
        return True

    def guard(self, step: Step, case: Case, *, second: bool = False) -> None:
        """Check the guards of a step. Raises Forbidden, GuardFailed and Invalid.

        A countersign also checks those of the proposed action, for its second person: that is not the own fixer.
        """
        for name in step.guards:
            if not (second and name == OWN):
                GUARDS[name](case)
        if step.action == COUNTERSIGN:
            proposed = self.step(case.ticket.state, case.proposal.action)
            self.guard(proposed, replace(case, fields=case.proposal.fields), second=True)

    def checked(self, step: Step, fields: Mapping[str, Any], *, now_ns: int) -> dict[str, Any]:
        """Return the fields as typed values. Raises Invalid with every unknown, missing and wrong field."""
        return checked_fields(step.fields, fields, self.choices, now_ns=now_ns)


@cache
def _leading(state: str) -> tuple[Step, ...]:
    """Return the steps that lead from a state."""
    return tuple(step for step in loop().steps.values() if step.leads_from(state))


@cache
def loop() -> Loop:
    """Return the table of `loop.toml`."""
    table = tomllib.loads(resources.files(__package__).joinpath("loop.toml").read_text(encoding="utf-8"))
    steps = {row["action"]: _step(row) for row in table["step"]}
    due, take = ({Grade[name.upper()]: int(hours * HOUR_NS) for name, hours in table[key].items()} for key in _HOURS)
    return Loop(steps, _named(table["states"]), {name: _named(table[name]) for name in CHOICES}, due, take)


CHOICES = ("close", "grade", "audience")
_HOURS = ("due_h", "take_h")


def _named(table: Mapping[str, list[str]]) -> dict[str, Mapping[str, str]]:
    return {key: {"zh": zh, "en": en} for key, (zh, en) in table.items()}


def _step(row: Mapping[str, Any]) -> Step:
    fields = tuple(Field(name, kind, required) for name, (kind, required) in row.get("fields", {}).items())
    zh, en = row["name"]
    countersign = Countersign(**row["countersign"]) if "countersign" in row else None
    return Step(
        row["action"],
        frozenset(row["from"]),
        row["to"],
        row["operation"],
        tuple(row.get("guards", ())),
        {"zh": zh, "en": en},
        fields,
        countersign,
    )
