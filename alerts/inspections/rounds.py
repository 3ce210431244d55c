"""Inspections of plans made ahead, and missed guard stops as findings of places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from alerts.database.schema import findings, inspection_entries, inspection_plans, inspections
from alerts.hazards.findings import Observation
from alerts.hazards.own_findings import own_finding
from alerts.model import Finding, identity
from alerts.people.access import SYSTEM
from alerts.register.changes import Change
from alerts.risk.registry import Registry
from detectors import Calendar, Phase

from . import records
from .kinds import DAY_NS, kind_of
from .plans import Plan, plans
from .route import Route
from .sheet import CHECK_IN, MISSED, NFC, QR, Inspection, counts, round_state
from .store import new_inspection

RULE = DETECTOR = "guard_round"
KIND = "round_missed"
LEVEL = 1
AHEAD_NS, BEHIND_NS = DAY_NS, 7 * DAY_NS
"""Time for which inspections are made ahead, and for which an unfinished one may still become missed."""


class Rounds:
    """Keeps inspections of plans and findings of missed stops in step with the time. One thread calls it."""

    def __init__(self, registry: Registry, route: Callable[[Plan], Route]) -> None:
        """route: returns the route of a plan now."""
        self._registry, self._route = registry, route

    def idle(self, connection: Connection) -> bool:
        """Return whether there is no plan, no unfinished inspection and no active finding of a missed stop."""
        own, lasting = inspections.c, (findings.c.rule == RULE, findings.c.active)
        rows = (
            select(inspection_plans.c.id),
            select(own.id).where(own.state.in_(("planned", "running"))),
            select(findings.c.id).where(*lasting),
        )
        return all(connection.execute(one.limit(1)).first() is None for one in rows)

    def plan_ahead(self, connection: Connection, now_ns: int) -> int:
        """Make the inspections of active plans whose window begins within a day; return their number."""
        calendar, made = Calendar.from_table(self._registry.calendar), 0
        for plan in plans(connection):
            if not plan.active:
                continue
            windows = plan.windows(calendar, now_ns - plan.window_min * 60_000_000_000, now_ns + AHEAD_NS)
            own = inspections.c
            known = set(connection.scalars(select(own.begin_ns).where(own.site == plan.site, own.plan == plan.id)))
            route = None
            for begin_ns, end_ns in windows:
                if begin_ns in known or end_ns <= now_ns or begin_ns < plan.edited_ns:
                    continue
                route = route or self._route(plan)
                if route.stops:
                    one = _of_plan(plan, route, (begin_ns, end_ns), now_ns)
                    records.add(Change(connection, SYSTEM.username, now_ns), one)
                    made += 1
        return made

    def end_windows(self, connection: Connection, now_ns: int) -> int:
        """Store the state of inspections whose window has ended; return their number."""
        own = inspections.c
        query = select(inspections).where(
            own.state.in_(("planned", "running")), own.end_ns < now_ns, own.end_ns > now_ns - BEHIND_NS
        )
        found = [records.inspection_of(row) for row in connection.execute(query).mappings()]
        ended = 0
        for one in found:
            entries = records.entries_of(connection, one.site, [one.id])[one.id]
            state = round_state(one, entries, now_ns)
            if state != one.state:
                change = Change(connection, SYSTEM.username, now_ns)
                records.save(change, one, replace(one, state=state), f"inspection.{state}", {"state": state})
                ended += 1
        return ended

    def observed(self, connection: Connection, now_ns: int) -> list[Observation]:
        """Return raises for stops that the latest ended round missed, and clears for those visited since."""
        missed: dict[tuple[str, str], Inspection] = {}
        for plan in plans(connection):
            if plan.active and kind_of(plan.kind).round:
                missed |= self._missed(connection, plan)
        active = {
            (row["site"], row["sensor"].removeprefix(f"{RULE}/")): row
            for row in connection.execute(select(findings).where(findings.c.rule == RULE, findings.c.active)).mappings()
        }
        seen = [
            self._observation(key, one, Phase.RAISE, now_ns) for key, one in sorted(missed.items()) if key not in active
        ]
        for key, row in sorted(active.items()):
            if key not in missed:
                old = Finding(**row)
                end = replace(old, last_ns=max(now_ns, old.last_ns), recorded_ns=now_ns)
                seen.append(Observation(end, Phase.CLEAR, key[1], self._registry.zone_of(*key).id))
        return seen

    def _missed(self, connection: Connection, plan: Plan) -> Mapping[tuple[str, str], Inspection]:
        """Return the places that the latest ended round of a plan missed and that nobody visited since."""
        own = inspections.c
        query = select(inspections).where(own.site == plan.site, own.plan == plan.id, own.state.in_(("missed", "done")))
        row = connection.execute(query.order_by(own.begin_ns.desc()).limit(1)).mappings().first()
        if row is None or row["state"] != MISSED:
            return {}
        latest = records.inspection_of(row)
        entries = records.entries_of(connection, plan.site, [latest.id])[latest.id]
        visited = {one.stop for one in entries if counts(one)}
        since = _visited_since(connection, plan.site, latest.begin_ns)
        stops = [one for one in latest.stops if one.id not in visited and one.place not in since]
        return {(plan.site, stop.place): latest for stop in stops}

    def _observation(self, key: tuple[str, str], missed: Inspection, phase: Phase, now_ns: int) -> Observation:
        site, place = key
        name, zone = self._registry.place_name(site, place), self._registry.zone_of(site, place).id
        zh = f"{missed.name['zh']}：{name['zh']}在规定时段内未到点签到。"
        en = f"{missed.name['en']}: nobody checked in at {name['en']} within the window."
        clears = {"zh": "下一次巡逻到点签到后自动解除。", "en": "the next check-in of a round ends it"}
        found = own_finding(
            site,
            place,
            KIND,
            rule=RULE,
            sensor=f"{RULE}/{place}",
            level=LEVEL,
            text={"zh": zh, "en": en},
            clears=clears,
            first_ns=missed.end_ns,
            now_ns=now_ns,
            page=False,
        )
        finding = replace(
            found,
            id=identity(RULE, site, place, missed.id, now_ns),
            detector=DETECTOR,
            last_ns=missed.end_ns,
            arrival_ns=now_ns,
            decided_ns=now_ns,
            evidence={**found.evidence, "inspection": missed.id},
        )
        return Observation(finding, phase, place, zone)


def _of_plan(plan: Plan, route: Route, window: tuple[int, int], now_ns: int) -> Inspection:
    kind, (begin_ns, end_ns) = kind_of(plan.kind), window
    identifier = f"{plan.id}-{begin_ns // 60_000_000_000}"
    made = new_inspection(plan.site, identifier, kind, route, created_by=SYSTEM.username, created_ns=now_ns)
    name = {"zh": plan.name.get("zh") or plan.name.get("en", ""), "en": plan.name.get("en") or plan.name.get("zh", "")}
    post = plan.post or kind.post
    return replace(made, plan=plan.id, name=name, post=post, begin_ns=begin_ns, end_ns=end_ns)


def _visited_since(connection: Connection, site: str, since_ns: int) -> Sequence[str]:
    own = inspection_entries.c
    query = (
        select(own.place)
        .distinct()
        .where(own.site == site, own.type == CHECK_IN, own.at_ns >= since_ns, own.in_window, own.way.in_((QR, NFC)))
    )
    return connection.scalars(query).all()
