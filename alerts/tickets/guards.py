"""Guards of the closed loop: conditions of an action besides state and role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.errors import Forbidden, GuardFailed, Invalid
from alerts.model import Hazard, Proposal, Ticket
from alerts.people.access import Actor, allowed
from alerts.timestamps import format_time

from .fields import has_content


@dataclass(frozen=True, slots=True)
class Case:
    """Input of a guard. Times in ns since 1970 UTC.

    persons: account -> person; observing_ns: length of the observation; blind: a sensor of the hazard is faulty or
    offline now.
    """

    ticket: Ticket
    actor: Actor
    hazard: Hazard
    fields: Mapping[str, Any]
    persons: Mapping[str, str]
    now_ns: int
    observing_ns: int
    blind: bool = False

    @property
    def proved(self) -> bool:
        """Return whether working sensors show that the danger has ended."""
        return not self.hazard.active and not self.blind

    @property
    def observed_ns(self) -> int:
        """Return the end of the observation: the acceptance and the last clearing are this old then."""
        return max(self.ticket.accepted_ns or 0, self.hazard.cleared_ns or 0) + self.observing_ns

    @property
    def overridden(self) -> bool:
        """Return whether a person closes the ticket without proof or before the end of the observation."""
        return not (self.proved and self.now_ns >= self.observed_ns)

    @property
    def proposal(self) -> Proposal:
        """Return the proposal of the ticket. Raises GuardFailed without one."""
        if self.ticket.proposal is None:
            raise GuardFailed("proposal", "没有待会签的申请", "no action waits for a countersign")
        return self.ticket.proposal

    def same_person(self, username: str) -> bool:
        """Return whether this account and the actor's belong to one person."""
        person = self.persons.get(username, username)
        return person == self.persons.get(self.actor.username, self.actor.username)


def _own(case: Case) -> None:
    """Allow only the assigned fixer."""
    if not case.same_person(case.ticket.fixer):
        raise Forbidden("ticket_fixer", f"the ticket is assigned to {case.ticket.fixer}")


def _four_eyes(case: Case) -> None:
    """Reject a person who is the fixer or was the fixer before a transfer, under any account."""
    if any(case.same_person(fixer) for fixer in case.ticket.fixers):
        raise Forbidden("ticket_officer", "a person who rectified the danger may not review, accept or dismiss it")


def _five_fulfil(case: Case) -> None:
    """Require the five items of five-fulfil for each action that leads a major danger to its rectification."""
    if case.ticket.major and not case.ticket.fulfilled:
        raise GuardFailed(
            "five_fulfil",
            "重大隐患须先落实责任、措施、资金、时限和预案",
            "a major danger needs responsibility, measures, funds, time limit and contingency plan first",
        )


def _deadline_kept(case: Case) -> None:
    """Reject a later deadline of a supervised major danger by an assignment: `extend` has the countersign."""
    ticket = case.ticket
    if ticket.major and ticket.supervised and case.fields.get("due", ticket.due_ns) > ticket.due_ns:
        raise GuardFailed(
            "deadline_kept",
            "挂牌督办的重大隐患只能通过“延期”并经督办单位会签才能推迟期限",
            "the deadline of a supervised major danger moves only by extend, which the supervisor countersigns",
        )


def _later(case: Case) -> None:
    """Require a deadline after the present one."""
    if case.fields.get("due", case.ticket.due_ns + 1) <= case.ticket.due_ns:
        raise Invalid({"due": f"a time after the present deadline {format_time(case.ticket.due_ns)}"})


def _cleared(case: Case) -> None:
    """Reject a false report while the sensors detect the danger."""
    if case.hazard.active:
        raise GuardFailed("cleared", "传感器仍显示危险存在", "the sensors still detect the danger")


def _observed(case: Case) -> None:
    """Require proof by the sensors and the whole observation, or an override by a named person with a reason."""
    overriding = case.fields.get("override") and has_content(str(case.fields.get("note", "")))
    if overriding or not case.overridden:
        return
    if not case.proved:
        raise GuardFailed(
            "proved",
            "传感器尚未恢复正常；如确需销号，请选择人工确认并说明理由",
            "the sensors are not back to normal; to close anyway set override and give the reason in note",
        )
    raise GuardFailed(
        "observed",
        f"观察期至 {format_time(case.observed_ns)}；如确需提前销号，请选择人工确认并说明理由",
        f"the observation ends {format_time(case.observed_ns)}; to close now set override and a reason in note",
    )


def _second_person(case: Case) -> None:
    """Reject the person who proposed the action, and roles that may not countersign it."""
    proposal = case.proposal
    if case.same_person(proposal.by):
        raise Forbidden("ticket_countersign", "the person who proposed the action may not countersign it")
    if not allowed(case.actor, proposal.operation):
        raise Forbidden(proposal.operation)
    if proposal.fields.get("due", case.now_ns + 1) <= case.now_ns:
        raise GuardFailed(
            "proposal", "申请的期限已过，请重新申请", "the proposed deadline has passed; propose another one"
        )


GUARDS: Mapping[str, Callable[[Case], object]] = {
    "own": _own,
    "four_eyes": _four_eyes,
    "five_fulfil": _five_fulfil,
    "deadline_kept": _deadline_kept,
    "later": _later,
    "cleared": _cleared,
    "observed": _observed,
    "proposal": lambda case: case.proposal,
    "second_person": _second_person,
}

SUBJECTS: Mapping[str, Callable[[Ticket], bool]] = {
    "major": lambda ticket: ticket.major,
    "supervised_major": lambda ticket: ticket.major and ticket.supervised,
}
"""Tickets of which a second person signs an action."""
