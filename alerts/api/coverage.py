"""Routes of coverage: blind rooms of a site, counts of the sites, bump tests."""

from __future__ import annotations

from fastapi import APIRouter

from alerts.coverage.rooms import Room
from alerts.database import keyset

from .campus import require_site
from .dependencies import ActorIn, DependenciesIn, PageIn, SitePath, listed
from .problem import problems
from .schemas.coverage import BumpTestList, Coverage, CoverageList, counts_body, coverage_body, tests_body

router = APIRouter(tags=["coverage"])


@router.get("/coverage")
def coverages(service: DependenciesIn, actor: ActorIn, page: PageIn) -> CoverageList:
    """List the counts of the sites in scope by id: places and zones with a working detector, blind sleeping rooms."""
    registry, discipline = service.dispatch.registry, service.dispatch.discipline
    sites = [name for name in registry.sites if actor.sees(name)]
    part = keyset.part("coverage", sites, page, key=lambda name: (name,), types=(str,))
    shown, following = listed(part, page, lambda name: keyset.encode("coverage", (name,)))
    rooms: dict[str, list[Room]] = {site: [] for site in shown}
    for one in discipline.rooms(service.telemetry.catalog, shown):
        rooms[one.site].append(one)
    return CoverageList(items=[counts_body(registry, site, found) for site, found in rooms.items()], next=following)


@router.get("/coverage/{site}", responses=problems(404))
def coverage(service: DependenciesIn, actor: ActorIn, site: SitePath) -> Coverage:
    """Return the rooms of a site without a working detector now, with cause and begin.

    A room where people sleep without a working detector is a candidate major danger within minutes, with its clause.
    """
    require_site(service, actor, site)
    discipline = service.dispatch.discipline
    found, since = discipline.rooms(service.telemetry.catalog, [site]), discipline.blind_since(site)
    clauses = [*service.dispatch.danger_queries.clauses().values()]
    return coverage_body(service.dispatch.registry, site, found, since, clauses)


@router.get("/bump-tests/{site}", responses=problems(404))
def bump_tests(service: DependenciesIn, actor: ActorIn, site: SitePath) -> BumpTestList:
    """List the tests of the detectors of a site. A test in the signal of a detector is its proof."""
    require_site(service, actor, site)
    return tests_body(
        service.dispatch.registry, service.dispatch.discipline.bump_tests(service.telemetry.catalog, site)
    )
