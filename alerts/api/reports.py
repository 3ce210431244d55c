"""Routes of the public report form: no account, no personal data, a receipt with the repair state."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from alerts import NotFound, loop
from alerts.dangers.kinds import danger_kinds, kinds_for_public
from alerts.dangers.place_codes import CODE_LENGTH_MAX
from alerts.tickets.intake import digest

from .binary import JPEG_REQUEST
from .dependencies import Dependencies, DependenciesIn, peer
from .problem import problems
from .schemas.dangers import Receipt, ReportPlace, ReportStatus, kind_body
from .schemas.fields import Both, both, moment, names

router = APIRouter(tags=["reports"])
Code = Annotated[str, Path(max_length=CODE_LENGTH_MAX, description="signed code of a place")]
Number = Annotated[str, Path(max_length=40, description="number of the receipt")]


class NewReport(BaseModel, extra="forbid"):
    """A report of the public."""

    kind: Annotated[str, Field(max_length=32, examples=["exit_blocked"])]
    text: Annotated[str, Field(min_length=1, max_length=500, examples=["the exit is locked"])]


@router.get("/report-places/{code}", responses=problems(404))
def place(service: DependenciesIn, code: Code) -> ReportPlace:
    """Return the place of a code and the kinds of danger to choose from."""
    site, place_id = _place(service, code)
    registry = service.dispatch.registry
    return ReportPlace(
        site_name=names(registry.site(site)),
        place_name=both(registry.place_name(site, place_id)),
        kinds=[kind_body(kind) for kind in kinds_for_public().values()],
    )


@router.post("/report-places/{code}/reports", status_code=201, responses=problems(404, 429))
def report(request: Request, service: DependenciesIn, code: Code, given: Annotated[NewReport, Body()]) -> Receipt:
    """Add a report of a danger at the place of the code; return the number of its receipt."""
    site, place_id = _place(service, code)
    number = service.dispatch.intake.report(site, place_id, given.kind, given.text, address=peer(request))
    return Receipt(receipt=number)


@router.put(
    "/reports/{receipt}/photo",
    status_code=204,
    responses=problems(404, 429),
    openapi_extra=JPEG_REQUEST,
)
async def add_photo(request: Request, service: DependenciesIn, receipt: Number) -> None:
    """Add a photo to a report within an hour: JPEG, PNG or WebP, at most 10 MB. Its metadata is dropped."""
    content, address = await request.body(), peer(request)
    await run_in_threadpool(service.dispatch.intake.add_public_photo, receipt, content, address=address)


@router.get("/reports/{receipt}", responses=problems(404))
def status(service: DependenciesIn, receipt: Number) -> ReportStatus:
    """Return the state of the repair for the holder of a receipt."""
    found = service.dispatch.danger_queries.receipt(digest(receipt))
    if found is None:
        raise NotFound("receipt", "")
    danger, ticket = found
    kind = danger_kinds()[danger.cause]
    return ReportStatus(
        place_name=both(service.dispatch.registry.place_name(danger.site, danger.place)),
        kind_name=Both(zh=kind.zh, en=kind.en),
        state=ticket.state,
        state_name=both(loop().states[ticket.state]),
        reported_at=moment(danger.found_ns),
        due_at=moment(ticket.due_ns),
        closed_at=moment(ticket.closed_ns),
        repaired=ticket.state == "closed",
    )


def _place(service: Dependencies, code: str) -> tuple[str, str]:
    found = service.dispatch.place_codes.read(code)
    if found is None or found not in service.dispatch.registry.places:
        raise NotFound("place", "")
    return found
