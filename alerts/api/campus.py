"""Routes of sites, zones, risk points and the four-colour map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query

import alerts
from alerts import Actor, Grade, Invalid, methods, parse_time
from alerts.database import keyset

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed
from .schemas.campus import Place, RiskMap, RiskPoint, RiskPointList, Site, SiteList, Zone, ZoneGrade, ZoneList
from .schemas.fields import Colour, colour, moment, names, worst

router = APIRouter(tags=["campus"])
OpenGrades = Mapping[tuple[str, str], list[tuple[int, str]]]
"""(site, zone) -> (grade, hazard id) of each open hazard."""


@router.get("/sites")
def sites(service: DependenciesIn, actor: ActorIn, page: PageIn) -> SiteList:
    """List the sites in the caller's scope, each with its gravest open grade."""
    found = keyset.part("sites", seen_sites(service, actor, None), page, key=lambda site: (site,), types=(str,))
    shown, following = listed(found, page, lambda site: keyset.encode("sites", (site,)))
    grades: dict[str, list[int]] = defaultdict(list)
    for site, _, grade, _ in service.dispatch.queries.open_grades(actor, site=None, at_ns=None):
        grades[site].append(grade)
    items = [_site(service.dispatch.registry.site(site), grades[site]) for site in shown]
    return SiteList(items=items, next=following)


@router.get("/zones")
def zones(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> ZoneList:
    """List zones with outline, people, places and gravest open grade, by site and id."""
    wanted = set(seen_sites(service, actor, site))
    rows = [zone for zone in service.dispatch.registry.zones.values() if zone.site in wanted]
    found = keyset.part("zones", rows, page, key=lambda zone: (zone.site, zone.id), types=(str, str))
    shown, following = listed(found, page, lambda zone: keyset.encode("zones", (zone.site, zone.id)))
    grades = _open_grades(service, actor, site, None)
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in service.dispatch.registry.places.values():
        places[place.site, place.zone].append(Place(id=place.id, name=names(place), xy=place.xy, floor=place.floor))
    items = [_zone(zone, places[zone.site, zone.id], grades) for zone in shown]
    return ZoneList(items=items, next=following)


@router.get("/risk-points")
def risk_points(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> RiskPointList:
    """List risk points with approved grade and live grade, by site and id."""
    points = _points(service, actor, site, None)
    found = keyset.part("risk-points", points, page, key=lambda point: (point.site, point.id), types=(str, str))
    shown, following = listed(found, page, lambda point: keyset.encode("risk-points", (point.site, point.id)))
    return RiskPointList(items=shown, next=following)


@router.get("/risk-map")
def risk_map(
    service: DependenciesIn,
    actor: ActorIn,
    site: SiteQuery = None,
    at: Annotated[str | None, Query(max_length=40, description="past time, RFC 3339 or epoch ms")] = None,
) -> RiskMap:
    """Return the four-colour map, now or at a past time."""
    at_ns = None if at is None else _moment(at)
    points, grades = _points(service, actor, site, at_ns), _open_grades(service, actor, site, at_ns)
    wanted = set(seen_sites(service, actor, site))
    zones = [
        ZoneGrade(site=zone.site, id=zone.id, grade=_zone_grade(zone, points, grades))
        for zone in service.dispatch.registry.zones.values()
        if zone.site in wanted
    ]
    return RiskMap(at=moment(at_ns or service.clock()), points=points, zones=zones)


def seen_sites(service: Dependencies, actor: Actor, site: str | None) -> list[str]:
    """Return ids of the sites in scope: those of the registry and those with a sensor in the catalogue."""
    reporting = {sensor.site for sensor in service.telemetry.catalog if not sensor.site.startswith("_")}
    every = sorted(set(service.dispatch.registry.sites) | reporting)
    return [name for name in every if actor.sees(name) and site in {None, name}]


def approved(point: alerts.RiskPoint) -> Grade:
    """Return the approved grade of a risk point; blue if its factors do not belong to its method."""
    method = methods().get(point.method)
    inputs = {"likelihood": point.likelihood, "severity": point.severity, "exposure": point.exposure}
    try:
        return method.assess(**inputs).grade if method else Grade.BLUE
    except Invalid:
        return Grade.BLUE


def _site(site: alerts.Site, grades: list[int]) -> Site:
    grade = worst(grades)
    return Site(id=site.id, name=names(site), district=site.district, city=site.city, size_m=site.size_m, grade=grade)


def _zone(zone: alerts.Zone, places: list[Place], grades: OpenGrades) -> Zone:
    return Zone(
        id=zone.id,
        site=zone.site,
        name=names(zone),
        key=zone.key,
        polygon=list(zone.polygon),
        officer=zone.officer,
        fixer=zone.fixer,
        grade=worst([grade for grade, _ in grades.get((zone.site, zone.id), ())]),
        places=places,
    )


def _zone_grade(zone: alerts.Zone, points: list[RiskPoint], grades: OpenGrades) -> Colour | None:
    found = [grade for grade, _ in grades.get((zone.site, zone.id), ())]
    found += [
        Grade[point.grade.upper()]
        for point in points
        if point.grade and (point.site, point.zone) == (zone.site, zone.id)
    ]
    return worst(found)


def _open_grades(service: Dependencies, actor: Actor, site: str | None, at_ns: int | None) -> OpenGrades:
    found: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for where, zone, grade, hazard in service.dispatch.queries.open_grades(actor, site=site, at_ns=at_ns):
        found[where, zone].append((grade, hazard))
    return found


def _points(service: Dependencies, actor: Actor, site: str | None, at_ns: int | None) -> list[RiskPoint]:
    wanted, grades = set(seen_sites(service, actor, site)), _open_grades(service, actor, site, at_ns)
    return [
        _point(point, grades.get((point.site, point.zone), []))
        for point in service.dispatch.registry.risk_points
        if point.site in wanted
    ]


def _point(point: alerts.RiskPoint, live: list[tuple[int, str]]) -> RiskPoint:
    floor = approved(point)
    return RiskPoint(
        risk_point=point.id,
        id=point.id,
        site=point.site,
        zone=point.zone,
        place=point.place,
        name=names(point),
        hazard=point.hazard,
        method=point.method,
        likelihood=point.likelihood,
        severity=point.severity,
        measures=list(point.measures),
        approved_grade=colour(floor),
        grade=worst([int(floor), *(grade for grade, _ in live)]),
        reasons=[hazard for grade, hazard in live if grade < floor],
    )


def _moment(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise Invalid({"at": str(error)}) from error
