"""Routes of hazards and detections."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

import alerts
from alerts.hazards.comments import COMMENT, COMMENTED, LENGTH_MAX
from alerts.hazards.steps import STEPS
from alerts.orders import FINDING_ORDER, HAZARD_ORDER

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed, page_of
from .problem import problems
from .schemas.detections import DetectionList, detection_body
from .schemas.hazards import HazardDetail, HazardList, hazard_body, hazard_detail
from .schemas.timeline import Acknowledged

router = APIRouter(tags=["hazards"])
GROUP_MAX = 200
"""Hazards of one grouped acknowledgement."""
State = Annotated[Literal["open", "all", "normal"], Query(description="open: requires a person; normal: no longer")]


@router.get("/hazards", response_model=HazardList)
def hazards(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    state: State = "open",
    kind: Annotated[str | None, Query(max_length=64, description="only this kind")] = None,
) -> Response:
    """List hazards. `open` without a kind leaves out those that wait for the safety officer alone.

    Order: active before cleared, unacknowledged before acknowledged, then by grade, then the newest first.
    """
    queries = service.dispatch.queries
    active = {"open": True, "normal": False, "all": None}[state]
    rows, following = listed(
        queries.hazards(actor, site=site, active=active, page=page, kind=kind), page, HAZARD_ORDER.cursor
    )
    ids = [hazard.id for hazard in rows]
    tickets, sensors, predicting = queries.tickets_of(ids), queries.sensors_of(ids, actor), queries.predicting(ids)
    registry, muted = service.dispatch.registry, service.dispatch.discipline.silences.covering(rows)
    items = [
        hazard_body(
            hazard,
            registry,
            tickets.get(hazard.id),
            sensors[hazard.id],
            predicting.get(hazard.id),
            muted.get(hazard.id),
        )
        for hazard in rows
    ]
    return page_of(items, following)


@router.get("/hazards/{hazard_id}", responses=problems(404))
def hazard(service: DependenciesIn, actor: ActorIn, hazard_id: str) -> HazardDetail:
    """Return one hazard with its detections; comments of people only to roles that may write one."""
    return _detail(service, actor, service.dispatch.queries.hazard(hazard_id, actor))


@router.post("/hazards/{hazard_id}/actions/{action}", responses=problems(404, 409))
def act(
    service: DependenciesIn,
    actor: ActorIn,
    hazard_id: str,
    action: Literal["acknowledge", "unacknowledge", "confirm", "call", "evacuate"],
) -> HazardDetail:
    """Acknowledge a hazard, undo the acknowledgement, or record a step of the checklist.

    `confirm`: the danger is real; `call`: the fire line was called; `evacuate`: an evacuation was ordered. A step also
    acknowledges. A repeated acknowledgement changes nothing.
    """
    if action in STEPS:
        found = service.dispatch.step(hazard_id, action, actor)
    else:
        found = service.dispatch.acknowledge(hazard_id, actor, undo=action == "unacknowledge")
    return _detail(service, actor, found)


class HazardComment(BaseModel, extra="forbid"):
    """A comment on a hazard."""

    note: Annotated[str, Field(max_length=LENGTH_MAX, examples=["dust of the works in room 101"])]


@router.post("/hazards/{hazard_id}/comments", status_code=201, responses=problems(404, 409))
def comment(
    service: DependenciesIn, actor: ActorIn, hazard_id: str, given: Annotated[HazardComment, Body()]
) -> HazardDetail:
    """Write a comment on a hazard, open or ended. It is in the timeline, the audit and the evidence pack."""
    return _detail(service, actor, service.dispatch.hazard_comments.add(hazard_id, actor, given.note))


class HazardsToAcknowledge(BaseModel, extra="forbid"):
    """Hazards that a person has seen together."""

    hazards: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(min_length=1, max_length=GROUP_MAX, examples=[["5f0c2d1e9a7b4c3d8e6f1a2b"]]),
    ]


@router.post("/hazards/acknowledgements", responses=problems(404))
def acknowledge_group(
    service: DependenciesIn, actor: ActorIn, given: Annotated[HazardsToAcknowledge, Body()]
) -> Acknowledged:
    """Acknowledge several hazards, all or none."""
    return Acknowledged(acknowledged=len(service.dispatch.acknowledge_all(given.hazards, actor)))


@router.get("/detections", response_model=DetectionList)
def detections(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    hazard_id: Annotated[str | None, Query(max_length=64, description="only of this hazard")] = None,
    sensor: Annotated[str | None, Query(max_length=256, description="only of this sensor")] = None,
    rule: Annotated[str | None, Query(max_length=128, description="only of this rule")] = None,
) -> Response:
    """List detections, the newest first."""
    found = service.dispatch.queries.findings(actor, site=site, hazard=hazard_id, sensor=sensor, rule=rule, page=page)
    rows, following = listed(found, page, FINDING_ORDER.cursor)
    return page_of([detection_body(finding) for finding in rows], following)


def _detail(service: Dependencies, actor: alerts.Actor, hazard: alerts.Hazard) -> HazardDetail:
    queries = service.dispatch.queries
    ticket, found = queries.tickets_of([hazard.id]).get(hazard.id), queries.findings_of([hazard.id], actor)
    history, silences = queries.history(hazard.id), service.dispatch.discipline.silences
    if not alerts.allowed(actor, COMMENT):
        history = [event for event in history if event.kind != COMMENTED]
    muted = silences.covering([hazard]).get(hazard.id)
    return hazard_detail(hazard, service.dispatch.registry, ticket, found[hazard.id], history, muted)
