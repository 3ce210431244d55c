"""Access table: HTTP route x operation x role. A route or operation outside the table is denied."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.errors import Forbidden

ROLES = ("viewer", "operator", "officer", "fixer", "district", "city", "admin")
"""viewer: wall display; operator: control room; officer: school safety officer; fixer: rectification worker;
district and city: bureaus; admin: maintains the installation."""

_EVERYONE = frozenset(ROLES)
_OFFICERS = frozenset(("officer", "admin"))
_BUREAU = frozenset(("district", "city"))

OPERATIONS: dict[str, frozenset[str]] = {
    "own_account": _EVERYONE,  # the caller's own session and authenticator
    "see": _EVERYONE,  # sites, zones, risk points, sensors, hazards, detectors, tickets, risk map
    "see_events": _EVERYONE - _BUREAU,  # readings, detections, photos: events of single persons stay in the school
    "see_escalations": frozenset(("operator", "officer", "admin")),  # with names of persons
    "see_supervision": _BUREAU | {"admin"},  # all schools of the account, against each other
    "see_accounts_of_readings": _EVERYONE - {"viewer"},
    "see_quarantine": frozenset(("officer", "admin")),
    "replay_quarantine": _OFFICERS,
    "see_notices": _EVERYONE - {"viewer", "fixer"},  # a bureau those of its orders
    "see_audit": frozenset(("officer", "admin")),
    "see_alarm_load": _EVERYONE - {"viewer", "fixer"},
    "see_people": _EVERYONE - {"viewer"},
    "manage_people": frozenset(("admin",)),
    "manage_displays": frozenset(("admin",)),
    "see_rosters": frozenset(("operator", "officer", "admin")),  # with telephone numbers
    "manage_rosters": frozenset(("admin",)),
    "see_posts": frozenset(("operator", "officer", "fixer", "admin")),  # with names of persons and their training
    "see_post_counts": _EVERYONE - {"viewer"},  # numbers of posts, gaps and lapsed training of each school
    "manage_training": _OFFICERS,
    "acknowledge": frozenset(("operator", "officer", "admin")),
    "see_silences": _EVERYONE - {"viewer"},
    "silence": frozenset(("operator", "officer", "admin")),
    "silence_life_safety": _OFFICERS,  # with a compensating patrol alone
    "patrol": frozenset(("operator", "officer", "admin")),  # of a silence: its named person, or an officer
    "hand_over": frozenset(("operator", "officer", "admin")),
    "assign_sensor": _OFFICERS,
    "ignore_sensor": _OFFICERS,  # a neighbour's
    "edit_register": _OFFICERS,  # zones, risk points, measures; templates and lists
    "approve_register": _OFFICERS,
    "check_measure": frozenset(("operator", "officer", "fixer", "admin")),
    "see_inspections": _EVERYONE - {"viewer"},
    "run_inspection": frozenset(("operator", "officer", "fixer", "admin")),  # make, tick, check in, end
    "plan_inspections": _OFFICERS,  # plans of rounds, NFC tags
    "see_documents": _EVERYONE - {"viewer"},
    "export_evidence": _OFFICERS,  # journal, photos, readings of a danger
    "archive_year": _OFFICERS,  # freeze the documents of a past year
    "decide_grade": _OFFICERS,  # of a risk point, raised by precursors
    "edit_plan": _OFFICERS,  # floors, pictures, zones, places, positions
    "set_up": frozenset(("admin",)),  # school, calendar, broker, device accounts
    "preview": _OFFICERS,  # of a changed limit
    "see_drills": frozenset(("operator", "officer", "admin")),  # with names of persons
    "run_drill": _OFFICERS,
    "see_camera": frozenset(("operator", "officer", "admin")),  # a still, with a reason
    "order_emergency": frozenset(("operator", "officer", "admin")),  # evacuation, lockdown, all-clear
    "comment_hazard": _EVERYONE - _BUREAU - {"viewer"},  # write and read
    "comment": _EVERYONE - {"viewer"},
    "ticket_officer": _OFFICERS,  # assign, review, accept, reject, close, mark false, declare major, merge, pause
    "test_sensor": frozenset(("operator", "officer", "fixer", "admin")),  # a window; its response is proof
    "report_danger": _EVERYONE - {"viewer"},  # a danger, a photo
    "see_place_codes": _OFFICERS,
    "import_guide": frozenset(("admin",)),
    "ticket_fixer": frozenset(("fixer", "admin")),  # take, start, transfer, submit, request an extension
    "ticket_extend": _OFFICERS | {"district"},
    "ticket_supervise": _BUREAU,
    "ticket_countersign": _OFFICERS | _BUREAU,  # the proposal names a further operation
}
"""Operation -> roles that may apply it."""

PUBLIC = "public"
"""Operation of the routes that need no token: they make one, or have one in their path."""

ROUTES: dict[str, str] = {
    "POST /session": PUBLIC,
    "POST /session/display": PUBLIC,
    "GET /links/{token}": PUBLIC,
    "POST /links/{token}": PUBLIC,
    "POST /sms-replies/{channel}/{token}": PUBLIC,
    "GET /report-places/{code}": PUBLIC,
    "POST /report-places/{code}/reports": PUBLIC,
    "GET /reports/{receipt}": PUBLIC,
    "PUT /reports/{receipt}/photo": PUBLIC,
    "POST /setup/administrator": PUBLIC,
    "DELETE /session": "own_account",
    "GET /me": "own_account",
    "PUT /me/password": "own_account",
    "PUT /me/second-factor": "own_account",
    "POST /me/second-factor": "own_account",
    "GET /me/push": "own_account",
    "POST /me/push/browsers": "own_account",
    "DELETE /me/push/browsers/{browser}": "own_account",
    "GET /sites": "see",
    "GET /zones": "see",
    "GET /overview": "see",
    "GET /risk-points": "see",
    "PUT /risk-points/{site}/{risk_point}/provisional-grade": "decide_grade",
    "GET /risk-map": "see",
    "GET /risk-rollup": "see",
    "GET /risk-methods": "see",
    "GET /register-templates": "see",
    "GET /register/{site}/zones": "see",
    "PUT /register/{site}/zones/{zone}": "edit_register",
    "GET /register/{site}/points": "see",
    "GET /register/{site}/points/{risk_point}": "see",
    "PUT /register/{site}/points/{risk_point}": "edit_register",
    "DELETE /register/{site}/points/{risk_point}": "edit_register",
    "GET /register/{site}/points/{risk_point}/history": "see",
    "POST /register/{site}/points/{risk_point}/checks": "check_measure",
    "POST /register/{site}/approvals": "approve_register",
    "POST /register/{site}/template": "edit_register",
    "POST /register/{site}/list": "edit_register",
    "GET /register/{site}/list": "see_documents",
    "GET /inspection-kinds": "see_inspections",
    "GET /inspections": "see_inspections",
    "GET /inspections/{site}/route": "see_inspections",
    "GET /inspections/{site}/due": "see_inspections",
    "POST /inspections/{site}": "run_inspection",
    "GET /inspections/{site}/{inspection_id}": "see_inspections",
    "POST /inspections/{site}/{inspection_id}/entries": "run_inspection",
    "PUT /inspections/{site}/{inspection_id}/entries/{entry_id}/photo": "run_inspection",
    "GET /inspections/{site}/ledger": "see_documents",
    "GET /inspections/{site}/{inspection_id}/form": "see_documents",
    "GET /inspection-plans/{site}": "see_inspections",
    "PUT /inspection-plans/{site}/{plan}": "plan_inspections",
    "GET /place-tags/{site}": "plan_inspections",
    "PUT /place-tags/{site}/{tag}": "plan_inspections",
    "GET /documents": "see_documents",
    "GET /documents/{site}/cards": "see_documents",
    "GET /documents/{site}/forms/{form}": "see_documents",
    "GET /documents/{site}/archives": "see_documents",
    "POST /documents/{site}/archives": "archive_year",
    "GET /documents/{site}/archives/{year}/{edition}/{name}": "see_documents",
    "GET /tickets/{ticket_id}/evidence-pack": "export_evidence",
    "GET /tickets/{ticket_id}/{letter}": "see_documents",
    "GET /sensors": "see",
    "GET /sensors/{site}/{sensor}": "see_events",
    "GET /setup": "set_up",
    "PUT /setup/school": "set_up",
    "POST /setup/broker/test": "set_up",
    "PUT /setup/broker": "set_up",
    "POST /setup/devices": "set_up",
    "GET /plans/{site}": "see",
    "PUT /plans/{site}": "edit_plan",
    "POST /plans/{site}/pictures": "edit_plan",
    "GET /plans/{site}/pictures/{digest}": "see",
    "GET /readings": "see_events",
    "GET /hazards": "see",
    "GET /hazards/{hazard_id}": "see_events",
    "GET /silent-drills": "see",  # for the wall, without persons
    "GET /drills/{site}": "see_drills",
    "GET /drills/{site}/plans": "see_drills",
    "POST /drills/{site}/plans": "run_drill",
    "POST /drills/{site}/plans/{plan_id}/actions/cancel": "run_drill",
    "POST /drills/{site}": "run_drill",
    "GET /drills/{site}/{drill_id}": "see_drills",
    "POST /drills/{site}/{drill_id}/actions/end": "run_drill",
    "GET /cameras/{site}": "see_camera",
    "POST /cameras/{site}/{camera}/stills": "see_camera",
    "GET /silences/{site}": "see_silences",
    "POST /silences/{site}": "silence",
    "GET /silences/{site}/{silence_id}": "see_silences",
    "POST /silences/{site}/{silence_id}/actions/end": "silence",
    "POST /silences/{site}/{silence_id}/patrols": "patrol",
    "GET /chatter": "see",
    "GET /coverage": "see",
    "GET /coverage/{site}": "see",
    "GET /bump-tests/{site}": "see",
    "GET /handovers": "hand_over",
    "GET /handovers/draft": "hand_over",
    "POST /handovers": "hand_over",
    "POST /handovers/{handover_id}/actions/take": "hand_over",
    "GET /detections": "see_events",
    "GET /alarm-load": "see_alarm_load",
    "GET /detectors": "see",
    "GET /detectors/{rule}": "see",
    "GET /emergency-orders": "see",
    "POST /emergency-orders": "order_emergency",
    "POST /emergency-orders/{order_id}/actions/{action}": "order_emergency",
    "GET /supervision/schools": "see_supervision",
    "GET /supervision/statistics": "see_supervision",
    "GET /tickets": "see",
    "GET /tickets/{ticket_id}": "see",
    "POST /tickets/{ticket_id}/tests": "test_sensor",
    "GET /loop": "see",
    "GET /danger-kinds": "see",
    "POST /dangers": "report_danger",
    "POST /dangers/{danger_id}/photos": "report_danger",
    "GET /photos/{photo_id}": "see_events",
    "GET /repeat-offenders": "see",
    "GET /guide": "see",
    "PUT /guide/clauses": "import_guide",
    "GET /place-codes": "see_place_codes",
    "GET /place-codes/{site}/{place}/image": "see_place_codes",
    "GET /condition": "see",
    "GET /preview": "preview",
    "GET /events": "see",
    "GET /accounting": "see_accounts_of_readings",
    "GET /clocks": "see_accounts_of_readings",
    "GET /quarantine": "see_quarantine",
    "GET /notices": "see_notices",
    "GET /audit": "see_audit",
    "GET /users": "see_people",
    "GET /rosters": "see_rosters",
    "GET /rosters/{site}": "see_rosters",
    "GET /rosters/{site}/gaps": "see_rosters",
    "GET /rosters/{site}/duty": "see_rosters",
    "PUT /rosters/{site}": "manage_rosters",
    "DELETE /rosters/{site}": "manage_rosters",
    "GET /hazards/{hazard_id}/escalation": "see_escalations",
    "GET /posts": "see_post_counts",
    "GET /posts/{site}": "see_posts",
    "POST /posts/{site}/handovers": "manage_people",
    "GET /training/{site}": "see_posts",
    "PUT /training/{site}/courses/{course}": "manage_training",
    "DELETE /training/{site}/courses/{course}": "manage_training",
    "GET /training/{site}/records": "see_posts",
    "POST /training/{site}/records": "manage_training",
    "GET /training/{site}/list": "see_posts",
    "POST /training/{site}/list": "manage_training",
    "GET /displays": "manage_displays",
    "POST /displays": "manage_displays",
    "DELETE /displays/{display_id}": "manage_displays",
    "POST /users": "manage_people",
    "DELETE /users/{username}": "manage_people",
    "PUT /users/{username}/lock": "manage_people",
    "DELETE /users/{username}/second-factor": "manage_people",
    "POST /quarantine/replay": "replay_quarantine",
    "PUT /sensors/{site}/{sensor}/place": "assign_sensor",
    "POST /sensors/places": "assign_sensor",
    "PUT /sensors/{site}/{sensor}/ignored": "ignore_sensor",
    "POST /hazards/{hazard_id}/actions/{action}": "acknowledge",
    "POST /hazards/{hazard_id}/comments": "comment_hazard",
    "POST /hazards/acknowledgements": "acknowledge",
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


def minimised(actor: Actor) -> bool:
    """Return whether the actor sees counts and dangers of schools, but no event of a single person."""
    return not allowed(actor, "see_events")


def require(actor: Actor, operation: str) -> None:
    """Raise Forbidden unless the actor may apply the operation."""
    if not allowed(actor, operation):
        raise Forbidden(operation)
