"""Routes of sites and zones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fastapi import APIRouter

import alerts
from alerts import Actor, NotFound
from alerts.database import keyset
from alerts.hazards.open_grades import open_grades
from alerts.tickets.zone_people import Handed, handed_over, present

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed
from .schemas.campus import Place, Site, SiteList, Zone, ZoneList
from .schemas.fields import names, worst

router = APIRouter(tags=["campus"])


@router.get("/sites")
def sites(service: DependenciesIn, actor: ActorIn, page: PageIn) -> SiteList:
    """List the sites in the caller's scope, each with its gravest open grade."""
    found = keyset.part("sites", seen_sites(service, actor, None), page, key=lambda site: (site,), types=(str,))
    shown, following = listed(found, page, lambda site: keyset.encode("sites", (site,)))
    grades = open_grades(service.dispatch.engine, actor, shown)
    items = [_site(service.dispatch.registry, site, [*grades.get(site, ())]) for site in shown]
    return SiteList(items=items, next=following)


@router.get("/zones")
def zones(service: DependenciesIn, actor: ActorIn, page: PageIn, site: SiteQuery = None) -> ZoneList:
    """List zones with outline, people, places and gravest open grade, by site and id."""
    wanted = set(seen_sites(service, actor, site))
    rows = [zone for zone in list(service.dispatch.registry.zones.values()) if zone.site in wanted]
    found = keyset.part("zones", rows, page, key=lambda zone: (zone.site, zone.id), types=(str, str))
    shown, following = listed(found, page, lambda zone: keyset.encode("zones", (zone.site, zone.id)))
    sites = {zone.site for zone in shown}
    standing = by_zone(service.dispatch.queries.open_hazards(actor, site=site, at_ns=None, sites=sites))
    with service.dispatch.engine.execution_options(writes=False).connect() as connection:
        handed = handed_over(connection, sites)
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in list(service.dispatch.registry.places.values()):
        if place.site not in sites:
            continue
        places[place.site, place.zone].append(Place(id=place.id, name=names(place), xy=place.xy, floor=place.floor))
    items = [
        _zone(_staffed(zone, handed), places[zone.site, zone.id], standing.get((zone.site, zone.id), []))
        for zone in shown
    ]
    return ZoneList(items=items, next=following)


def seen_sites(service: Dependencies, actor: Actor, site: str | None) -> list[str]:
    """Return ids of the sites in scope: those of the registry and those with a sensor in the catalogue."""
    known, reporting = service.dispatch.registry.sites, service.telemetry.catalog.sites()
    if site is not None:
        found = site in known or (site in reporting and not site.startswith("_"))
        return [site] if found and actor.sees(site) else []
    every = {*known, *(name for name in reporting if not name.startswith("_"))}
    return sorted(name for name in every if actor.sees(name))


def require_site(service: Dependencies, actor: Actor, site: str) -> None:
    """Raise NotFound for a site out of scope or without a description and sensors."""
    if not seen_sites(service, actor, site):
        raise NotFound("site", site)


def _site(registry: alerts.Registry, site_id: str, grades: list[int]) -> Site:
    site = registry.site(site_id)
    return Site(
        id=site.id,
        name=names(site),
        district=site.district,
        city=site.city,
        size_m=site.size_m,
        timezone=registry.timezone.key,
        grade=worst(grades),
    )


def _staffed(zone: alerts.Zone, handed: Mapping[str, Handed]) -> alerts.Zone:
    """Return a zone with the accounts that have its work now, after handovers."""
    own = handed.get(zone.site, ())
    return replace(zone, officer=present(zone.officer, own), fixer=present(zone.fixer, own)) if own else zone


def _zone(zone: alerts.Zone, places: list[Place], standing: Sequence[alerts.Hazard]) -> Zone:
    return Zone(
        id=zone.id,
        site=zone.site,
        name=names(zone),
        key=zone.key,
        polygon=list(zone.polygon),
        floor=zone.floor,
        officer=zone.officer,
        fixer=zone.fixer,
        grade=worst([hazard.grade for hazard in standing]),
        places=places,
    )


def by_zone(standing: Sequence[alerts.Hazard]) -> dict[tuple[str, str], list[alerts.Hazard]]:
    """Return the hazards of each site and zone."""
    found: dict[tuple[str, str], list[alerts.Hazard]] = {}
    for hazard in standing:
        found.setdefault((hazard.site, hazard.zone), []).append(hazard)
    return found
