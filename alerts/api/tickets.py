"""Routes of tickets and of the closed loop."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response

import alerts
from alerts import Grade, Invalid
from alerts.dangers.kinds import SOURCES
from alerts.dangers.proof import seen
from alerts.orders import TICKET_ORDER
from alerts.people.access import minimised
from alerts.tickets.worklist import found_by, marked, waiting

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, dumped, listed, page_of
from .problem import KeyReused, problems
from .schemas.dangers import danger_facts
from .schemas.tickets import Loop, Ticket, TicketDetail, TicketList, loop_body, ticket_body, ticket_detail
from .versions import mark, required_version

router = APIRouter(tags=["tickets"])
ETAG = {"description": "version of the ticket, for If-Match", "schema": {"type": "string"}}
EXAMPLES: dict[str, Any] = {
    "assign": {"value": {"fixer": "fixer", "note": "check the detector in room 412"}},
    "submit": {"value": {"note": "bin removed, detector cleaned"}},
    "close": {"value": {"reason": "cleaned", "note": "checked on site"}},
    "take": {"value": {}},
}


@router.get("/tickets", response_model=TicketList)
def tickets(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    state: Annotated[str | None, Query(max_length=32, description="only in this state of the closed loop")] = None,
    grade: Annotated[str | None, Query(max_length=16, description="red, orange, yellow or blue")] = None,
    source: Annotated[str | None, Query(max_length=16, description="sensor, inspection, patrol or report")] = None,
    major: Annotated[bool | None, Query(description="only major dangers, or only others")] = None,
    supervised: Annotated[bool | None, Query(description="only under a supervision order, or only others")] = None,
    needs_me: Annotated[bool, Query(description="only those that wait for a role of the caller")] = False,  # noqa: FBT002 - a query parameter
) -> Response:
    """List tickets, the newest first."""
    if source not in {None, *SOURCES}:
        raise Invalid.in_both({"source": (f"one of {', '.join(SOURCES)}", f"须为：{'、'.join(SOURCES)}")})
    states = alerts.loop().states
    if state is not None and state not in states:
        raise Invalid.in_both({"state": (f"one of {', '.join(states)}", f"须为：{'、'.join(states)}")})
    only = [*([waiting(actor)] if needs_me else []), *([found_by(source)] if source else [])]
    only += marked(major=major, supervised=supervised)
    found = service.dispatch.queries.tickets(actor, site=site, state=state, grade=_grade(grade), page=page, only=only)
    rows, following = listed(found, page, TICKET_ORDER.cursor)
    return page_of(bodies(service, actor, rows), following)


@router.get("/tickets/{ticket_id}", responses=problems(404) | {200: {"headers": {"ETag": ETAG}}})
def ticket(service: DependenciesIn, actor: ActorIn, ticket_id: str, response: Response) -> TicketDetail:
    """Return one ticket with its history.

    An action on the ticket requires the ETag of this response in If-Match.
    """
    found = service.dispatch.queries.ticket(ticket_id, actor)
    mark(response, found.version)
    [body] = bodies(service, actor, [found])
    danger = service.dispatch.danger_queries.by_id([found.danger], actor)[found.danger]
    return ticket_detail(
        body,
        service.dispatch.queries.history(found.id),
        service.dispatch.proof(found, actor),
        tests=service.dispatch.sensor_tests.of_ticket(found.id),
        photos=[] if minimised(actor) else service.dispatch.danger_queries.photos(found.danger),
        repeats=service.dispatch.danger_queries.repeats(danger),
    )


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
    moved = service.dispatch.act(ticket_id, action, actor, fields or {}, version=required_version(if_match, "ticket"))
    [ticket] = bodies(service, actor, [moved])
    body, etag = dumped(ticket).decode(), f'"{moved.version}"'
    if idempotency_key:
        replies.keep(actor.username, idempotency_key, digest, body=body, etag=etag)
    return _response(body, etag)


@router.get("/loop")
def loop(actor: ActorIn) -> Loop:
    """Return the closed loop as a table: states, actions, fields and reasons."""
    del actor
    return loop_body()


def bodies(service: Dependencies, actor: alerts.Actor, rows: list[alerts.Ticket]) -> list[Ticket]:
    """Return tickets with their dangers and evidence: some queries, independent of the number of tickets."""
    queries, registry, dangers = service.dispatch.queries, service.dispatch.registry, service.dispatch.danger_queries
    ids = [ticket.danger for ticket in rows]
    known, evidence, clauses = dangers.by_id(ids, actor), dangers.evidence(ids, actor), dangers.clauses()
    shown = [] if minimised(actor) else [hazard.id for hazards in evidence.values() for hazard in hazards]
    found = queries.findings_of(shown, actor)
    people, now_ns = queries.persons(rows, actor), service.dispatch.clock()
    result = []
    for row in rows:
        danger, hazards = known[row.danger], evidence[row.danger]
        actions = alerts.loop().open_to(row, danger, actor, seen(hazards), persons=people, now_ns=now_ns)
        facts = danger_facts(danger, [hazard.id for hazard in hazards], clauses)
        findings = [finding for hazard in hazards for finding in found.get(hazard.id, ())]
        result.append(ticket_body(row, facts, hazards, registry, findings, actions))
    return result


def _response(body: str, etag: str, status: int = 200) -> Response:
    return Response(body, status, headers={"ETag": etag}, media_type="application/json")


def _grade(colour: str | None) -> int | None:
    if colour is None:
        return None
    if colour.upper() not in Grade.__members__:
        raise Invalid.in_both({"grade": ("red, orange, yellow or blue", "须为 red、orange、yellow 或 blue")})
    return int(Grade[colour.upper()])
