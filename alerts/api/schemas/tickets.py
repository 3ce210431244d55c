"""Response schemas of tickets and of the closed loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

import alerts
from alerts import format_time

from .fields import (
    Body,
    Both,
    Colour,
    Count,
    GradeNumber,
    HazardId,
    HazardKind,
    List,
    PlaceId,
    SiteId,
    TicketId,
    TicketNumber,
    TicketState,
    Time,
    Username,
    Version,
    ZoneId,
    both,
    colour,
    moment,
)
from .hazards import Detection, detection_body

_SAME = (
    *("id", "number", "hazard", "site", "zone", "place", "kind", "major", "supervised", "relapses", "state"),
    *("overdue", "fixer", "acceptor", "close_reason", "overridden", "version"),
)


class Choice(Body):
    """One allowed value of a field."""

    value: Annotated[str, Field(examples=["repaired"])]
    name: Both


class ActionField(Body):
    """One field that an action takes. choices: allowed values, only for a field of type `choice`."""

    name: Annotated[str, Field(examples=["reason"])]
    type: Annotated[str, Field(description="text, time, flag, person, choice or ticket", examples=["choice"])]
    required: bool
    choices: Annotated[list[Choice] | None, Field(exclude_if=lambda value: value is None)] = None


class Action(Body):
    """One action of the closed loop."""

    action: Annotated[str, Field(examples=["close"])]
    name: Both
    fields: list[ActionField]


class LoopStep(Action):
    """One action with its states of origin and its target state."""

    origins: Annotated[list[str], Field(alias="from", examples=[["observing"]])]
    to: Annotated[str | None, Field(examples=["closed"])]


class Loop(Body):
    """The closed loop as a table. states: state -> its name."""

    states: Annotated[dict[str, Both], Field(examples=[{"closed": {"zh": "已销号", "en": "closed"}}])]
    steps: list[LoopStep]


class HistoryEntry(Body):
    """One journal entry of a ticket.

    `fields` is free-form: it holds the fields that the action took, and each action has its own.
    """

    seq: Count
    at: Time | None
    actor: Username
    action: Annotated[str, Field(examples=["close"])]
    name: Both | None
    origin: Annotated[str | None, Field(alias="from", examples=["observing"])]
    to: Annotated[str | None, Field(examples=["closed"])]
    note: Annotated[str | None, Field(examples=["checked on site"])]
    fields: Annotated[dict[str, Any], Field(examples=[{"reason": "repaired", "note": "checked on site"}])]


class Proposal(Body):
    """Action that waits for the signature of a second person.

    `fields` is free-form: it holds the fields of the proposed action, and each action has its own.
    """

    action: Annotated[str, Field(examples=["extend"])]
    name: Both
    fields: Annotated[dict[str, Any], Field(examples=[{"due": 1790000000000000000, "note": "part on order"}])]
    by: Username
    at: Time


class Ticket(Body):
    """One ticket with its evidence and the actions open to the caller."""

    id: TicketId
    number: TicketNumber
    hazard: HazardId
    site: SiteId
    zone: ZoneId
    place: PlaceId
    place_name: Both
    kind: HazardKind
    grade: Colour
    level: GradeNumber
    major: Annotated[bool, Field(description="major hidden danger (重大隐患)")]
    supervised: Annotated[bool, Field(description="under supervision (挂牌督办)")]
    relapses: Count
    state: TicketState
    state_name: Both
    title: Both
    opened_at: Time | None
    due_at: Time | None
    overdue: bool
    fixer: Annotated[str, Field(description="person who rectifies, empty before the assignment", examples=["fixer"])]
    acceptor: Annotated[str, Field(description="person who accepted, empty before", examples=["officer2"])]
    accepted_at: Time | None
    closed_at: Time | None
    close_reason: Annotated[str, Field(description="reason code, empty while open", examples=["repaired"])]
    overridden: Annotated[bool, Field(description="closed without proof by the sensors")]
    proposal: Annotated[Proposal | None, Field(description="waits for `countersign` or `decline`")]
    version: Version
    drill: Annotated[bool, Field(description="from test messages")]
    proved: Annotated[bool, Field(description="the sensors prove the return to normal")]
    evidence: Annotated[list[Detection], Field(description="newest detections, at most 200")]
    actions: Annotated[list[Action], Field(description="actions open to the caller")]


class TicketList(List[Ticket]):
    """One page of tickets."""


class TicketDetail(Ticket):
    """One ticket with its history, the oldest entry first."""

    history: list[HistoryEntry]


def ticket_body(
    ticket: alerts.Ticket,
    hazard: alerts.Hazard,
    registry: alerts.Registry,
    found: Sequence[alerts.Finding],
    actions: Sequence[alerts.Step],
) -> Ticket:
    """Return a ticket with its evidence and the actions open to the caller."""
    return Ticket(**_ticket_fields(ticket, hazard, registry, found, actions))


def ticket_detail(ticket: Ticket, history: Sequence[alerts.Event]) -> TicketDetail:
    """Return a ticket with its history."""
    fields: dict[str, Any] = {name: getattr(ticket, name) for name in Ticket.model_fields}
    return TicketDetail(**fields, history=[_history_entry(event) for event in history])


def _ticket_fields(
    ticket: alerts.Ticket,
    hazard: alerts.Hazard,
    registry: alerts.Registry,
    found: Sequence[alerts.Finding],
    actions: Sequence[alerts.Step],
) -> dict[str, Any]:
    place = registry.place_name(ticket.site, ticket.place)
    return {name: getattr(ticket, name) for name in _SAME} | {
        "place_name": both(place),
        "grade": colour(ticket.grade),
        "level": int(ticket.grade),
        "state_name": both(alerts.loop().states[ticket.state]),
        "title": _title(hazard.text, place),
        "opened_at": moment(ticket.opened_ns),
        "due_at": moment(ticket.due_ns),
        "accepted_at": moment(ticket.accepted_ns),
        "closed_at": moment(ticket.closed_ns),
        "proposal": _proposal(ticket.proposal),
        "drill": hazard.drill,
        "proved": not hazard.active,
        "evidence": [detection_body(finding) for finding in found],
        "actions": [Action(**_action_fields(step)) for step in actions],
    }


def _proposal(proposal: alerts.Proposal | None) -> Proposal | None:
    if proposal is None:
        return None
    name = both(alerts.loop().steps[proposal.action].name)
    at = format_time(proposal.at_ns)
    return Proposal(action=proposal.action, name=name, fields=dict(proposal.fields), by=proposal.by, at=at)


def _title(text: Mapping[str, str], place: Mapping[str, str]) -> Both:
    """Return the reason of the hazard; the name of its place replaces a missing text."""
    return Both(zh=text.get("zh") or place["zh"], en=text.get("en") or place["en"])


def loop_body() -> Loop:
    """Return the closed loop as a table."""
    loop = alerts.loop()
    steps = [LoopStep(**_action_fields(step), origins=sorted(step.origins), to=step.to) for step in loop.steps.values()]
    return Loop(states={name: both(words) for name, words in loop.states.items()}, steps=steps)


def _action_fields(step: alerts.Step) -> dict[str, Any]:
    return {"action": step.action, "name": both(step.name), "fields": [_field(field) for field in step.fields]}


def _field(field: alerts.Field) -> ActionField:
    choices = None
    if field.type == "choice:close":
        choices = [Choice(value=value, name=both(name)) for value, name in alerts.loop().close_reasons.items()]
    return ActionField(name=field.name, type=field.type.partition(":")[0], required=field.required, choices=choices)


def _history_entry(event: alerts.Event) -> HistoryEntry:
    action = event.kind.partition(".")[2]
    step = alerts.loop().steps.get(action)
    fields = event.facts.get("fields", {})
    return HistoryEntry(
        seq=event.seq,
        at=moment(event.at_ns),
        actor=event.actor,
        action=action,
        name=both(step.name) if step else None,
        origin=event.facts.get("from"),
        to=event.facts.get("to"),
        note=fields.get("note"),
        fields=fields,
    )
