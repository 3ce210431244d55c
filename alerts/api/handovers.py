"""Routes of shift handovers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from alerts import format_time
from alerts.handover.handovers import ORDER

from .dependencies import ActorIn, DependenciesIn, PageIn, SiteQuery, listed
from .problem import problems
from .schemas.handovers import Handover, HandoverDraft, HandoverList, handover_body

router = APIRouter(tags=["handovers"])


class HandoverToGive(BaseModel, extra="forbid"):
    """A handover to sign."""

    site: Annotated[str, Field(max_length=64, examples=["school-1"])]
    note: Annotated[str, Field(max_length=1_000, description="free text")] = ""


@router.get("/handovers/draft", responses=problems(404))
def draft(
    service: DependenciesIn, actor: ActorIn, site: Annotated[str, Query(max_length=64, description="one site")]
) -> HandoverDraft:
    """Return the sheet of the present shift: since the last handover, or of 12 h."""
    since_ns, until_ns, sheet = service.dispatch.handovers.draft(actor, site)
    found: Any = sheet
    return HandoverDraft(site=site, since=format_time(since_ns), until=format_time(until_ns), sheet=found)


@router.get("/handovers")
def handovers(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> HandoverList:
    """List signed handovers, the newest first."""
    rows, following = listed(service.dispatch.handovers.list(actor, site=site, page=page), page, ORDER.cursor)
    return HandoverList(items=[handover_body(row) for row in rows], next=following)


@router.post("/handovers", status_code=201, responses=problems(404, 409))
def give(service: DependenciesIn, actor: ActorIn, given: Annotated[HandoverToGive, Body()]) -> Handover:
    """Sign the sheet of the present shift as the account that gives. It does not change afterwards."""
    return handover_body(service.dispatch.handovers.give(actor, given.site, given.note.strip()))


@router.post("/handovers/{handover_id}/actions/take", responses=problems(404, 409))
def take(service: DependenciesIn, actor: ActorIn, handover_id: str) -> Handover:
    """Take the shift over. The person that gave it cannot."""
    return handover_body(service.dispatch.handovers.take(actor, handover_id))
