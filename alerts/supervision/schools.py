"""Schools of a district or city under supervision: counts, coverage, drills and league of one span."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, select, true

from alerts.coverage.rooms import LiveZones
from alerts.database import rows
from alerts.database.schema import tickets
from alerts.model import Ticket
from alerts.people.access import Actor, require
from alerts.risk.registry import Registry
from alerts.tickets.past import as_of
from ingest import Catalog

from .counts import NOT_FOUND, DangerCounts, counts, summed
from .ended_drills import ended_drills
from .league import SchoolFacts, Standing, league
from .statistics import SchoolStatistics, statistics

OPERATION = "see_supervision"
Zones = Callable[[Catalog], Mapping[str, LiveZones]]


@dataclass(frozen=True, slots=True)
class Supervised:
    """One school with its facts and its standing in the league."""

    facts: SchoolFacts
    standing: Standing


class Supervision:
    """Reads figures of schools. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int], zones: Zones) -> None:
        """zones: returns the live zones of each school, as the coverage of the school counts them."""
        self._engine = engine.execution_options(writes=False)
        self._registry, self._clock, self._zones = registry, clock, zones

    def sites(self, actor: Actor, district: str | None) -> list[str]:
        """Return the schools of the registry in scope, of one district if given. Raises Forbidden."""
        require(actor, OPERATION)
        known = self._registry.sites
        return sorted(
            name for name, one in known.items() if actor.sees(name) and (district is None or one.district == district)
        )

    def schools(
        self, actor: Actor, district: str | None, begin_ns: int, end_ns: int, *, catalog: Catalog
    ) -> list[Supervised]:
        """Return all schools in scope, by id; the league is that of these schools. Raises Forbidden.

        catalog: of the sensors, which decides the live zones.
        """
        sites = self.sites(actor, district)
        scope = None if len(sites) == len(self._registry.sites) else sites
        with self._engine.connect() as connection:
            found = counts(connection, scope, begin_ns, end_ns)
            done = ended_drills(connection, scope, begin_ns, end_ns)
        zones, no_zones, no_dangers = self._zones(catalog), LiveZones(), DangerCounts()
        facts = [self._facts(one, found.get(one, no_dangers), zones.get(one, no_zones), done[one]) for one in sites]
        span_ns = max(1, min(end_ns, self._clock()) - begin_ns)
        return [Supervised(*pair) for pair in zip(facts, league(facts, span_ns), strict=True)]

    def statistics(
        self, actor: Actor, district: str | None, begin_ns: int, end_ns: int
    ) -> list[tuple[str, SchoolStatistics]]:
        """Return the statistics of each school in scope as of the end of the span, by id. Raises Forbidden."""
        sites = self.sites(actor, district)
        own, wanted = tickets.c, set(sites)
        scope = true() if len(sites) == len(self._registry.sites) else own.site.in_(sites)
        query = select(tickets).where(own.opened_ns >= begin_ns, own.opened_ns < end_ns, scope)
        with self._engine.connect() as connection:
            found = rows.records(Ticket, connection.execute(query).all())
            if end_ns <= self._clock():
                found = as_of(connection, found, end_ns)
        by_site: dict[str, list[Ticket]] = {name: [] for name in sites}
        for one in found:
            if one.site in wanted and one.state not in NOT_FOUND:
                by_site[one.site].append(one)
        return [(name, statistics(own_tickets, end_ns)) for name, own_tickets in by_site.items()]

    def _facts(self, name: str, found: DangerCounts, zones: LiveZones, done: int) -> SchoolFacts:
        site = self._registry.site(name)
        return SchoolFacts(name, site.kind, site.pupils, site.area_m2, found, zones.zones, zones.live, done)


def total(schools: Sequence[Supervised]) -> SchoolFacts:
    """Return the sums of the schools."""
    found = [school.facts for school in schools]
    return SchoolFacts(
        "",
        "",
        sum(one.pupils for one in found),
        sum((one.area_m2 for one in found), 0.0),
        summed(one.counts for one in found),
        sum(one.zones for one in found),
        sum(one.zones_live for one in found),
        sum(one.drills for one in found),
    )
