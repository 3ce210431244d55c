"""Who may do what: one table, operation x role. What is not in it is denied."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.errors import Forbidden

ROLES = ("viewer", "operator", "officer", "fixer", "district", "city", "admin")
"""viewer: wall display; operator: control room; officer: school safety officer; fixer: rectification worker;
district and city: bureaus; admin: looks after the installation."""

_EVERYONE = frozenset(ROLES)
_OFFICERS = frozenset(("officer", "admin"))

OPERATIONS: dict[str, frozenset[str]] = {
    "see": _EVERYONE,  # sites, zones, risk points, sensors, readings, hazards, tickets, risk map
    "see_accounts_of_readings": _EVERYONE - {"viewer"},
    "see_quarantine": frozenset(("officer", "admin")),
    "replay_quarantine": _OFFICERS,
    "see_notices": _EVERYONE - {"viewer", "fixer"},
    "see_audit": frozenset(("officer", "district", "city", "admin")),
    "see_people": _EVERYONE - {"viewer"},
    "manage_people": frozenset(("admin",)),
    "acknowledge": frozenset(("operator", "officer", "admin")),
    "assign_sensor": _OFFICERS,
    "ignore_sensor": _OFFICERS,  # a neighbour's
    "comment": _EVERYONE - {"viewer"},
    "ticket_officer": _OFFICERS,  # assign, review, accept, reject, close, mark false, declare major, transfer
    "ticket_fixer": frozenset(("fixer", "admin")),  # take, start, submit
    "ticket_extend": _OFFICERS | {"district"},
    "ticket_supervise": frozenset(("district", "city")),
}
"""Operation -> roles that may do it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or service that acts. sites: what it may see and touch; None for all."""

    username: str
    roles: frozenset[str]
    sites: frozenset[str] | None = None

    def sees(self, site: str) -> bool:
        """Whether the site is within the actor's scope."""
        return self.sites is None or site in self.sites


SYSTEM = Actor("system", frozenset())


def allowed(actor: Actor, operation: str) -> bool:
    """Whether one of the actor's roles may do it; an unknown operation is denied."""
    return bool(OPERATIONS.get(operation, frozenset()) & actor.roles)


def require(actor: Actor, operation: str) -> None:
    """Nothing when the actor may do it; raises Forbidden otherwise."""
    if not allowed(actor, operation):
        raise Forbidden(operation)
