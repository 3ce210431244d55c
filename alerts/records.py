"""What people deal with: hazards, grades, tickets, notices - each a frozen record, stored and sent as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

Text = Mapping[str, str]
"""The same sentence in both languages: {"zh", "en"}."""


class Grade(IntEnum):
    """The four levels of risk, the gravest first; the number is the one on the map."""

    RED = 1
    ORANGE = 2
    YELLOW = 3
    BLUE = 4

    @property
    def colour(self) -> str:
        """Name of the colour, as it stands in interfaces."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Assessment:
    """One grading: the method and its version, the factors put in, the number and the grade that came out."""

    method: str
    version: str
    inputs: Mapping[str, float]
    value: float
    grade: Grade


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule holds about one sensor inside a hazard; open until the same rule clears it."""

    sensor: str
    metric: str
    rule: str
    late: bool
    level: int
    active: bool
    raised_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Times:
    """The four times of an alarm, ns since 1970 UTC; gateway is 0 when the wire does not tell."""

    event_ns: int
    gateway_ns: int
    arrival_ns: int
    decision_ns: int


@dataclass(frozen=True, slots=True)
class Hazard:
    """Detections of one place and cause, as one thing to deal with.

    cause: family from causes.toml; place: registry id or "unassigned:<sensor>"; level: the highest so far, 0 to 3;
    count: times that it became active; state: unacknowledged, acknowledged (both active), returned, normal (both
    over). Grade goes up at once and never down while it is active. A drill stays a drill.
    """

    id: str
    site: str
    zone: str
    place: str
    place_name: Text
    cause: str
    kind: str
    assessment: Assessment
    level: int
    active: bool
    late: bool
    drill: bool
    opened_ns: int
    updated_ns: int
    times: Times
    text: Text
    clears: Text
    cleared_ns: int | None = None
    acknowledged_by: str | None = None
    acknowledged_ns: int | None = None
    count: int = 1
    findings: tuple[Finding, ...] = ()
    ticket_id: str | None = None
    version: int = 1

    @property
    def grade(self) -> Grade:
        """The grade of its assessment."""
        return self.assessment.grade

    @property
    def state(self) -> str:
        """Its state of ISA-18.2: unacknowledged, acknowledged, returned (over but unseen) or normal."""
        if self.active:
            return "acknowledged" if self.acknowledged_by else "unacknowledged"
        return "normal" if self.acknowledged_by else "returned"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One detection as it is kept with its hazard and ticket; sensor is its id, evidence the detector's own words."""

    id: str
    hazard_id: str
    site: str
    sensor: str
    metric: str
    phase: str
    level: int
    score: float
    rule: str
    detector: str
    kind: str
    first_ns: int
    last_ns: int
    times: Times
    late: bool
    drill: bool
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The five-fulfil of a major danger: who, what, with which funds, until when, and what if it goes wrong."""

    responsibility: str = ""
    measures: str = ""
    funds: str = ""
    time_limit: str = ""
    contingency_plan: str = ""

    @property
    def complete(self) -> bool:
        """True when all five are filled."""
        return all((self.responsibility, self.measures, self.funds, self.time_limit, self.contingency_plan))


@dataclass(frozen=True, slots=True)
class Ticket:
    """A hidden danger on its way round the closed loop. fixers: all who ever were to rectify it, the present one last."""

    id: str
    number: str
    hazard_id: str
    site: str
    zone: str
    place: str
    place_name: Text
    kind: str
    grade: Grade
    state: str
    title: Text
    opened_ns: int
    due_ns: int
    evidence: tuple[Evidence, ...] = ()
    major: bool = False
    plan: Plan = Plan()
    overdue: bool = False
    supervised: bool = False
    fixer: str | None = None
    fixers: tuple[str, ...] = ()
    acceptor: str | None = None
    observing_ns: int | None = None
    closed_ns: int | None = None
    close_reason: str | None = None
    override_by: str | None = None
    merged_into: str | None = None
    relapses: int = 0
    extensions: int = 0
    late: bool = False
    drill: bool = False
    proved: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a ticket's history: who did what when, from which state to which."""

    seq: int
    at_ns: int
    actor: str
    action: str
    from_state: str
    to_state: str
    note: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message on its way out. state: waiting, delivered or failed; channel: name of the configured address.

    id stays the same on every try and is the receiver's key against doubles.
    """

    id: str
    type: str
    site: str
    subject: str
    channel: str
    state: str
    created_ns: int
    attempts: int
    next_ns: int
    error: str = ""
    delivered_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one delivery came to: done, or not and whether another try makes sense."""

    delivered: bool
    retry: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the journal, ns since 1970 UTC; body is what was decided, whole."""

    seq: int
    at_ns: int
    actor: str
    type: str
    subject: str
    site: str
    body: Mapping[str, Any]
    digest: str
