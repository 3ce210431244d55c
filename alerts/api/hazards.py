"""Routes of hazards and detections."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

import alerts
from alerts.queries import FINDING_ORDER, HAZARD_ORDER

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed
from .problem import problems
from .schemas.hazards import DetectionList, HazardDetail, HazardList, detection_body, hazard_body, hazard_detail

router = APIRouter(tags=["hazards"])
State = Annotated[Literal["open", "all", "normal"], Query(description="open: requires a person; normal: no longer")]


@router.get("/hazards")
def hazards(
    service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None, state: State = "open"
) -> HazardList:
    """List hazards.

    Order: active before cleared, unacknowledged before acknowledged, then by grade, then the newest first.
    """
    queries = service.dispatch.queries
    active = {"open": True, "normal": False, "all": None}[state]
    rows, following = listed(queries.hazards(actor, site=site, active=active, page=page), page, HAZARD_ORDER.cursor)
    ids = [hazard.id for hazard in rows]
    tickets, sensors = queries.tickets_of(ids), queries.sensors_of(ids, actor)
    registry = service.dispatch.registry
    items = [hazard_body(hazard, registry, tickets.get(hazard.id), sensors[hazard.id]) for hazard in rows]
    return HazardList(items=items, next=following)


@router.get("/hazards/{hazard_id}", responses=problems(404))
def hazard(service: DependenciesIn, actor: ActorIn, hazard_id: str) -> HazardDetail:
    """Return one hazard with its detections."""
    return _detail(service, actor, service.dispatch.queries.hazard(hazard_id, actor))


@router.post("/hazards/{hazard_id}/actions/{action}", responses=problems(404, 409))
def act(
    service: DependenciesIn, actor: ActorIn, hazard_id: str, action: Literal["acknowledge", "unacknowledge"]
) -> HazardDetail:
    """Acknowledge a hazard, or undo the acknowledgement.

    Idempotent: a repeated request changes nothing.
    """
    found = service.dispatch.acknowledge(hazard_id, actor, undo=action == "unacknowledge")
    return _detail(service, actor, found)


@router.get("/detections")
def detections(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    hazard_id: Annotated[str | None, Query(max_length=64, description="only of this hazard")] = None,
    sensor: Annotated[str | None, Query(max_length=256, description="only of this sensor")] = None,
) -> DetectionList:
    """List detections, the newest first."""
    found = service.dispatch.queries.findings(actor, site=site, hazard=hazard_id, sensor=sensor, page=page)
    rows, following = listed(found, page, FINDING_ORDER.cursor)
    return DetectionList(items=[detection_body(finding) for finding in rows], next=following)


def _detail(service: Dependencies, actor: alerts.Actor, hazard: alerts.Hazard) -> HazardDetail:
    queries = service.dispatch.queries
    ticket, found = queries.tickets_of([hazard.id]).get(hazard.id), queries.findings_of([hazard.id], actor)
    return hazard_detail(hazard, service.dispatch.registry, ticket, found[hazard.id])
