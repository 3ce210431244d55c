"""Routes of inspections: kinds, route, list, sheet, entries, photos, plans, tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from alerts.dangers.photos import Sent as SentPhoto
from alerts.documents.sources import posts
from alerts.inspections.kinds import inspection_kinds
from alerts.inspections.pages import INSPECTION_ORDER, listed_page
from alerts.inspections.plans import Plan
from alerts.inspections.sheet import Inspection, Stored, folded
from alerts.inspections.store import Wanted, new_inspection
from alerts.inspections.validation import Sent

from .binary import JPEG_REQUEST
from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SitePath, SiteQuery, listed, moment_of
from .inspection_proofs import SensorProofs
from .problem import problems
from .schemas.dangers import NewPhoto
from .schemas.fields import moment
from .schemas.inspection_plans import (
    DueKind,
    DueKinds,
    InspectionKindList,
    PlaceTag,
    PlaceTags,
    PlanBody,
    PlanList,
    kind_body,
    plan_body,
)
from .schemas.inspections import (
    InspectionBody,
    InspectionList,
    InspectionSheet,
    Outcomes,
    RoutePreview,
    fields_of,
    outcome_body,
    preview_body,
    stops_of,
)
from .versions import WITH_ETAG, IfMatch, mark, version_of

router = APIRouter(tags=["inspections"])
InspectionPath = Annotated[str, Path(max_length=64, description="inspection id")]
ZonesQuery = Annotated[str, Query(max_length=2_000, description="ids of zones, separated by commas; none for all")]
ENTRIES_MAX = 200


class NewInspection(BaseModel, extra="forbid"):
    """An inspection to make. id: of the client; the same id again returns the same inspection."""

    id: Annotated[str, Field(max_length=64, examples=["weekly-2026-49"])]
    kind: Annotated[str, Field(max_length=32, examples=["weekly"])]
    zones: Annotated[list[str], Field(max_length=200, examples=[[]])] = []
    post: Annotated[str, Field(max_length=64, examples=["safety-officer"])] = ""
    begin: Annotated[str | None, Field(max_length=40, description="null: the present time")] = None
    end: Annotated[str | None, Field(max_length=40, description="null for the window of the kind")] = None


class NewEntry(BaseModel, extra="forbid"):
    """An entry of a phone: start, check_in, item or end."""

    id: Annotated[str, Field(max_length=64, description="unique, of the client", examples=["6f1c9d4e-1"])]
    type: Annotated[str, Field(max_length=16, examples=["item"])]
    at: Annotated[str, Field(max_length=64, description="device time", examples=["2026-11-30T10:02:11.120+08:00"])]
    stop: Annotated[str, Field(max_length=16, examples=["s1"])] = ""
    item: Annotated[str, Field(max_length=160, examples=["m1.0"])] = ""
    result: Annotated[str, Field(max_length=16, description="ok, not_ok, not_applicable", examples=["ok"])] = ""
    note: Annotated[str, Field(max_length=2_000, examples=["seal in order"])] = ""
    kind: Annotated[str, Field(max_length=32, description="kind of danger; empty: the usual one")] = ""
    place: Annotated[str, Field(max_length=300, description="place of a danger; empty: of the stop")] = ""
    code: Annotated[str, Field(max_length=1_000, description="text of the QR sign")] = ""
    tag: Annotated[str, Field(max_length=128, description="id of the NFC tag")] = ""


class NewEntries(BaseModel, extra="forbid"):
    """Entries to store; their order has no effect."""

    entries: Annotated[list[NewEntry], Field(min_length=1, max_length=ENTRIES_MAX)]


class PlanEdit(BaseModel, extra="forbid"):
    """A plan of repeated inspections."""

    kind: Annotated[str, Field(max_length=32, examples=["guard_round"])]
    name: Annotated[dict[str, str], Field(examples=[{"zh": "重点部位巡逻", "en": "Key places"}])]
    begins: Annotated[list[str], Field(examples=[["06:30", "10:00", "14:00", "18:30", "22:00"]])]
    post: Annotated[str, Field(max_length=64, examples=["guard"])] = ""
    zones: Annotated[list[str], Field(max_length=200, examples=[[]])] = []
    places: Annotated[list[str], Field(max_length=200, examples=[[]])] = []
    days: Annotated[list[str], Field(max_length=10, examples=[["all"]])] = ["all"]
    window_min: Annotated[int, Field(examples=[60])] = 60
    active: bool = True


class TagEdit(BaseModel, extra="forbid"):
    """Place of an NFC tag; empty to remove it."""

    place: Annotated[str, Field(max_length=300, examples=["d-101"])]


@router.get("/inspection-kinds")
def kinds(actor: ActorIn) -> InspectionKindList:
    """List the kinds of inspections with their cycles."""
    del actor
    return InspectionKindList(items=[kind_body(one) for one in inspection_kinds().values()])


@router.get("/inspections")
def inspections(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    state: Annotated[str | None, Query(max_length=16, description="planned, running, done or missed")] = None,
    kind: Annotated[str | None, Query(max_length=32)] = None,
) -> InspectionList:
    """List inspections and guard rounds, the newest window first. Proofs count in the sheet alone."""
    found = listed_page(service.dispatch.engine, actor, page, site=site, state=state, kind=kind)
    shown, following = listed(found, page, INSPECTION_ORDER.cursor)
    return InspectionList(
        items=_bodies(service, service.dispatch.inspections.store.sheets(actor, shown)), next=following
    )


@router.get("/inspections/{site}/route", responses=problems(404))
def route(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    kind: Annotated[str, Query(max_length=32, examples=["weekly"])],
    zones: ZonesQuery = "",
) -> RoutePreview:
    """Return the route that an inspection of this kind would have now, with the items that sensors prove."""
    wanted = [one for one in zones.split(",") if one]
    found = service.dispatch.inspections.store.route(actor, site, kind, wanted)
    now_ns = service.clock()
    made = new_inspection(site, "", inspection_kinds()[kind], found, created_by="", created_ns=now_ns)
    states = folded(made, [], SensorProofs(service).of(made))
    return preview_body(kind, found, states, service.dispatch.registry, site)


@router.get("/inspections/{site}/due", responses=problems(404))
def due(service: DependenciesIn, actor: ActorIn, site: SitePath) -> DueKinds:
    """List the kinds of inspections whose cycle has ended since the last one."""
    found = service.dispatch.inspections.store.due(actor, site)
    return DueKinds(items=[DueKind(kind=one.name, name=kind_body(one).name, last=moment(at)) for one, at in found])


@router.post("/inspections/{site}", status_code=201, responses=problems(404, 409))
def create(
    service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[NewInspection, Body()]
) -> InspectionSheet:
    """Make an inspection with the route of now. The route and its items stay as they are."""
    begin_ns = moment_of(given.begin, "begin") if given.begin else None
    end_ns = moment_of(given.end, "end") if given.end else None
    wanted = Wanted(given.id, given.kind, tuple(given.zones), given.post, begin_ns, end_ns)
    store = service.dispatch.inspections.store
    made = store.create(actor, site, wanted)
    return _sheet(service, *store.sheet(actor, site, made.id))


@router.get("/inspections/{site}/{inspection_id}", responses=problems(404))
def sheet(service: DependenciesIn, actor: ActorIn, site: SitePath, inspection_id: InspectionPath) -> InspectionSheet:
    """Return the sheet of an inspection; items that a sensor proves now are marked with the reading."""
    return _sheet(service, *service.dispatch.inspections.store.sheet(actor, site, inspection_id))


@router.post("/inspections/{site}/{inspection_id}/entries", responses=problems(404))
def enter(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    inspection_id: InspectionPath,
    given: Annotated[NewEntries, Body()],
) -> Outcomes:
    """Store ticks, check-ins and the end of an inspection; a repeated entry changes nothing.

    An item that is not in order becomes a hidden danger. A wrong entry is refused alone, with its reason.
    """
    sent = [Sent(**one.model_dump()) for one in given.entries]
    parts = service.dispatch.inspections
    outcomes, _ = parts.entries.submit(actor, site, inspection_id, sent, SensorProofs(service).of)
    shown = _sheet(service, *parts.store.sheet(actor, site, inspection_id))
    return Outcomes(outcomes=[outcome_body(one) for one in outcomes], inspection=shown)


@router.put(
    "/inspections/{site}/{inspection_id}/entries/{entry_id}/photo",
    status_code=201,
    responses=problems(404),
    openapi_extra=JPEG_REQUEST,
)
async def add_photo(
    request: Request,
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    inspection_id: InspectionPath,
    entry_id: Annotated[str, Path(max_length=64)],
    taken_at: Annotated[str, Query(max_length=40, description="time of the photo, RFC 3339")],
    x_photo_sha256: Annotated[str, Header(max_length=64, description="SHA-256 of the file, hexadecimal")] = "",
) -> NewPhoto:
    """Add a photo to a tick; the photo of a danger is shown with the danger too. The same file is stored once."""
    sent = SentPhoto(await request.body(), "found", moment_of(taken_at, "taken_at"), sha256=x_photo_sha256)
    add = service.dispatch.inspections.entries.add_photo
    return NewPhoto(id=await run_in_threadpool(add, actor, site, inspection_id, entry_id, sent))


@router.get("/inspection-plans/{site}", responses=problems(404))
def plans(service: DependenciesIn, actor: ActorIn, site: SitePath) -> PlanList:
    """List the plans of repeated inspections and guard rounds of a site."""
    return PlanList(items=[plan_body(one) for one in service.dispatch.inspections.plans.of_site(actor, site)])


@router.put("/inspection-plans/{site}/{plan}", responses=problems(404, 412) | WITH_ETAG)
def put_plan(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    plan: Annotated[str, Path(max_length=64)],
    response: Response,
    given: Annotated[PlanEdit, Body()],
    if_match: IfMatch = None,
) -> PlanBody:
    """Create or change a plan; the service makes its inspections a day ahead."""
    wanted = Plan(site=site, id=plan, **given.model_dump())
    made = service.dispatch.inspections.plans.put(actor, wanted, version=version_of(if_match))
    mark(response, made.version)
    return plan_body(made)


@router.get("/place-tags/{site}", responses=problems(404))
def tags(service: DependenciesIn, actor: ActorIn, site: SitePath) -> PlaceTags:
    """List the NFC tags of a site with their places."""
    found = service.dispatch.inspections.plans.tags(actor, site)
    return PlaceTags(items=[PlaceTag(tag=tag, place=place) for tag, place in found.items()])


@router.put("/place-tags/{site}/{tag}", responses=problems(404))
def put_tag(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    tag: Annotated[str, Path(max_length=128)],
    given: Annotated[TagEdit, Body()],
) -> PlaceTags:
    """Set the place of an NFC tag, or remove the tag."""
    service.dispatch.inspections.plans.put_tag(actor, site, tag, given.place)
    return tags(service, actor, site)


def _bodies(service: Dependencies, rows: Sequence[tuple[Inspection, list[Stored]]]) -> list[InspectionBody]:
    sites = {one.site for one, _ in rows}
    duties = service.dispatch.escalating.rosters.present_at(sites)
    owners = {site: posts(duties.get(site)) for site in sites}
    found = []
    for one, entries in rows:
        post = owners[one.site].get(one.post, ({"zh": one.post, "en": one.post}, []))
        found.append(InspectionBody(**fields_of(one, folded(one, entries, {}), post)))
    return found


def _sheet(service: Dependencies, one: Inspection, entries: list[Stored]) -> InspectionSheet:
    states = folded(one, entries, SensorProofs(service).of(one))
    post = posts(service.dispatch.escalating.rosters.present(one.site)).get(
        one.post, ({"zh": one.post, "en": one.post}, [])
    )
    stops = stops_of(states, service.dispatch.registry, one.site)
    return InspectionSheet(**fields_of(one, states, post), stops=stops)
