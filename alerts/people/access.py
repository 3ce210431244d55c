"""Access table: HTTP route x operation x role. A route or operation outside the table is denied."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.errors import Forbidden

ROLES = ("viewer", "operator", "officer", "fixer", "district", "city", "admin")
"""viewer: wall display; operator: control room; officer: school safety officer; fixer: rectification worker;
district and city: bureaus; admin: maintains the installation."""

_EVERYONE = frozenset(ROLES)
_OFFICERS = frozenset(("officer", "admin"))

OPERATIONS: dict[str, frozenset[str]] = {
    "own_account": _EVERYONE,  # the caller's own session and authenticator
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
    "ticket_countersign": _OFFICERS | {"district", "city"},  # the proposal names a further operation
}
"""Operation -> roles that may apply it."""

PUBLIC = "public"
"""Operation of the routes that need no token: they make one."""

ROUTES: dict[str, str] = {
    "POST /session": PUBLIC,
    "POST /session/display": PUBLIC,
    "DELETE /session": "own_account",
    "GET /me": "own_account",
    "PUT /me/second-factor": "own_account",
    "POST /me/second-factor": "own_account",
    "GET /sites": "see",
    "GET /zones": "see",
    "GET /risk-points": "see",
    "GET /risk-map": "see",
    "GET /sensors": "see",
    "GET /sensors/{site}/{sensor}": "see",
    "GET /readings": "see",
    "GET /hazards": "see",
    "GET /hazards/{hazard_id}": "see",
    "GET /detections": "see",
    "GET /tickets": "see",
    "GET /tickets/{ticket_id}": "see",
    "GET /loop": "see",
    "GET /condition": "see",
    "GET /events": "see",
    "GET /accounting": "see_accounts_of_readings",
    "GET /clocks": "see_accounts_of_readings",
    "GET /quarantine": "see_quarantine",
    "GET /notices": "see_notices",
    "GET /audit": "see_audit",
    "GET /users": "see_people",
    "GET /displays": "manage_displays",
    "POST /displays": "manage_displays",
    "DELETE /displays/{display_id}": "manage_displays",
    "POST /users": "manage_people",
    "DELETE /users/{username}": "manage_people",
    "DELETE /users/{username}/second-factor": "manage_people",
    "POST /quarantine/replay": "replay_quarantine",
    "PUT /sensors/{site}/{sensor}/place": "assign_sensor",
    "POST /sensors/places": "assign_sensor",
    "PUT /sensors/{site}/{sensor}/ignored": "ignore_sensor",
    "POST /hazards/{hazard_id}/actions/{action}": "acknowledge",
    "POST /tickets/{ticket_id}/actions/{action}": "see",  # each action has an operation of its own in loop.toml
}
"""Method and path below /api/v1 -> operation. The interface checks every request by this table."""


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
