"""Routes of rosters: persons on duty, chains, gaps, and the state of an escalation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response

import alerts
from alerts import Forbidden, NotFound
from alerts.escalations import rows
from alerts.rosters.lint import DAYS, gaps
from alerts.rosters.store import ROSTER_ORDER

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SitePath, listed
from .problem import VersionNeeded, problems
from .schemas.rosters import (
    DutyList,
    Escalation,
    GapList,
    Roster,
    RosterList,
    duty_body,
    escalation_body,
    gap_body,
    roster_body,
)
from .versions import WITH_ETAG, IfMatch, mark, version_of

router = APIRouter(tags=["rosters"])
EXAMPLE: dict[str, Any] = {
    "person": [{"id": "wang.fang", "name_zh": "王芳", "account": "wang.fang", "contacts": {"sms": "+8613800000000"}}],
    "post": [{"id": "dorm-duty", "name_zh": "宿舍值班", "deputies": ["wang.fang"]}],
    "shift": [{"post": "dorm-duty", "begin": "19:00", "end": "07:00", "persons": ["wang.fang"], "days": ["school"]}],
    "chain": [{"id": "fire", "grades": ["red"], "kinds": ["fire"], "steps": [{"wait_s": 60, "posts": ["dorm-duty"]}]}],
}


@router.get("/rosters")
def rosters(service: DependenciesIn, actor: ActorIn, page: PageIn) -> RosterList:
    """List the rosters of the caller's sites by site."""
    found = service.dispatch.escalating.rosters.page(actor, page)
    shown, following = listed(found, page, ROSTER_ORDER.cursor)
    return RosterList(items=[roster_body(one) for one in shown], next=following)


@router.get("/rosters/{site}", responses=problems(404) | WITH_ETAG)
def roster(service: DependenciesIn, actor: ActorIn, site: SitePath, response: Response) -> Roster:
    """Return the roster of a site as it was written."""
    found = service.dispatch.escalating.rosters.get(actor, site)
    mark(response, found.version)
    return roster_body(found)


@router.put("/rosters/{site}", responses=problems(404, 412, 428) | WITH_ETAG)
def put(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    response: Response,
    given: Annotated[dict[str, Any], Body(openapi_examples={"roster": {"value": EXAMPLE}})],
    if_match: IfMatch = None,
) -> Roster:
    """Create or replace the roster of a site.

    The tables are those of a roster file: person, post, shift, exception, chain, order. The response names all errors.
    """
    _require_site(service, actor, site)
    kept = service.dispatch.escalating.rosters
    if if_match is None and kept.versions([site]):
        raise VersionNeeded("roster")
    stored = kept.put(actor, site, given, version=version_of(if_match))
    mark(response, stored.version)
    return roster_body(stored)


@router.delete("/rosters/{site}", status_code=204, responses=problems(404, 412, 428))
def remove(service: DependenciesIn, actor: ActorIn, site: SitePath, if_match: IfMatch = None) -> None:
    """Delete the roster of a site; its pages follow the settings again."""
    service.dispatch.escalating.rosters.get(actor, site)
    version = version_of(if_match)
    if version is None:
        raise VersionNeeded("roster")
    service.dispatch.escalating.rosters.remove(actor, site, version=version)


@router.get("/rosters/{site}/gaps", responses=problems(404))
def roster_gaps(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    days: Annotated[float, Query(gt=0, le=60, description="days from now on")] = DAYS,
) -> GapList:
    """List the spans of the coming days in which a step of a chain reaches nobody."""
    duty = _duty(service, actor, site)
    reach = service.dispatch.escalating.started.router.reach
    return GapList(gaps=[gap_body(gap) for gap in gaps(duty, reach, now_ns=service.clock(), days=days)])


@router.get("/rosters/{site}/duty", responses=problems(404))
def on_duty(service: DependenciesIn, actor: ActorIn, site: SitePath) -> DutyList:
    """List the persons on duty now, by post."""
    duty = _duty(service, actor, site)
    now_ns = service.clock()
    return DutyList(posts=[duty_body(duty, post, now_ns) for post in duty.roster.posts.values()])


@router.get("/hazards/{hazard_id}/escalation", responses=problems(404))
def escalation(service: DependenciesIn, actor: ActorIn, hazard_id: str) -> Escalation:
    """Return the escalation of a hazard: its step, the persons paged, and the persons who have seen or acknowledged it.

    404 for a hazard without a page by a roster.
    """
    queries, parts = service.dispatch.queries, service.dispatch.escalating
    hazard = queries.hazard(hazard_id, actor)
    with parts.engine.execution_options(writes=False).connect() as connection:
        one = rows.load(connection, hazard.id)
        duty = parts.started.router.duty(connection, hazard.site)
    if one is None:
        raise NotFound("escalation", hazard_id)
    names = {} if duty is None else {name: person.name for name, person in duty.roster.persons.items()}
    return escalation_body(one, hazard, names, parts.started.clock.now_ns())


def _duty(service: Dependencies, actor: alerts.Actor, site: str) -> Any:
    kept = service.dispatch.escalating.rosters
    kept.get(actor, site)
    found = kept.present(site)
    if found is None:
        raise NotFound("roster", site)
    return found


def _require_site(service: Dependencies, actor: alerts.Actor, site: str) -> None:
    if not actor.sees(site):
        raise NotFound("site", site)
    sites = sorted(one for one in service.dispatch.registry.sites if actor.sees(one))
    if site not in sites:
        raise Forbidden(
            "manage_rosters",
            (f"no site {site!r}; allowed is one of {', '.join(sites)}", f"没有学校“{site}”，可用：{'、'.join(sites)}"),
        )
