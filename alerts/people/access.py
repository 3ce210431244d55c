"""Access table: operation x role. An operation outside the table is denied."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.errors import Forbidden

ROLES = ("viewer", "operator", "officer", "fixer", "district", "city", "admin")
"""viewer: wall display; operator: control room; officer: school safety officer; fixer: rectification worker;
district and city: bureaus; admin: maintains the installation."""

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
    "manage_displays": frozenset(("admin",)),
    "acknowledge": frozenset(("operator", "officer", "admin")),
    "assign_sensor": _OFFICERS,
    "ignore_sensor": _OFFICERS,  # a neighbour's
    "comment": _EVERYONE - {"viewer"},
    "ticket_officer": _OFFICERS,  # assign, review, accept, reject, close, mark false, declare major, transfer
    "ticket_fixer": frozenset(("fixer", "admin")),  # take, start, submit
    "ticket_extend": _OFFICERS | {"district"},
    "ticket_supervise": frozenset(("district", "city")),
}
"""Operation -> roles that may apply it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or service that acts. sites: sites in its scope; None for all."""

    username: str
    roles: frozenset[str]
    sites: frozenset[str] | None = None

    def sees(self, site: str) -> bool:
        """Return whether the site is in the actor's scope."""
        return self.sites is None or site in self.sites


SYSTEM = Actor("system", frozenset())


def allowed(actor: Actor, operation: str) -> bool:
    """Return whether a role of the actor permits the operation; an unknown one is denied."""
    return bool(OPERATIONS.get(operation, frozenset()) & actor.roles)


def require(actor: Actor, operation: str) -> None:
    """Raise Forbidden unless the actor may apply the operation."""
    if not allowed(actor, operation):
        raise Forbidden(operation)
