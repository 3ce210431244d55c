"""Routes of the risk register: zones, risk points, approvals, checks of measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, Field

import alerts
from alerts import NotFound
from alerts.database import keyset
from alerts.documents.sources import posts
from alerts.register.records import Entry

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SitePath, listed
from .problem import VersionNeeded, problems
from .risk import raising
from .schemas.register import (
    Approved,
    MeasureState,
    RegisterHistory,
    RegisterPoint,
    RegisterPointDetail,
    RegisterPointList,
    RegisterZoneBody,
    RegisterZoneList,
    change_body,
    measure_body,
    point_fields,
    zone_body,
)
from .versions import WITH_ETAG, IfMatch, mark, version_of

router = APIRouter(tags=["register"])
PointPath = Annotated[str, Path(max_length=64, description="id of the risk point")]
EXAMPLE: dict[str, Any] = {
    "name": {"zh": "3号宿舍", "en": "Dormitory 3"},
    "zone": "dorm-3",
    "kind": "place",
    "hazard": "fire",
    "sources": [
        {"name": {"zh": "私拉电线", "en": "Improvised wiring"}, "event": {"zh": "火灾"}, "accidents": ["fire"]}
    ],
    "inherent": {"method": "ls", "likelihood": 4, "severity": 5},
    "existing": {"method": "ls", "likelihood": 2, "severity": 5},
    "measures": [{"id": "m1", "text": {"zh": "每日巡查"}, "kind": "management", "post": "dorm", "cycle_days": 1}],
}


class ZoneEdit(BaseModel, extra="forbid"):
    """Names and type of a zone."""

    name: Annotated[dict[str, str], Field(examples=[{"zh": "3号宿舍", "en": "Dormitory 3"}])]
    key: Annotated[str, Field(max_length=64, examples=["dormitory"])] = ""


class Approving(BaseModel, extra="forbid"):
    """Versions of the risk points to approve, as the caller has seen them."""

    versions: Annotated[dict[str, int], Field(min_length=1, max_length=5_000, examples=[{"dorm-3-fire": 1}])]


class Checking(BaseModel, extra="forbid"):
    """Result of a check of a control measure."""

    measure: Annotated[str, Field(max_length=120, examples=["m1"])]
    works: bool
    note: Annotated[str, Field(max_length=500, examples=["door closes, seal in order"])] = ""


@router.get("/register/{site}/zones", responses=problems(404))
def zones(service: DependenciesIn, actor: ActorIn, site: SitePath) -> RegisterZoneList:
    """List the zones of a school by number."""
    return RegisterZoneList(items=[zone_body(one) for one in service.dispatch.register.zones(actor, site)])


@router.put("/register/{site}/zones/{zone}", responses=problems(404, 412) | WITH_ETAG)
def put_zone(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    zone: str,
    response: Response,
    given: Annotated[ZoneEdit, Body()],
    if_match: IfMatch = None,
) -> RegisterZoneBody:
    """Create or change a zone."""
    version = version_of(if_match)
    made = service.dispatch.register.put_zone(actor, site, zone, name=given.name, key=given.key, version=version)
    mark(response, made.version)
    return zone_body(made)


@router.get("/register/{site}/points", responses=problems(404))
def points(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SitePath,
    state: Annotated[str | None, Query(max_length=16, description="draft, approved or changed")] = None,
    zone: Annotated[str | None, Query(max_length=64)] = None,
) -> RegisterPointList:
    """List the risk points of a school by number, drafts included."""
    service.dispatch.register.zones(actor, site)
    rows = [
        one
        for one in service.dispatch.register.entries(actor, site)
        if state in {None, one.state} and zone in {None, one.zone}
    ]
    part = keyset.part("register", rows, page, key=lambda one: (one.number, one.id), types=(int, str))
    shown, following = listed(part, page, lambda one: keyset.encode("register", (one.number, one.id)))
    return RegisterPointList(items=_bodies(service, actor, site, shown), next=following)


@router.get("/register/{site}/points/{risk_point}", responses=problems(404) | WITH_ETAG)
def point(
    service: DependenciesIn, actor: ActorIn, site: SitePath, risk_point: PointPath, response: Response
) -> RegisterPointDetail:
    """Return a risk point with its content and the state of its measures."""
    return _detail(service, actor, service.dispatch.register.entry(actor, site, risk_point), response)


@router.put("/register/{site}/points/{risk_point}", responses=problems(404, 412) | WITH_ETAG)
def put(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    risk_point: PointPath,
    response: Response,
    given: Annotated[dict[str, Any], Body(openapi_examples={"point": {"value": EXAMPLE}})],
    if_match: IfMatch = None,
) -> RegisterPointDetail:
    """Create or edit a risk point. The edit waits for its approval; the approved content stays in force."""
    made = service.dispatch.register.put(actor, site, risk_point, given, version=version_of(if_match))
    return _detail(service, actor, made, response)


@router.delete("/register/{site}/points/{risk_point}", status_code=204, responses=problems(404, 412, 428))
def remove(
    service: DependenciesIn, actor: ActorIn, site: SitePath, risk_point: PointPath, if_match: IfMatch = None
) -> None:
    """Remove a risk point; the journal keeps it."""
    service.dispatch.register.entry(actor, site, risk_point)
    version = version_of(if_match)
    if version is None:
        raise VersionNeeded("risk point")
    service.dispatch.register.remove(actor, site, risk_point, version=version)


@router.get("/register/{site}/points/{risk_point}/history", responses=problems(404))
def history(service: DependenciesIn, actor: ActorIn, site: SitePath, risk_point: PointPath) -> RegisterHistory:
    """List the changes of a risk point from the journal, the newest first."""
    found = service.dispatch.register.history(actor, site, risk_point)
    return RegisterHistory(items=[change_body(event) for event in found])


@router.post("/register/{site}/points/{risk_point}/checks", responses=problems(404))
def check(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    risk_point: PointPath,
    response: Response,
    given: Annotated[Checking, Body()],
) -> RegisterPointDetail:
    """Record whether a control measure works; a failed check raises the likelihood."""
    service.dispatch.register.check(actor, site, risk_point, given.measure, works=given.works, note=given.note.strip())
    return _detail(service, actor, service.dispatch.register.entry(actor, site, risk_point), response)


@router.post("/register/{site}/approvals", responses=problems(404, 409, 412))
def approve(service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[Approving, Body()]) -> Approved:
    """Approve the newest edits of risk points, all or none."""
    return Approved(approved=len(service.dispatch.register.approve(actor, site, given.versions)))


def _detail(service: Dependencies, actor: alerts.Actor, entry: Entry, response: Response) -> RegisterPointDetail:
    mark(response, entry.version)
    [states] = _states(service, entry.site, [entry])
    approved = entry.approved.plain() if entry.approved else None
    return RegisterPointDetail(
        **_fields(service, actor, [entry], [states])[0],
        content=entry.content.plain(),
        approved=approved,
        measures=states,
    )


def _bodies(service: Dependencies, actor: alerts.Actor, site: str, entries: Sequence[Entry]) -> list[RegisterPoint]:
    return [RegisterPoint(**fields) for fields in _fields(service, actor, entries, _states(service, site, entries))]


def _fields(
    service: Dependencies,
    actor: alerts.Actor,
    entries: Sequence[Entry],
    states: Sequence[Sequence[MeasureState]],
) -> list[dict[str, Any]]:
    proposals = service.dispatch.live_grades.proposals(entries)
    standing = raising(service, actor, entries)
    printed = service.dispatch.register.printed(entries)
    return [
        point_fields(
            entry, proposals.get(entry.subject), own, printed.get(entry.subject), standing.get(entry.subject, ())
        )
        for entry, own in zip(entries, states, strict=True)
    ]


def _states(service: Dependencies, site: str, entries: Sequence[Entry]) -> list[list[MeasureState]]:
    """Return the states of the measures of each risk point, with the names of their owners."""
    found, owners = (
        service.dispatch.live_grades.statuses(entries),
        posts(service.dispatch.escalating.rosters.present(site)),
    )
    nobody: tuple[Mapping[str, str], list[str]]
    states = []
    for entry in entries:
        rows = []
        for status in found[entry.subject]:
            post = status.measure.post
            nobody = ({"zh": post, "en": post}, [])
            rows.append(measure_body(status, *owners.get(post, nobody)))
        states.append(rows)
    return states


def site_of(service: Dependencies, actor: alerts.Actor, site: str) -> alerts.Site:
    """Return a site in scope. Raises NotFound."""
    if not actor.sees(site):
        raise NotFound("site", site)
    return service.dispatch.registry.site(site)
