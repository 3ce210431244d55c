"""One action of a person on a ticket with all facts that its guards and changes use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alerts.dangers.kinds import DangerKind, danger_kinds
from alerts.dangers.proof import Proof
from alerts.errors import GuardFailed
from alerts.model import Danger, Proposal, Ticket
from alerts.people.access import Actor


@dataclass(frozen=True, slots=True)
class Case:
    """Input of a guard or a change. persons: account -> person; proof: of the danger, now. Times: ns since 1970 UTC."""

    ticket: Ticket
    danger: Danger
    actor: Actor
    proof: Proof
    fields: Mapping[str, Any]
    persons: Mapping[str, str]
    now_ns: int

    @property
    def kind(self) -> DangerKind:
        """Return the kind of the danger."""
        return danger_kinds()[self.danger.cause]

    @property
    def observed_ns(self) -> int:
        """Return the end of the observation: the acceptance and the last clearing are this old then."""
        return max(self.ticket.accepted_ns or 0, self.proof.cleared_ns or 0) + self.kind.observing_ns

    @property
    def overridden(self) -> bool:
        """Return whether a person closes the ticket without proof or before the end of the observation."""
        return not (self.proof.holds and self.now_ns >= self.observed_ns)

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
