"""Inspections of all sites: route preview, creation, list, sheet; each change is audited."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine, func, select

from alerts.database.schema import inspections, measure_checks
from alerts.errors import GuardFailed, Invalid, NotFound
from alerts.people.access import SYSTEM, Actor, require
from alerts.register.changes import Change
from alerts.register.live import LiveGrades
from alerts.register.store import Register
from alerts.risk.registry import Registry

from . import records
from .kinds import InspectionKind, inspection_kinds, kind_of
from .plans import Plan
from .route import Grounds, Route, guard_route, risk_route
from .sheet import PLANNED, Inspection, Stored, round_state

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
LISTED_MAX = 5_000
"""Inspections of one list; a site with five guard rounds a day has 1,825 a year."""
WINDOW_NS_MAX = 31 * 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """An inspection to make. zones: only these, none for all; begin_ns, end_ns: None for now and the kind's window."""

    id: str
    kind: str
    zones: tuple[str, ...] = ()
    post: str = ""
    begin_ns: int | None = None
    end_ns: int | None = None


class Inspections:
    """Reads and makes inspections. Methods may be called from several threads."""

    def __init__(
        self, engine: Engine, registry: Registry, clock: Callable[[], int], register: Register, live: LiveGrades
    ) -> None:
        self._engine, self._registry, self._clock = engine, registry, clock
        self._register, self._live = register, live
        self._reading = engine.execution_options(writes=False)

    def route(self, actor: Actor, site: str, kind: str, zones: Sequence[str] = ()) -> Route:
        """Return the route that an inspection would have now. Raises Forbidden, NotFound, Invalid."""
        require(actor, "see_inspections")
        return self.planned_route(actor, site, kind_of(kind), zones=tuple(zones))

    def create(self, actor: Actor, site: str, wanted: Wanted) -> Inspection:
        """Make an inspection with its route; the same id returns the one it made before.

        Raises Forbidden, NotFound, Invalid, and GuardFailed for a route without a stop or an id of another kind.
        """
        require(actor, "run_inspection")
        kind = kind_of(wanted.kind)
        if not ID.fullmatch(wanted.id):
            raise Invalid({"id": "8 to 64 letters, digits, dots, dashes"}, zh={"id": "8 至 64 个字母、数字、点或短横"})
        now_ns = self._clock()
        begin_ns = now_ns if wanted.begin_ns is None else wanted.begin_ns
        end_ns = begin_ns + kind.window_ns if wanted.end_ns is None else wanted.end_ns
        if not begin_ns < end_ns <= begin_ns + WINDOW_NS_MAX:
            raise Invalid({"end": "after the begin, within 31 days"}, zh={"end": "须晚于开始时间，且不超过 31 天"})
        route = self.planned_route(actor, site, kind, zones=wanted.zones)
        with self._engine.begin() as connection:
            try:
                known = records.find(connection, site, wanted.id)
            except NotFound:
                known = None
            if known is not None:
                if known.kind != kind.name or known.created_by != actor.username:
                    raise GuardFailed("inspection_id", "该编号已用于另一次检查", "the id belongs to another inspection")
                return known
            if not route.stops:
                raise GuardFailed("no_stops", "没有需要检查的风险点", "no risk point is due for an inspection")
            change = Change(connection, actor.username, now_ns)
            made = new_inspection(site, wanted.id, kind, route, created_by=actor.username, created_ns=now_ns)
            made = replace(made, post=wanted.post or kind.post, begin_ns=begin_ns, end_ns=end_ns)
            records.add(change, made)
            return made

    def all(self, actor: Actor, *, site: str | None = None, within: tuple[int, int] | None = None) -> list[Inspection]:
        """Return the inspections in scope, the newest window first. within: span of the begins of their windows.

        Raises Invalid for a span with more than LISTED_MAX; without a span, these are the newest ones.
        """
        require(actor, "see_inspections")
        query = select(inspections).order_by(inspections.c.begin_ns.desc(), inspections.c.id)
        if site is not None:
            query = query.where(inspections.c.site == site)
        elif actor.sites is not None:
            query = query.where(inspections.c.site.in_(sorted(actor.sites)))
        if within is not None:
            query = query.where(inspections.c.begin_ns >= within[0], inspections.c.begin_ns < within[1])
        with self._reading.connect() as connection:
            rows = connection.execute(query.limit(LISTED_MAX + 1)).mappings().all()
        if within is not None and len(rows) > LISTED_MAX:
            raise Invalid(
                {"year": f"more than {LISTED_MAX} inspections in the span; choose a quarter"},
                zh={"year": f"检查超过 {LISTED_MAX} 次，请按季度下载"},
            )
        return [records.inspection_of(row) for row in rows[:LISTED_MAX] if actor.sees(row["site"])]

    def sheets(self, actor: Actor, rows: Sequence[Inspection]) -> list[tuple[Inspection, list[Stored]]]:
        """Return inspections with their entries, each with its state of now."""
        require(actor, "see_inspections")
        now_ns = self._clock()
        with self._reading.connect() as connection:
            found = records.entries_of_all(connection, [(one.site, one.id) for one in rows])
        return [
            (replace(one, state=round_state(one, found[one.site, one.id], now_ns)), found[one.site, one.id])
            for one in rows
        ]

    def sheet(self, actor: Actor, site: str, inspection_id: str) -> tuple[Inspection, list[Stored]]:
        """Return an inspection with its entries. Raises Forbidden and NotFound."""
        require(actor, "see_inspections")
        if not actor.sees(site):
            raise NotFound("inspection", f"{site}/{inspection_id}")
        with self._reading.connect() as connection:
            found = records.find(connection, site, inspection_id)
        return self.sheets(actor, [found])[0]

    def due(self, actor: Actor, site: str) -> list[tuple[InspectionKind, int | None]]:
        """Return the kinds with a cycle that are due at a site, with the end of the last one, None for never.

        Raises Forbidden and NotFound.
        """
        require(actor, "see_inspections")
        if not actor.sees(site):
            raise NotFound("site", site)
        own, now_ns = inspections.c, self._clock()
        query = select(own.kind, func.max(own.ended_ns)).where(own.site == site, own.state == "done").group_by(own.kind)
        with self._reading.connect() as connection:
            last = {row[0]: row[1] for row in connection.execute(query)}
        cyclic = [one for one in inspection_kinds().values() if one.cycle_days and not one.round]
        day_ns = 86_400_000_000_000
        return [
            (one, last.get(one.name)) for one in cyclic if (last.get(one.name) or 0) + one.cycle_days * day_ns <= now_ns
        ]

    def of_plan(self, plan: Plan) -> Route:
        """Return the route of a plan now."""
        return self.planned_route(SYSTEM, plan.site, kind_of(plan.kind), zones=plan.zones, places=plan.places)

    def planned_route(
        self, actor: Actor, site: str, kind: InspectionKind, *, zones: Sequence[str] = (), places: Sequence[str] = ()
    ) -> Route:
        """Return the route of a kind now. Raises NotFound for a site out of scope."""
        known = [one.zone(self._registry.zones.get((site, one.id))) for one in self._register.zones(actor, site)]
        near = [one for one in list(self._registry.places.values()) if one.site == site]
        if kind.round:
            return guard_route(kind, Grounds(known, near, {}, {}, self._clock()), places)
        reader = actor if actor is not SYSTEM else Actor("system", frozenset(("viewer",)))
        entries = self._register.entries(reader, site)
        statuses = {name.removeprefix(f"{site}/"): own for name, own in self._live.statuses(entries).items()}
        own = measure_checks.c
        query = select(own.point, func.max(own.at_ns)).where(own.site == site).group_by(own.point)
        with self._reading.connect() as connection:
            last_ns = {row[0]: int(row[1]) for row in connection.execute(query)}
        return risk_route(kind, entries, Grounds(known, near, last_ns, statuses, self._clock()), zones)


def new_inspection(
    site: str, inspection_id: str, kind: InspectionKind, route: Route, *, created_by: str, created_ns: int
) -> Inspection:
    """Return a planned inspection with the window and the post of its kind."""
    return Inspection(
        site=site,
        id=inspection_id,
        kind=kind.name,
        plan="",
        name=kind.text,
        post=kind.post,
        state=PLANNED,
        begin_ns=created_ns,
        end_ns=created_ns + kind.window_ns,
        stops=route.stops,
        left_off=route.left_off,
        proofs={},
        created_by=created_by,
        created_ns=created_ns,
        started_by=None,
        started_ns=None,
        ended_by=None,
        ended_ns=None,
        version=1,
    )
