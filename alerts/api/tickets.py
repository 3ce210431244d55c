"""Routes of tickets and of the closed loop."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response

import alerts
from alerts import Grade, Invalid
from alerts.queries import TICKET_ORDER

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed
from .problem import KeyReused, VersionNeeded, problems
from .schemas.tickets import Loop, Ticket, TicketDetail, TicketList, loop_body, ticket_body, ticket_detail

router = APIRouter(tags=["tickets"])
VERSION_DIGITS_MAX = 9
ETAG = {"description": "version of the ticket, for If-Match", "schema": {"type": "string"}}
EXAMPLES: dict[str, Any] = {
    "assign": {"value": {"fixer": "fixer", "note": "check the detector in room 412"}},
    "submit": {"value": {"note": "bin removed, detector cleaned"}},
    "close": {"value": {"reason": "cleaned", "note": "checked on site"}},
    "take": {"value": {}},
}


@router.get("/tickets")
def tickets(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    state: Annotated[str | None, Query(max_length=32, description="only in this state of the closed loop")] = None,
    grade: Annotated[str | None, Query(max_length=16, description="red, orange, yellow or blue")] = None,
) -> TicketList:
    """List tickets, the newest first."""
    if state is not None and state not in alerts.loop().states:
        raise Invalid({"state": f"one of {', '.join(alerts.loop().states)}"})
    found = service.dispatch.queries.tickets(actor, site=site, state=state, grade=_grade(grade), page=page)
    rows, following = listed(found, page, TICKET_ORDER.cursor)
    return TicketList(items=_bodies(service, actor, rows), next=following)


@router.get("/tickets/{ticket_id}", responses=problems(404) | {200: {"headers": {"ETag": ETAG}}})
def ticket(service: DependenciesIn, actor: ActorIn, ticket_id: str, response: Response) -> TicketDetail:
    """Return one ticket with its history.

    An action on the ticket requires the ETag of this response in If-Match.
    """
    found = service.dispatch.queries.ticket(ticket_id, actor)
    response.headers["ETag"] = f'"{found.version}"'
    [body] = _bodies(service, actor, [found])
    return ticket_detail(body, service.dispatch.queries.history(found.id))


@router.post(
    "/tickets/{ticket_id}/actions/{action}",
    response_model=None,
    responses=problems(404, 409, 412, 428) | {200: {"model": Ticket, "headers": {"ETag": ETAG}}},
)
def act(
    request: Request,
    service: DependenciesIn,
    actor: ActorIn,
    ticket_id: str,
    action: str,
    fields: Annotated[dict[str, Any] | None, Body(openapi_examples=EXAMPLES)] = None,
    if_match: Annotated[str | None, Header(description="ETag of the ticket")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=128, description="key of a repeatable request")] = None,
) -> Response:
    """Apply one action of the closed loop to a ticket.

    `/api/v1/loop` lists the actions and their fields; `actions` of a ticket lists those open to the caller.
    """
    content = json.dumps([request.url.path, fields or {}], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    replies = service.dispatch.idempotency_keys
    if idempotency_key and (known := replies.find(actor.username, idempotency_key)):
        if known.request != digest:
            raise KeyReused("this Idempotency-Key belongs to another request")
        return _response(known.body, known.etag, known.status)
    service.dispatch.queries.ticket(ticket_id, actor)
    moved = service.dispatch.act(ticket_id, action, actor, fields or {}, version=_version(if_match))
    [ticket] = _bodies(service, actor, [moved])
    body, etag = ticket.model_dump_json(by_alias=True), f'"{moved.version}"'
    if idempotency_key:
        replies.keep(actor.username, idempotency_key, digest, body=body, etag=etag)
    return _response(body, etag)


@router.get("/loop")
def loop(actor: ActorIn) -> Loop:
    """Return the closed loop as a table: states, actions, fields and reasons."""
    del actor
    return loop_body()


def _bodies(service: Dependencies, actor: alerts.Actor, rows: list[alerts.Ticket]) -> list[Ticket]:
    """Return tickets with their hazards and evidence: three queries, independent of the number of tickets."""
    queries, registry = service.dispatch.queries, service.dispatch.registry
    ids = [ticket.hazard for ticket in rows]
    hazards, found = queries.hazards_by_id(ids, actor), queries.findings_of(ids, actor)
    known, now_ns = queries.persons(rows, actor), service.dispatch.clock()
    bodies = []
    for row in rows:
        hazard = hazards[row.hazard]
        actions = alerts.loop().open_to(row, actor, hazard, persons=known, now_ns=now_ns)
        bodies.append(ticket_body(row, hazard, registry, found[row.hazard], actions))
    return bodies


def _response(body: str, etag: str, status: int = 200) -> Response:
    return Response(body, status, headers={"ETag": etag}, media_type="application/json")


def _grade(colour: str | None) -> int | None:
    if colour is None:
        return None
    if colour.upper() not in Grade.__members__:
        raise Invalid({"grade": "red, orange, yellow or blue"})
    return int(Grade[colour.upper()])


def _version(if_match: str | None) -> int:
    """Return the version in an If-Match header. Raises VersionNeeded without one, Invalid for another value."""
    if if_match is None:
        raise VersionNeeded("the header If-Match with the ETag of the ticket is missing")
    version = if_match.removeprefix("W/").strip('"')
    if not version.isdigit() or len(version) > VERSION_DIGITS_MAX:
        raise Invalid({"If-Match": "the ETag of the ticket"})
    return int(version)
