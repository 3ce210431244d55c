"""Records of the alert service: findings, hazards, tickets, notices and receipts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .risk.grading import Grade

ID_LENGTH = 24


def identity(*parts: object) -> str:
    """Return an id derived from content; a replay yields the same id."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:ID_LENGTH]


@dataclass(frozen=True, slots=True)
class Finding:
    """One detection in its present state. Times in ns since 1970 UTC.

    timeline: "live" or "late". Late evidence has findings of its own, so it never clears a live one.
    """

    id: str
    hazard: str
    site: str
    sensor: str
    metric: str
    rule: str
    detector: str
    kind: str
    level: int
    active: bool
    first_ns: int
    last_ns: int
    gateway_ns: int
    arrival_ns: int
    decided_ns: int
    recorded_ns: int
    cleared_ns: int | None
    score: float
    late: bool
    drill: bool
    timeline: str
    evidence: Mapping[str, Any]

    @property
    def pages(self) -> bool:
        """Return whether its present level pages by its rule; see `DetectionBatch.pages`."""
        return bool(self.evidence.get("page"))


@dataclass(frozen=True, slots=True)
class Hazard:
    """One incident from one cause at one place, or in several places of one stair.

    grade: of the active findings, it may fall; highest_grade, highest: since `since_ns`, the begin of the present
    alarm; highest: value, unit, metric, sensor, at_ns, {} without a measured value. places: further places.
    paged_grade: highest grade that paged since then, 0 if none did. drill: from test messages.
    """

    id: str
    site: str
    zone: str
    place: str
    cause: str
    kind: str
    grade: Grade
    likelihood: float
    severity: float
    method: str
    active: bool
    late: bool
    drill: bool
    count: int
    opened_ns: int
    updated_ns: int
    cleared_ns: int | None
    gateway_ns: int
    arrival_ns: int
    decided_ns: int
    recorded_ns: int
    acknowledged_by: str | None
    acknowledged_ns: int | None
    text: Mapping[str, str]
    clears: Mapping[str, str]
    since_ns: int
    highest_grade: Grade
    highest: Mapping[str, Any]
    paged_grade: int
    places: tuple[str, ...]
    version: int

    @property
    def state(self) -> Literal["unacknowledged", "acknowledged", "returned", "normal"]:
        """Return the ISA-18.2 state: unacknowledged, acknowledged, returned (cleared, not acknowledged) or normal."""
        if self.active:
            return "acknowledged" if self.acknowledged_by else "unacknowledged"
        return "normal" if self.acknowledged_by else "returned"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Action on a ticket that waits for the signature of a second person.

    by: account that proposed it; operation: operation that the second person needs.
    """

    action: str
    fields: Mapping[str, Any]
    by: str
    operation: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Danger:
    """One hidden danger of a place: a missing or failed control, found by a sensor or a person.

    cause: name in the table of danger kinds; source: sensor, inspection, patrol or report; found_by: account, "" for
    none; reports: times it was found; clauses: rules that make it a candidate major danger; merged_into: the danger of
    which this one is a duplicate. Its evidence are the hazards of the table `danger_hazards`.
    """

    id: str
    site: str
    zone: str
    place: str
    risk_point: str
    cause: str
    source: str
    text: Mapping[str, str]
    found_by: str
    found_ns: int
    reports: int
    clauses: tuple[str, ...]
    merged_into: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """One rectification task in the closed loop. fixers: every account it was ever assigned to.

    hazard: the one that opened it, None for a danger found by a person. fulfilment: item of five-fulfil -> its entry.
    reported: regulator or assembly -> its entry of the double report. take_due_ns: latest time to take it over;
    paused_ns and paused_until_ns: begin and planned end of a pause of its deadline. supervision: state and entries of
    the supervision order, {} without one.
    """

    id: str
    number: str
    danger: str
    hazard: str | None
    site: str
    zone: str
    place: str
    kind: str
    grade: Grade
    major: bool
    state: str
    opened_ns: int
    due_ns: int
    overdue: bool
    supervised: bool
    fulfilled: bool
    relapses: int
    fixer: str
    fixers: tuple[str, ...]
    acceptor: str
    accepted_ns: int | None
    closed_ns: int | None
    close_reason: str
    overridden: bool
    proposal: Proposal | None
    fulfilment: Mapping[str, Any]
    reported: Mapping[str, Any]
    take_due_ns: int | None
    take_late: bool
    paused_ns: int | None
    paused_until_ns: int | None
    supervision: Mapping[str, Any]
    version: int


@dataclass(frozen=True, slots=True)
class EmergencyOrder:
    """An evacuation or lockdown of one zone, "" for the whole site, in force until its all-clear.

    state: active or ended; sound: whether sirens sound; clear_by: account that proposed the all-clear.
    called: {person, name} of the roster whom notices reach; acknowledged: {person, name, via, at_ns} of those who
    have confirmed the receipt. sent_ns: last time at which it was sent to everybody.
    """

    id: str
    site: str
    zone: str
    action: str
    drill: bool
    sound: bool
    note: str
    state: str
    ordered_by: str
    ordered_ns: int
    clear_by: str | None
    ended_by: str | None
    ended_ns: int | None
    called: tuple[Mapping[str, Any], ...]
    acknowledged: tuple[Mapping[str, Any], ...]
    sent_ns: int
    version: int

    @property
    def missing(self) -> tuple[Mapping[str, Any], ...]:
        """Return the called persons who have not confirmed the receipt."""
        done = {one["person"] for one in self.acknowledged}
        return tuple(one for one in self.called if one["person"] not in done)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to people or programs with its delivery state: pending, sent or failed."""

    id: str
    site: str
    hazard: str
    ticket: str
    channel: str
    type: str
    created_ns: int
    body: Mapping[str, Any]
    state: str
    attempts: int
    next_ns: int
    delivered_ns: int | None
    error: str

    @classmethod
    def pending(
        cls,
        notice_id: str,
        *,
        channel: str,
        type: str,  # noqa: A002 - name of the column
        body: Mapping[str, Any],
        at_ns: int,
        about: tuple[str, str, str] = ("", "", ""),
    ) -> Notice:
        """Return a notice that is due at once. about: site, hazard and ticket."""
        site, hazard, ticket = about
        return cls(notice_id, site, hazard, ticket, channel, type, at_ns, body, "pending", 0, at_ns, None, "")


BLOCKED = "blocked by the receiver: "
"""Begin of the error of a notice that waits for the end of a block; its escalation goes on meanwhile."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Result of one delivery attempt. retry: whether another attempt may succeed.

    blocked_s: seconds for which the receiver accepts no message of this sender.
    """

    delivered: bool
    retry: bool = True
    error: str = ""
    blocked_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RuleCount:
    """Detections of one rule: all, decided since a time, active; decision time of the newest one."""

    total: int
    recent: int
    active: int
    last_ns: int
