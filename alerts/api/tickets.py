"""Tickets on the closed loop."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from alerts import Actor, Grade, Invalid, Page, Ticket, loop

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, listed
from .problem import KeyReused, VersionNeeded
from .schemas import Json, history_json, step_json, ticket_json

router = APIRouter(tags=["tickets"])
EVIDENCE = Page(200)
EXAMPLES: dict[str, Any] = {
    "assign": {"value": {"fixer": "fixer", "note": "look at the detector in 412"}},
    "submit": {"value": {"note": "bin removed, detector cleaned"}},
    "close": {"value": {"reason": "cleaned", "note": "seen on site"}},
    "take": {"value": {}},
}


def shown(service: Dependencies, actor: Actor, ticket: Ticket) -> Json:
    """One ticket as JSON."""
    queries = service.desk.queries
    found = queries.findings(actor, site=None, hazard=ticket.hazard, page=EVIDENCE)
    return ticket_json(ticket, queries.hazard(ticket.hazard, actor), service.desk.registry, actor, found)


@router.get("/tickets")
def tickets(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: Annotated[str | None, Query(max_length=64)] = None,
    state: Annotated[str | None, Query(max_length=32)] = None,
    grade: Annotated[str | None, Query(max_length=16, description="red, orange, yellow or blue")] = None,
) -> Json:
    """Tickets, the newest first."""
    number = None
    if grade is not None:
        if grade.upper() not in Grade.__members__:
            raise Invalid({"grade": "red, orange, yellow or blue"})
        number = int(Grade[grade.upper()])
    if state is not None and state not in loop().states:
        raise Invalid({"state": f"one of {', '.join(loop().states)}"})
    found = service.desk.queries.tickets(actor, site=site, state=state, grade=number, page=page)
    rows, following = listed(found, page)
    return {"items": [shown(service, actor, ticket) for ticket in rows], "next": following}


@router.get("/tickets/{ticket_id}")
def ticket(service: DependenciesIn, actor: ActorIn, ticket_id: str, response: Response) -> Json:
    """One ticket with its history; the ETag is what a change must name in If-Match."""
    found = service.desk.queries.ticket(ticket_id, actor)
    response.headers["ETag"] = f'"{found.version}"'
    history = [history_json(event) for event in service.desk.queries.history(found.id)]
    return shown(service, actor, found) | {"history": history}


@router.post("/tickets/{ticket_id}/actions/{action}", response_model=None)
def act(
    request: Request,
    service: DependenciesIn,
    actor: ActorIn,
    ticket_id: str,
    action: str,
    fields: Annotated[dict[str, Any] | None, Body(openapi_examples=EXAMPLES)] = None,
    if_match: Annotated[str | None, Header(description="the ETag last seen")] = None,
    idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """One step of the closed loop; `/api/v1/loop` lists the steps, a ticket's `actions` those open to you now."""
    seen = json.dumps([request.url.path, fields or {}], sort_keys=True)
    digest = hashlib.sha256(seen.encode()).hexdigest()
    replies = service.desk.replies
    if idempotency_key and (known := replies.find(actor.username, idempotency_key)):
        if known.request != digest:
            raise KeyReused("this Idempotency-Key was used for another request")
        return JSONResponse(json.loads(known.body), known.status, headers={"ETag": known.etag})
    service.desk.queries.ticket(ticket_id, actor)
    if if_match is None:
        raise VersionNeeded("send the ETag of the ticket as If-Match")
    version = if_match.removeprefix("W/").strip('"')
    if not version.isdigit() or len(version) > 9:  # noqa: PLR2004 - digits of a version
        raise Invalid({"If-Match": "the ETag of the ticket"})
    moved = service.desk.act(ticket_id, action, actor, fields or {}, version=int(version))
    told, etag = shown(service, actor, moved), f'"{moved.version}"'
    if idempotency_key:
        replies.keep(actor.username, idempotency_key, digest, body=json.dumps(told), etag=etag)
    return JSONResponse(told, headers={"ETag": etag})


@router.get("/loop")
def table(actor: ActorIn) -> Json:
    """The closed loop as a table: states, steps, fields and reasons."""
    del actor
    steps = [step_json(step) | {"from": sorted(step.origins), "to": step.to} for step in loop().steps.values()]
    return {"states": {name: dict(words) for name, words in loop().states.items()}, "steps": steps}
