"""Hazards and the detections behind them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from alerts import Hazard, Page

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, listed
from .schemas import Json, finding_json, hazard_json

router = APIRouter(tags=["hazards"])
EVIDENCE = Page(200)


def shown(service: Dependencies, actor: ActorIn, hazard: Hazard, *, whole: bool = False) -> Json:
    """One hazard as JSON; whole: with its detections."""
    queries = service.desk.queries
    found = queries.findings(actor, site=None, hazard=hazard.id, page=EVIDENCE)
    ticket = queries.tickets_of([hazard.id]).get(hazard.id)
    told = hazard_json(hazard, service.desk.registry, ticket, found)
    return told | {"detections": [finding_json(finding) for finding in found]} if whole else told


@router.get("/hazards")
def hazards(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: Annotated[str | None, Query(max_length=64)] = None,
    state: Annotated[Literal["open", "all", "normal"], Query(description="open: still wants a person")] = "open",
) -> Json:
    """Hazards, those that want a person first."""
    active = {"open": True, "normal": False, "all": None}[state]
    rows, following = listed(service.desk.queries.hazards(actor, site=site, active=active, page=page), page)
    return {"items": [shown(service, actor, hazard) for hazard in rows], "next": following}


@router.get("/hazards/{hazard_id}")
def hazard(service: DependenciesIn, actor: ActorIn, hazard_id: str) -> Json:
    """One hazard with every detection behind it."""
    return shown(service, actor, service.desk.queries.hazard(hazard_id, actor), whole=True)


@router.post("/hazards/{hazard_id}/actions/{action}")
def act(
    service: DependenciesIn, actor: ActorIn, hazard_id: str, action: Literal["acknowledge", "unacknowledge"]
) -> Json:
    """A named person has seen the hazard, or takes that back; doing it twice changes nothing."""
    hazard = service.desk.acknowledge(hazard_id, actor, undo=action == "unacknowledge")
    return shown(service, actor, hazard, whole=True)


@router.get("/detections")
def detections(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: Annotated[str | None, Query(max_length=64)] = None,
    hazard_id: Annotated[str | None, Query(max_length=64)] = None,
    sensor: Annotated[str | None, Query(max_length=256)] = None,
) -> Json:
    """Detections, the newest first."""
    queries = service.desk.queries
    found = queries.findings(actor, site=site, hazard=hazard_id, sensor=sensor, page=page)
    rows, following = listed(found, page)
    return {"items": [finding_json(finding) for finding in rows], "next": following}
