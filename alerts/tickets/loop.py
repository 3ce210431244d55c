"""Closed loop of tickets: allowed actions by state, operation and guard, read from `loop.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from alerts.errors import Forbidden, GuardFailed, Invalid
from alerts.model import Hazard, Ticket
from alerts.people.access import Actor, allowed
from alerts.risk.grading import Grade

from .fields import Field, checked_fields
from .guards import GUARDS, SUBJECTS, Case

HOUR_NS = 3_600_000_000_000
FINAL = frozenset(("closed", "false_report"))
COUNTERSIGN = "countersign"


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
        return self.operation if allowed(actor, self.countersign.by) else self.countersign.by


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

    def open_to(
        self, ticket: Ticket, actor: Actor, hazard: Hazard, *, persons: Mapping[str, str], now_ns: int
    ) -> list[Step]:
        """Return the actions that the actor may apply to the ticket now. persons: account -> person."""
        fields = {"override": True, "note": "offered"}
        case = Case(ticket, actor, hazard, fields, persons, now_ns, self.observing_ns)
        steps = [step for step in self.steps.values() if step.leads_from(ticket.state)]
        return [step for step in steps if self._open(step, case)]

    def _open(self, step: Step, case: Case) -> bool:
        if not allowed(case.actor, step.operation):
            return False
        try:
            self.guard(step, case)
        except (Forbidden, GuardFailed, Invalid):
            return False
        return True

    def guard(self, step: Step, case: Case) -> None:
        """Check the guards of a step. Raises Forbidden, GuardFailed and Invalid.

        A countersign also checks those of the proposed action.
        """
        for name in step.guards:
            GUARDS[name](case)
        if step.action == COUNTERSIGN:
            proposed = self.step(case.ticket.state, case.proposal.action)
            self.guard(proposed, replace(case, fields=case.proposal.fields))

    def checked(self, step: Step, fields: Mapping[str, Any], *, now_ns: int) -> dict[str, Any]:
        """Return the fields as typed values. Raises Invalid with every unknown, missing and wrong field."""
        return checked_fields(step.fields, fields, self.close_reasons, now_ns=now_ns)


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
