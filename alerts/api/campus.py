"""Routes of sites, zones, risk points and the four-colour map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Annotated

from fastapi import APIRouter, Query

import alerts
from alerts import Actor, Grade, Invalid, methods
from alerts.database import keyset
from alerts.risk.causes import causes

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed, moment_of
from .schemas.campus import Place, RiskMap, RiskPoint, RiskPointList, Site, SiteList, Zone, ZoneGrade, ZoneList
from .schemas.fields import Colour, colour, moment, names, worst

router = APIRouter(tags=["campus"])


@router.get("/sites")
def sites(service: DependenciesIn, actor: ActorIn, page: PageIn) -> SiteList:
    """List the sites in the caller's scope, each with its gravest open grade."""
    found = keyset.part("sites", seen_sites(service, actor, None), page, key=lambda site: (site,), types=(str,))
    shown, following = listed(found, page, lambda site: keyset.encode("sites", (site,)))
    grades: dict[str, list[int]] = defaultdict(list)
    for hazard in service.dispatch.queries.open_hazards(actor, site=None, at_ns=None):
        grades[hazard.site].append(hazard.grade)
    items = [_site(service.dispatch.registry.site(site), grades[site]) for site in shown]
    return SiteList(items=items, next=following)


@router.get("/zones")
def zones(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> ZoneList:
    """List zones with outline, people, places and gravest open grade, by site and id."""
    wanted = set(seen_sites(service, actor, site))
    rows = [zone for zone in service.dispatch.registry.zones.values() if zone.site in wanted]
    found = keyset.part("zones", rows, page, key=lambda zone: (zone.site, zone.id), types=(str, str))
    shown, following = listed(found, page, lambda zone: keyset.encode("zones", (zone.site, zone.id)))
    standing = service.dispatch.queries.open_hazards(actor, site=site, at_ns=None)
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in service.dispatch.registry.places.values():
        places[place.site, place.zone].append(Place(id=place.id, name=names(place), xy=place.xy, floor=place.floor))
    items = [_zone(zone, places[zone.site, zone.id], standing) for zone in shown]
    return ZoneList(items=items, next=following)


@router.get("/risk-points")
def risk_points(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> RiskPointList:
    """List risk points with approved grade and live grade, by site and id."""
    standing = service.dispatch.queries.open_hazards(actor, site=site, at_ns=None)
    points = _points(service, set(seen_sites(service, actor, site)), standing)
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
    at_ns = None if at is None else moment_of(at, "at")
    standing = service.dispatch.queries.open_hazards(actor, site=site, at_ns=at_ns)
    wanted = set(seen_sites(service, actor, site))
    points = _points(service, wanted, standing)
    zones = [
        ZoneGrade(site=zone.site, id=zone.id, grade=_zone_grade(zone, points, standing))
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


def _zone(zone: alerts.Zone, places: list[Place], standing: Sequence[alerts.Hazard]) -> Zone:
    return Zone(
        id=zone.id,
        site=zone.site,
        name=names(zone),
        key=zone.key,
        polygon=list(zone.polygon),
        officer=zone.officer,
        fixer=zone.fixer,
        grade=worst([hazard.grade for hazard in _in_zone(zone, standing)]),
        places=places,
    )


def _zone_grade(zone: alerts.Zone, points: list[RiskPoint], standing: Sequence[alerts.Hazard]) -> Colour | None:
    found: list[int] = [hazard.grade for hazard in _in_zone(zone, standing)]
    found += [
        Grade[point.grade.upper()]
        for point in points
        if point.grade and (point.site, point.zone) == (zone.site, zone.id)
    ]
    return worst(found)


def _in_zone(zone: alerts.Zone, standing: Sequence[alerts.Hazard]) -> list[alerts.Hazard]:
    return [hazard for hazard in standing if (hazard.site, hazard.zone) == (zone.site, zone.id)]


def _points(service: Dependencies, wanted: Collection[str], standing: Sequence[alerts.Hazard]) -> list[RiskPoint]:
    """Return the risk points of these sites."""
    return [
        _point(point, [hazard for hazard in standing if raises(point, hazard)])
        for point in service.dispatch.registry.risk_points
        if point.site in wanted
    ]


def raises(point: alerts.RiskPoint, hazard: alerts.Hazard) -> bool:
    """Return whether a hazard is of the place and of the kind of a risk point, or of another kind of the same cause."""
    if (hazard.site, hazard.zone) != (point.site, point.zone):
        return False
    if point.place and point.place not in (hazard.place, *hazard.places):
        return False
    cause = causes().get(point.hazard)
    return point.hazard in {"", hazard.kind} or (cause is not None and cause.name == hazard.cause)


def _point(point: alerts.RiskPoint, live: Sequence[alerts.Hazard]) -> RiskPoint:
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
        grade=worst([int(floor), *(hazard.grade for hazard in live)]),
        reasons=[hazard.id for hazard in live if hazard.grade < floor],
    )
