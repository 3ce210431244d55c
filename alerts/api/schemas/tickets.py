"""Response schemas of tickets and of the closed loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, cast

from pydantic import Field
from typing_extensions import TypedDict

import alerts
from alerts import format_time, parse_time
from alerts.dangers.kinds import danger_kinds
from alerts.dangers.proof import Proof
from alerts.dangers.queries import Photo as StoredPhoto
from alerts.sensor_tests.sensor_tests import SensorTest as StoredTest

from .dangers import Check, DangerFacts, Photo, check_body, photo_body
from .detections import Detection, detection_body
from .entries import Item, Order, item_bodies, missing_items, order_body
from .fields import (
    Body,
    Both,
    Colour,
    Count,
    GradeNumber,
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
from .history import HistoryEntry, history_entry
from .sensor_tests import SensorTest, test_bodies


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


class Proposal(Body):
    """Action that waits for the signature of a second person.

    `fields` is free-form: it holds the fields of the proposed action, and each action has its own.
    """

    action: Annotated[str, Field(examples=["extend"])]
    name: Both
    fields: Annotated[dict[str, Any], Field(examples=[{"due": 1790000000000000000, "note": "part on order"}])]
    by: Username
    at: Time


class Ticket(TypedDict):
    """One ticket with its evidence and the actions open to the caller."""

    id: TicketId
    number: TicketNumber
    hazard: Annotated[str | None, Field(description="hazard that opened it, null for one found by a person")]
    danger: DangerFacts
    site: SiteId
    zone: ZoneId
    place: PlaceId
    place_name: Both
    kind: HazardKind
    grade: Colour
    level: GradeNumber
    major: Annotated[bool, Field(description="major hidden danger (重大隐患)")]
    supervised: Annotated[bool, Field(description="under supervision (挂牌督办)")]
    order: Annotated[Order | None, Field(description="supervision order, null without one")]
    relapses: Count
    state: TicketState
    state_name: Both
    title: Both
    opened_at: Time | None
    due_at: Time | None
    overdue: bool
    take_due_at: Annotated[Time | None, Field(description="latest time to take it over")]
    take_late: Annotated[bool, Field(description="nobody took it over in time")]
    paused_until: Annotated[Time | None, Field(description="planned end of a pause of the deadline")]
    fulfilment: Annotated[list[Item], Field(description="entries of five-fulfil")]
    missing: Annotated[list[str], Field(description="missing items of five-fulfil and of the double report")]
    reported: Annotated[list[Item], Field(description="entries of the double report")]
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
    """One ticket with its history, the oldest entry first. `checks` are the conditions of closing."""

    history: list[HistoryEntry]
    checks: list[Check]
    blind: Annotated[bool, Field(description="a sensor of its evidence is faulty or offline")]
    observed_at: Annotated[Time | None, Field(description="end of the observation, null before the acceptance")]
    photos: list[Photo]
    tests: Annotated[list[SensorTest], Field(description="sensor tests, the oldest first")]
    repeats: Annotated[int, Field(description="earlier dangers of the place and kind", ge=0, examples=[1])]


def ticket_body(
    ticket: alerts.Ticket,
    danger: DangerFacts,
    hazards: Sequence[alerts.Hazard],
    registry: alerts.Registry,
    found: Sequence[alerts.Finding],
    actions: Sequence[alerts.Step],
) -> Ticket:
    """Return a ticket with its evidence and the actions open to the caller."""
    place = registry.place_name(ticket.site, ticket.place)
    return {
        "id": ticket.id,
        "number": ticket.number,
        "hazard": ticket.hazard,
        "danger": danger,
        "site": ticket.site,
        "zone": ticket.zone,
        "place": ticket.place,
        "place_name": both(place),
        "kind": ticket.kind,
        "grade": colour(ticket.grade),
        "level": int(ticket.grade),
        "major": ticket.major,
        "supervised": ticket.supervised,
        "order": order_body(ticket),
        "relapses": ticket.relapses,
        "state": ticket.state,
        "state_name": _state_name(ticket.state),
        "title": _title(both(hazards[-1].text) if hazards else danger["text"], place),
        "opened_at": moment(ticket.opened_ns),
        "due_at": moment(ticket.due_ns),
        "overdue": ticket.overdue,
        "take_due_at": moment(ticket.take_due_ns),
        "take_late": ticket.take_late,
        "paused_until": moment(ticket.paused_until_ns),
        "fulfilment": item_bodies(ticket.fulfilment, "text"),
        "missing": missing_items(ticket),
        "reported": item_bodies(ticket.reported, "note"),
        "fixer": ticket.fixer,
        "acceptor": ticket.acceptor,
        "accepted_at": moment(ticket.accepted_ns),
        "closed_at": moment(ticket.closed_ns),
        "close_reason": ticket.close_reason,
        "overridden": ticket.overridden,
        "proposal": _proposal(ticket.proposal),
        "version": ticket.version,
        "drill": any(hazard.drill for hazard in hazards),
        "proved": not any(hazard.active for hazard in hazards),
        "evidence": [detection_body(finding) for finding in found],
        "actions": [_action(step.action) for step in actions],
    }


def ticket_detail(
    ticket: Ticket,
    history: Sequence[alerts.Event],
    proof: Proof,
    *,
    photos: Sequence[StoredPhoto],
    tests: Sequence[StoredTest],
    repeats: int,
) -> TicketDetail:
    """Return a ticket with its history, the result of each condition of closing, its photos and tests."""
    return {
        **ticket,
        "proved": proof.holds,
        "history": [history_entry(event) for event in history],
        "checks": [check_body(check) for check in proof.checks],
        "blind": proof.blind,
        "observed_at": _observed_at(ticket, proof),
        "photos": [photo_body(photo) for photo in photos],
        "tests": test_bodies(tests),
        "repeats": repeats,
    }


def _observed_at(ticket: Ticket, proof: Proof) -> str | None:
    if ticket["accepted_at"] is None:
        return None
    begin_ns = max(parse_time(ticket["accepted_at"]), proof.cleared_ns or 0)
    return moment(begin_ns + danger_kinds()[ticket["danger"]["kind"]].observing_ns)


@cache
def _state_name(state: str) -> Both:
    return both(alerts.loop().states[state])


def _proposal(proposal: alerts.Proposal | None) -> Proposal | None:
    if proposal is None:
        return None
    name, at = both(alerts.loop().steps[proposal.action].name), format_time(proposal.at_ns)
    return Proposal(action=proposal.action, name=name, fields=dict(proposal.fields), by=proposal.by, at=at)


def _title(text: Both, place: Mapping[str, str]) -> Both:
    """Return the reason of the hazard; the name of its place replaces a missing text."""
    return {"zh": text["zh"] or place["zh"], "en": text["en"] or place["en"]}


def loop_body() -> Loop:
    """Return the closed loop as a table."""
    loop = alerts.loop()
    steps = [LoopStep(**_action_fields(step), origins=sorted(step.origins), to=step.to) for step in loop.steps.values()]
    return Loop(states={name: both(words) for name, words in loop.states.items()}, steps=steps)


@cache
def _action(name: str) -> Action:
    """Return an action of the loop as plain dicts; the tickets of a page share it."""
    return cast("Action", Action(**_action_fields(alerts.loop().steps[name])).model_dump(mode="json", by_alias=True))


def _action_fields(step: alerts.Step) -> dict[str, Any]:
    return {"action": step.action, "name": both(step.name), "fields": [_field(field) for field in step.fields]}


def _field(field: alerts.Field) -> ActionField:
    choices, (kind, _, table) = None, field.type.partition(":")
    if kind == "choice":
        choices = [Choice(value=value, name=both(name)) for value, name in alerts.loop().choices[table].items()]
    return ActionField(name=field.name, type=kind, required=field.required, choices=choices)
