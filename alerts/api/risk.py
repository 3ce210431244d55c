"""Routes of graded risk points: live grades, decisions, four-colour map, roll-up, methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

import alerts
from alerts import Grade, Invalid, methods
from alerts.database import keyset
from alerts.hazards.open_grades import open_grades
from alerts.hazards.provisional import Provisional
from alerts.register import course
from alerts.register.live import raises
from alerts.register.pages import POINT_ORDER, approved_page
from alerts.register.records import Entry

from .campus import by_zone, seen_sites
from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed, moment_of
from .problem import problems
from .schemas.campus import MapPoint, RiskMap, RiskPoint, RiskPointList, ZoneGrade
from .schemas.fields import Colour, both, colour, moment, worst
from .schemas.risk import MethodList, SiteRisk, SiteRiskList, method_body, provisional_body

router = APIRouter(tags=["risk"])


class Deciding(BaseModel, extra="forbid"):
    """Decision on a provisional grade. grade: the one shown, so that a changed grade is not confirmed."""

    decision: Literal["confirm", "reject"]
    grade: Colour
    reason: Annotated[str, Field(min_length=1, max_length=500, examples=["stove checked, cause known"])]


@router.get("/risk-points")
def risk_points(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> RiskPointList:
    """List approved risk points with approved grade and live grade, by site and id."""
    found = approved_page(service.dispatch.engine, actor, site, page)
    shown, following = listed(found, page, POINT_ORDER.cursor)
    return RiskPointList(items=_points(service, actor, shown), next=following)


@router.put("/risk-points/{site}/{risk_point}/provisional-grade", responses=problems(404, 409))
def decide(
    service: DependenciesIn, actor: ActorIn, site: str, risk_point: str, given: Annotated[Deciding, Body()]
) -> RiskPoint:
    """Confirm or reject the provisional grade of a risk point, with a reason."""
    service.dispatch.live_grades.decide(
        actor, site, risk_point, decision=given.decision, colour=given.grade, reason=given.reason.strip()
    )
    return _points(service, actor, [service.dispatch.register.entry(actor, site, risk_point)])[0]


@router.get("/risk-map")
def risk_map(
    service: DependenciesIn,
    actor: ActorIn,
    site: SiteQuery = None,
    at: Annotated[str | None, Query(max_length=40, description="past time, RFC 3339 or epoch ms")] = None,
) -> RiskMap:
    """Return the four-colour map, now or at a past time, with the grades that the register had then."""
    at_ns = None if at is None else moment_of(at, "at")
    standing = by_zone(service.dispatch.queries.open_hazards(actor, site=site, at_ns=at_ns))
    wanted = set(seen_sites(service, actor, site))
    if at_ns is None:
        points = [_map_point(one) for one in _points(service, actor, _entries(service, actor, site))]
    else:
        past = course.as_of(service.dispatch.engine, wanted, at_ns)
        known = {one.subject: one for one in _entries(service, actor, site)}
        points = [_past_point(one, known.get(f"{one.site}/{one.id}"), standing) for one in past]
    shown: dict[tuple[str, str], list[MapPoint]] = {}
    for point in points:
        shown.setdefault((point.site, point.zone), []).append(point)
    zones = [
        ZoneGrade(
            site=zone.site,
            id=zone.id,
            grade=_zone_grade(shown.get((zone.site, zone.id), ()), standing.get((zone.site, zone.id), ())),
        )
        for zone in list(service.dispatch.registry.zones.values())
        if zone.site in wanted
    ]
    return RiskMap(at=moment(at_ns or service.clock()), points=points, zones=zones)


@router.get("/risk-rollup")
def risk_rollup(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    district: Annotated[str | None, Query(max_length=64, description="only schools of this district")] = None,
) -> SiteRiskList:
    """List the schools in scope with the numbers of risk points by live grade and of open hazards, by site."""
    registry = service.dispatch.registry
    sites = [
        name
        for name in seen_sites(service, actor, None)
        if district is None or registry.site(name).district == district
    ]
    part = keyset.part("risk-rollup", sites, page, key=lambda name: (name,), types=(str,))
    shown, following = listed(part, page, lambda name: keyset.encode("risk-rollup", (name,)))
    found = course.counts(service.dispatch.engine, shown)
    standing = open_grades(service.dispatch.engine, actor, shown)
    items = [_site_risk(registry.site(name), found.get(name), standing.get(name, {})) for name in shown]
    return SiteRiskList(items=items, next=following)


@router.get("/risk-methods")
def risk_methods() -> MethodList:
    """List the grading methods with factors, bands and words."""
    return MethodList(items=[method_body(one) for _, one in sorted(methods().items())])


def _entries(service: Dependencies, actor: alerts.Actor, site: str | None) -> list[Entry]:
    return [one for one in service.dispatch.register.entries(actor, site) if one.approved is not None]


def _points(service: Dependencies, actor: alerts.Actor, entries: Sequence[Entry]) -> list[RiskPoint]:
    """Return approved risk points with their present grades."""
    standing = raising(service, actor, entries)
    proposals = service.dispatch.live_grades.proposals(entries)
    return [
        _point(entry, point, standing[entry.subject], proposals.get(entry.subject))
        for entry in entries
        if (point := entry.point()) is not None
    ]


def raising(
    service: Dependencies, actor: alerts.Actor, entries: Sequence[Entry]
) -> Mapping[str, Sequence[alerts.Hazard]]:
    """Return the open hazards that raise each approved risk point, by its subject; drafts are missing."""
    sites = {one.site for one in entries}
    standing = by_zone(service.dispatch.queries.open_hazards(actor, site=None, at_ns=None, sites=sites))
    return {
        entry.subject: [one for one in standing.get((point.site, point.zone), ()) if raises(point, one)]
        for entry in entries
        if (point := entry.point()) is not None
    }


def _point(
    entry: Entry, point: alerts.RiskPoint, live: Sequence[alerts.Hazard], raised: Provisional | None
) -> RiskPoint:
    floor = entry.existing or approved(point)
    confirmed = [raised.confirmed] if raised and raised.confirmed else []
    return RiskPoint(
        risk_point=point.id,
        id=point.id,
        site=point.site,
        zone=point.zone,
        place=point.place,
        name=both({"zh": point.name_zh, "en": point.name_en}),
        hazard=point.hazard,
        method=point.method,
        likelihood=point.likelihood,
        severity=point.severity,
        measures=list(point.measures),
        approved_grade=colour(floor),
        inherent_grade=None if entry.inherent is None else colour(entry.inherent),
        grade=worst([int(floor), *(hazard.grade for hazard in live), *confirmed]),
        provisional=provisional_body(raised) if raised else None,
        reasons=[hazard.id for hazard in live if hazard.grade < floor],
    )


def approved(point: alerts.RiskPoint) -> Grade:
    """Return the approved grade of a risk point; blue if its factors do not belong to its method."""
    method = methods().get(point.method)
    inputs = {"likelihood": point.likelihood, "severity": point.severity, "exposure": point.exposure}
    try:
        return method.assess(**inputs).grade if method else Grade.BLUE
    except Invalid:
        return Grade.BLUE


def _map_point(point: RiskPoint) -> MapPoint:
    shared = ("site", "id", "zone", "place", "name", "approved_grade", "grade", "provisional", "reasons")
    return MapPoint(**{name: getattr(point, name) for name in shared})


def _past_point(
    past: course.PastPoint, known: Entry | None, standing: Mapping[tuple[str, str], Sequence[alerts.Hazard]]
) -> MapPoint:
    point = known.point() if known else None
    near = standing.get((point.site, point.zone), ()) if point else ()
    live = [one for one in near if point is not None and raises(point, one)]
    return MapPoint(
        site=past.site,
        id=past.id,
        zone=past.zone,
        place=point.place if point else "",
        name=both(past.name),
        approved_grade=colour(past.existing),
        grade=worst([int(past.grade), *(hazard.grade for hazard in live)]),
        provisional=None,
        reasons=[hazard.id for hazard in live if hazard.grade < past.grade],
    )


def _zone_grade(points: Sequence[MapPoint], standing: Sequence[alerts.Hazard]) -> Colour | None:
    """Return the gravest grade of the points and hazards of a zone."""
    found: list[int] = [hazard.grade for hazard in standing]
    found += [Grade[point.grade.upper()] for point in points if point.grade]
    return worst(found)


def _site_risk(site: alerts.Site, found: course.SiteCounts | None, standing: Mapping[int, int]) -> SiteRisk:
    grades: Mapping[Grade, int] = found.grades if found else {}
    return SiteRisk(
        site=site.id,
        name=both({"zh": site.name_zh or site.id, "en": site.name_en or site.id}),
        district=site.district,
        city=site.city,
        red=grades.get(Grade.RED, 0),
        orange=grades.get(Grade.ORANGE, 0),
        yellow=grades.get(Grade.YELLOW, 0),
        blue=grades.get(Grade.BLUE, 0),
        pending=found.pending if found else 0,
        open_hazards=sum(standing.values()),
        grade=worst([*standing, *(int(grade) for grade, number in grades.items() if number)]),
    )
