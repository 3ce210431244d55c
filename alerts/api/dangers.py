"""Routes of hidden dangers: findings of people, photos, criteria, repeat offenders, codes of places."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from alerts import Grade, NotFound
from alerts.dangers import guide
from alerts.dangers.kinds import danger_kinds
from alerts.dangers.photos import Sent
from alerts.dangers.place_codes import CODE_LENGTH_MAX, qr_svg
from alerts.database import keyset
from alerts.tickets.intake import Found

from .binary import BINARY, JPEG, JPEG_REQUEST
from .campus import seen_sites
from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed, moment_of
from .problem import problems
from .schemas.dangers import (
    DangerKinds,
    Guide,
    NewPhoto,
    Offenders,
    PlaceCode,
    PlaceCodes,
    clause_body,
    kind_body,
    offender_body,
)
from .schemas.fields import Colour, both, names
from .schemas.tickets import Ticket
from .tickets import bodies

router = APIRouter(tags=["dangers"])
YEAR_NS = 365 * 86_400_000_000_000
SVG = "image/svg+xml"


class NewDanger(BaseModel, extra="forbid"):
    """A danger that a person found."""

    site: Annotated[str, Field(max_length=64, examples=["school-1"])]
    place: Annotated[str, Field(max_length=300, examples=["d-101"])]
    kind: Annotated[str, Field(max_length=32, examples=["exit_blocked"])]
    source: Literal["inspection", "patrol", "report"]
    text: Annotated[str, Field(min_length=1, max_length=2_000, examples=["exit barred by desks"])]
    grade: Colour | None = None
    clauses: Annotated[list[str], Field(max_length=20)] = []


class NewClauses(BaseModel, extra="forbid"):
    """Clauses to import; each row has the fields of a clause, and all errors of all rows are reported."""

    clauses: Annotated[list[dict[str, Any]], Field(max_length=guide.CLAUSES_MAX)]


@router.get("/danger-kinds")
def kinds(actor: ActorIn) -> DangerKinds:
    """Return the kinds of hidden dangers with their proof of repair."""
    del actor
    return DangerKinds(items=[kind_body(kind) for kind in danger_kinds().values()])


@router.post("/dangers", status_code=201, responses=problems(404))
def find(service: DependenciesIn, actor: ActorIn, given: Annotated[NewDanger, Body()]) -> Ticket:
    """Add a danger that the caller found; return its ticket.

    An open danger of the same place and kind counts it as found again.
    """
    grade = Grade[given.grade.upper()] if given.grade else None
    found = Found(given.site, given.place, given.kind, given.source, given.text, grade, tuple(given.clauses))
    ticket = service.dispatch.intake.find(actor, found)
    [body] = bodies(service, actor, [ticket])
    return body


@router.post(
    "/dangers/{danger_id}/photos",
    status_code=201,
    responses=problems(404),
    openapi_extra=JPEG_REQUEST,
)
async def add_photo(
    request: Request,
    service: DependenciesIn,
    actor: ActorIn,
    danger_id: str,
    stage: Annotated[str, Query(max_length=16, description="found, fixed or accepted")],
    taken_at: Annotated[str, Query(max_length=40, description="time of the photo, RFC 3339")],
    place: Annotated[str, Query(max_length=300, description="place or position of the device")] = "",
    place_code: Annotated[str, Query(max_length=CODE_LENGTH_MAX, description="code of the scanned QR sign")] = "",
    x_photo_sha256: Annotated[str, Header(max_length=64, description="SHA-256 of the file, hexadecimal")] = "",
) -> NewPhoto:
    """Add a photo (JPEG, PNG or WebP, at most 10 MB). A file that differs from its digest is refused."""
    sent = Sent(await request.body(), stage, moment_of(taken_at, "taken_at"), place, x_photo_sha256)
    return NewPhoto(
        id=await run_in_threadpool(service.dispatch.intake.add_photo, danger_id, actor, sent, code=place_code)
    )


@router.get(
    "/photos/{photo_id}",
    response_class=Response,
    responses=problems(404) | {200: {"content": {JPEG: BINARY}}},
)
def photo(service: DependenciesIn, actor: ActorIn, photo_id: str) -> Response:
    """Return the content of a photo."""
    return Response(service.dispatch.danger_queries.photo(photo_id, actor)[1], media_type=JPEG)


@router.get("/repeat-offenders")
def offenders(service: DependenciesIn, actor: ActorIn, site: SiteQuery = None) -> Offenders:
    """List places with several dangers or relapses of one kind in a year."""
    since_ns = service.clock() - YEAR_NS
    found = service.dispatch.danger_queries.offenders(actor, site=site, since_ns=since_ns)
    return Offenders(items=[offender_body(one, service.dispatch.registry) for one in found])


@router.get("/guide")
def criteria(service: DependenciesIn, actor: ActorIn) -> Guide:
    """Return the criteria of major dangers, each clause with source and day of verification."""
    del actor
    return Guide(items=[clause_body(clause) for clause in service.dispatch.danger_queries.clauses().values()])


@router.put("/guide/clauses")
def import_clauses(service: DependenciesIn, actor: ActorIn, given: Annotated[NewClauses, Body()]) -> Guide:
    """Import clauses that are not shipped, all or none; a clause of the same id is replaced."""
    rows = guide.checked(given.clauses, today=datetime.fromtimestamp(service.clock() / 1e9, UTC).date())
    service.dispatch.intake.import_clauses(actor, rows)
    return criteria(service, actor)


@router.get("/place-codes")
def codes(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> PlaceCodes:
    """List places with the signed code of their report form, by site and id."""
    wanted = set(seen_sites(service, actor, site))
    rows = [place for place in service.dispatch.registry.places.values() if place.site in wanted]
    found = keyset.part("place-codes", rows, page, key=lambda one: (one.site, one.id), types=(str, str))
    shown, following = listed(found, page, lambda one: keyset.encode("place-codes", (one.site, one.id)))
    signed = service.dispatch.place_codes.make_all((one.site, one.id) for one in shown)
    items = [_code(service, one.site, one.id, code) for one, code in zip(shown, signed, strict=True)]
    return PlaceCodes(items=items, next=following)


@router.get(
    "/place-codes/{site}/{place}/image",
    response_class=Response,
    responses=problems(404) | {200: {"content": {SVG: {"schema": {"type": "string"}}}}},
)
def image(request: Request, service: DependenciesIn, actor: ActorIn, site: str, place: str) -> Response:
    """Return the QR code of a place as SVG, with the address under which the caller reaches the service."""
    if not actor.sees(site) or (site, place) not in service.dispatch.registry.places:
        raise NotFound("place", f"{site}/{place}")
    code = service.dispatch.place_codes.make(site, place)
    address = f"{str(request.base_url).rstrip('/')}{_code(service, site, place, code).path}"
    return Response(qr_svg(address), media_type=SVG)


def _code(service: Dependencies, site: str, place: str, code: str) -> PlaceCode:
    registry = service.dispatch.registry
    zone = names(registry.zone_of(site, place))
    name = both(registry.place_name(site, place))
    return PlaceCode(site=site, place=place, name=name, zone_name=zone, code=code, path=f"/#/report/{code}")
