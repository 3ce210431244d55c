"""Sites, zones, risk points and the four-colour map."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from alerts import Actor, Grade, Invalid, RiskPoint, methods, parse_time

from .dependencies import ActorIn, Dependencies, DependenciesIn
from .schemas import Json, moment, names, worst

router = APIRouter(tags=["campus"])
SiteQuery = Annotated[str | None, Query(max_length=64, description="of this site only")]


def seen_sites(service: Dependencies, actor: Actor, site: str | None) -> list[str]:
    """Ids of the sites that the person sees: those of the registry and those that were only heard."""
    heard = {sensor.site for sensor in service.telemetry.catalog if not sensor.site.startswith("_")}
    every = sorted(set(service.desk.registry.sites) | heard)
    return [name for name in every if actor.sees(name) and site in {None, name}]


@router.get("/sites")
def sites(service: DependenciesIn, actor: ActorIn) -> Json:
    """The sites that the person sees, each with its gravest open grade."""
    grades = service.desk.queries.open_grades(actor, site=None, at_ns=None)
    rows = [service.desk.registry.site(name) for name in seen_sites(service, actor, None)]
    items = [
        {
            "id": row.id,
            "name": names(row),
            "district": row.district,
            "city": row.city,
            "size_m": row.size_m,
            "grade": worst([grade for site, _, grade, _ in grades if site == row.id]),
        }
        for row in rows
    ]
    return {"items": items, "next": None}


@router.get("/zones")
def zones(service: DependenciesIn, actor: ActorIn, site: SiteQuery = None) -> Json:
    """Zones with their outline, people, places and gravest open grade."""
    registry = service.desk.registry
    wanted = set(seen_sites(service, actor, site))
    grades = service.desk.queries.open_grades(actor, site=site, at_ns=None)
    items = [
        {
            "id": zone.id,
            "site": zone.site,
            "name": names(zone),
            "key": zone.key,
            "polygon": zone.polygon,
            "officer": zone.officer,
            "fixer": zone.fixer,
            "grade": worst([grade for where, name, grade, _ in grades if (where, name) == (zone.site, zone.id)]),
            "places": [
                {"id": place.id, "name": names(place), "xy": place.xy, "floor": place.floor}
                for place in registry.places.values()
                if (place.site, place.zone) == (zone.site, zone.id)
            ],
        }
        for zone in registry.zones.values()
        if zone.site in wanted
    ]
    return {"items": items, "next": None}


def approved(point: RiskPoint) -> Grade:
    """The grade that people approved for a risk point; blue when its factors are not of its method."""
    method = methods().get(point.method)
    inputs = {"likelihood": point.likelihood, "severity": point.severity, "exposure": point.exposure}
    try:
        return method.assess(**inputs).grade if method else Grade.BLUE
    except Invalid:
        return Grade.BLUE


@router.get("/risk-points")
def risk_points(service: DependenciesIn, actor: ActorIn, site: SiteQuery = None) -> Json:
    """Risk points with the approved grade and the grade that live hazards give them now."""
    return {"items": _points(service, actor, site, None), "next": None}


@router.get("/risk-map")
def risk_map(
    service: DependenciesIn,
    actor: ActorIn,
    site: SiteQuery = None,
    at: Annotated[str | None, Query(max_length=40, description="a past moment, RFC 3339 or epoch ms")] = None,
) -> Json:
    """The four-colour map now, or as it was at a past moment."""
    at_ns = None if at is None else _moment(at)
    points = _points(service, actor, site, at_ns)
    open_now = service.desk.queries.open_grades(actor, site=site, at_ns=at_ns)
    zone_rows = [
        {
            "site": zone.site,
            "id": zone.id,
            "grade": _zone_grade(zone.site, zone.id, points, open_now),
        }
        for zone in service.desk.registry.zones.values()
        if zone.site in set(seen_sites(service, actor, site))
    ]
    return {"at": moment(at_ns or service.clock()), "points": points, "zones": zone_rows}


def _zone_grade(site: str, zone: str, points: list[Json], open_now: list[tuple[str, str, int, str]]) -> str | None:
    grades = [grade for where, name, grade, _ in open_now if (where, name) == (site, zone)]
    grades += [Grade[point["grade"].upper()] for point in points if (point["site"], point["zone"]) == (site, zone)]
    return worst(grades)


def _points(service: Dependencies, actor: Actor, site: str | None, at_ns: int | None) -> list[Json]:
    wanted = set(seen_sites(service, actor, site))
    open_now = service.desk.queries.open_grades(actor, site=site, at_ns=at_ns)
    rows = []
    for point in service.desk.registry.risk_points:
        if point.site not in wanted:
            continue
        live = [(grade, key) for where, zone, grade, key in open_now if (where, zone) == (point.site, point.zone)]
        floor = approved(point)
        rows.append(
            {
                "risk_point": point.id,
                "id": point.id,
                "site": point.site,
                "zone": point.zone,
                "place": point.place,
                "name": names(point),
                "hazard": point.hazard,
                "method": point.method,
                "likelihood": point.likelihood,
                "severity": point.severity,
                "measures": point.measures,
                "approved_grade": floor.colour,
                "grade": worst([int(floor), *(grade for grade, _ in live)]),
                "reasons": [key for grade, key in live if grade < floor],
            }
        )
    return rows


def _moment(text: str) -> int:
    try:
        return parse_time(text)
    except (ValueError, OverflowError) as error:
        raise Invalid({"at": str(error)}) from error
