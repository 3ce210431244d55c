"""Drills: start, end, list. A drill alarm never joins a real one; a silent drill pages nobody."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, select

from alerts.database import journal
from alerts.database.schema import findings
from alerts.database.schema import journal as journal_table
from alerts.emergency_orders.orders import EmergencyOrders
from alerts.errors import GuardFailed, NotFound
from alerts.escalations.pager import Router
from alerts.hazards.findings import Observation
from alerts.hazards.own_findings import own_finding
from alerts.model import Finding
from alerts.people.access import Actor, require
from alerts.risk.causes import causes
from alerts.risk.registry import Registry
from detectors import Phase

from .drill import SECOND_NS, Drill, Scene, checked, last_night
from .score import Score, score
from .silent import SilentDrills

OPERATION = "run_drill"
STARTED, ENDED = "drill.started", "drill.ended"
SILENT_STARTED, SILENT_ENDED = "drill.silent_started", "drill.silent_ended"
"""Other kinds than those of a loud drill, which statistics count."""
LISTED_MAX = 200
LEVEL = 3
RULE = "drill"
SHOWN_NS = 600 * SECOND_NS
"""Longest time of a silent drill."""


class Drills:
    """Starts and ends drills. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        clock: Callable[[], int],
        *,
        accept: Callable[[Connection, Sequence[Observation]], None],
        acknowledge: Callable[[Connection, str, Actor], object],
        orders: EmergencyOrders,
        router: Router,
    ) -> None:
        """accept: applies observations as those of detection. router: rosters and channels."""
        self._engine, self._registry, self._clock = engine, registry, clock
        self._accept, self._acknowledge, self._orders, self._duty = accept, acknowledge, orders, router.duty
        self._reading = engine.execution_options(writes=False)
        self._silent = SilentDrills(registry, router)

    def start(
        self,
        actor: Actor,
        *,
        site: str,
        zone: str,
        kind: str,
        place: str = "",
        silent: bool = False,
        as_of_ns: int | None = None,
    ) -> Drill:
        """Open a drill alarm, which pages the persons on duty. Raises Forbidden, NotFound, Invalid and GuardFailed.

        place: "" for the first place of the zone. silent: pages nobody and opens no alarm; its course is computed from
        the roster and the records of the night of as_of_ns, by default the last one.
        """
        require(actor, OPERATION)
        scene = checked(self._registry, actor, site=site, zone=zone, kind=kind, place=place)
        with self._engine.begin() as connection:
            return self.opened(connection, actor, scene, silent=silent, as_of_ns=as_of_ns)

    def opened(
        self, connection: Connection, actor: Actor, scene: Scene, *, silent: bool, as_of_ns: int | None, plan: str = ""
    ) -> Drill:
        """Start a drill in the caller's transaction. plan: id of the planned drill that starts. See `start`."""
        if any(one.ended_ns is None for one in self._drills(connection, [scene.site])):
            raise GuardFailed("drill_runs", "本校正在演练，请先结束", "a drill runs at this site; end it first")
        if silent:
            return self._opened_silent(connection, actor, scene, as_of_ns, plan)
        return self._opened(connection, actor, scene, plan)

    def end(self, actor: Actor, site: str, drill_id: str) -> Drill:
        """End a drill with its alarm and its orders; real ones stay. Raises Forbidden, NotFound and GuardFailed."""
        require(actor, OPERATION)
        found = self._one(actor, site, drill_id)
        if found.ended_ns is not None:
            raise GuardFailed("drill_ended", "演练已经结束", "the drill has ended")
        if found.silent:
            with self._engine.begin() as connection:
                self._note(connection, actor, SILENT_ENDED, found, {})
            return self._one(actor, site, drill_id)
        for order in self._orders.list(actor, site=found.site, active=True):
            if order.drill and order.ordered_ns >= found.started_ns:
                self._orders.clear(order.id, actor)
        with self._engine.begin() as connection:
            self._note(connection, actor, ENDED, found, {"hazard": found.hazard})
            self._acknowledge(connection, found.hazard, actor)  # ends its pages; after the end it counts as no answer
            row = select(findings).where(findings.c.hazard == found.hazard, findings.c.rule == RULE, findings.c.active)
            for one in connection.execute(row).mappings().all():
                seen = self._finding(found.site, found.place, one["kind"], int(one["first_ns"]))
                self._accept(connection, [Observation(seen, Phase.CLEAR, found.place, found.zone)])
        return self._one(actor, site, drill_id)

    def of_site(self, actor: Actor, site: str) -> Sequence[Drill]:
        """Return the drills of a site, the newest first. Raises Forbidden and NotFound."""
        require(actor, "see_drills")
        if not actor.sees(site):
            raise NotFound("site", site)
        with self._reading.connect() as connection:
            return self._drills(connection, [site])

    def sheet(self, actor: Actor, site: str, drill_id: str) -> tuple[Drill, Score]:
        """Return a drill with its score sheet. Raises Forbidden and NotFound."""
        require(actor, "see_drills")
        found = self._one(actor, site, drill_id)
        with self._reading.connect() as connection:
            duty = self._duty(connection, found.site)
            persons = [] if duty is None else [*duty.roster.persons.values()]
            accounts = {one.account: one.id for one in persons if one.account}
            return found, score(connection, found, accounts, self._clock())

    def shown(self, actor: Actor) -> Sequence[Drill]:
        """Return the silent drills that run at the actor's sites: the wall shows them, without persons."""
        require(actor, "see")
        with self._reading.connect() as connection:
            after = journal.last_before(connection, self._clock() - SHOWN_NS)
            found = self._listed(connection, journal_table.c.seq > after, silent=True)
        return [replace(one, run={}) for one in found if one.ended_ns is None and actor.sees(one.site)]

    def _opened_silent(
        self, connection: Connection, actor: Actor, scene: Scene, as_of_ns: int | None, plan: str
    ) -> Drill:
        now_ns = self._clock()
        at_ns = last_night(now_ns, self._registry.timezone) if as_of_ns is None else as_of_ns
        run = self._silent.run(connection, scene, level=LEVEL, as_of_ns=at_ns, now_ns=now_ns).facts()
        drill = Drill(
            secrets.token_hex(12), *scene, "", actor.username, now_ns, None, silent=True, as_of_ns=at_ns, run=run
        )
        facts = scene._asdict() | {"started_ns": now_ns, "as_of_ns": at_ns, "run": run, "plan": plan}
        self._note(connection, actor, SILENT_STARTED, drill, facts)
        return drill

    def _opened(self, connection: Connection, actor: Actor, scene: Scene, plan: str) -> Drill:
        (site, zone, place, kind), now_ns = scene, self._clock()
        seen = self._finding(site, place, kind, now_ns)
        self._accept(connection, [Observation(seen, Phase.RAISE, place, zone)])
        hazard = connection.scalar(select(findings.c.hazard).where(findings.c.id == seen.id))
        facts = {"hazard": str(hazard), "zone": zone, "place": place, "kind": kind, "started_ns": now_ns, "plan": plan}
        drill = Drill(secrets.token_hex(12), site, zone, place, kind, str(hazard), actor.username, now_ns, None)
        self._note(connection, actor, STARTED, drill, facts)
        return drill

    def _finding(self, site: str, place: str, kind: str, first_ns: int) -> Finding:
        name, cause, now_ns = self._registry.place_name(site, place), causes()[kind], self._clock()
        text = {"zh": f"演练：假定{name['zh']}发生{cause.zh}。", "en": f"Drill: suppose {cause.en} at {name['en']}."}
        clears = {"zh": "由安全员结束演练。", "en": "the safety officer ends the drill"}
        return own_finding(
            site,
            place,
            kind,
            rule=RULE,
            sensor=RULE,
            level=LEVEL,
            text=text,
            clears=clears,
            first_ns=first_ns,
            now_ns=now_ns,
            page=True,
            drill=True,
        )

    def _one(self, actor: Actor, site: str, drill_id: str) -> Drill:
        with self._reading.connect() as connection:
            events = journal.read(connection, subject=drill_id, limit=2)
            known = bool(events) and events[0].kind in {STARTED, SILENT_STARTED} and events[0].site == site
            if not known or not actor.sees(site):
                raise NotFound("drill", drill_id)
            return self._drill(events[0], events[1].at_ns if len(events) > 1 else None)

    def _drills(self, connection: Connection, sites: Sequence[str]) -> list[Drill]:
        return self._listed(connection, journal_table.c.site.in_(sites))

    def _listed(self, connection: Connection, wanted: ColumnElement[bool], *, silent: bool = False) -> list[Drill]:
        own, starts = journal_table.c, {SILENT_STARTED} if silent else {STARTED, SILENT_STARTED}
        query = select(own.seq, own.body).where(own.kind.in_((*starts, ENDED, SILENT_ENDED)), wanted)
        found = connection.execute(query.order_by(own.seq.desc()).limit(2 * LISTED_MAX))
        events = [journal.entry(row.seq, row.body) for row in found]
        ended = {one.subject: one.at_ns for one in events if one.kind in {ENDED, SILENT_ENDED}}
        return [self._drill(one, ended.get(one.subject)) for one in events if one.kind in starts][:LISTED_MAX]

    def _drill(self, event: journal.Event, ended_ns: int | None) -> Drill:
        facts, silent = event.facts, event.kind == SILENT_STARTED
        about = {name: str(facts[name]) for name in ("zone", "place", "kind")}
        started_ns = int(facts["started_ns"])
        if silent and ended_ns is None and self._clock() >= started_ns + SHOWN_NS:
            ended_ns = started_ns + SHOWN_NS
        return Drill(
            event.subject,
            event.site,
            **about,
            hazard=str(facts.get("hazard", "")),
            started_by=event.actor,
            started_ns=started_ns,
            ended_ns=ended_ns,
            silent=silent,
            as_of_ns=facts.get("as_of_ns"),
            run=facts.get("run", {}),
        )

    def _note(self, connection: Connection, actor: Actor, kind: str, drill: Drill, facts: dict[str, Any]) -> None:
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=actor.username,
            kind=kind,
            site=drill.site,
            subject=drill.id,
            facts=facts,
        )
