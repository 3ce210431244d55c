"""Drills planned for a later time: plan, cancel, announce to the owner, start; rows survive a restart."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from alerts.database import journal
from alerts.database import rows as records
from alerts.database.commits import mark_written
from alerts.database.row_changes import added, changed
from alerts.database.schema import accounts, drill_plans, emergency_orders, hazards, notices
from alerts.errors import Forbidden, GuardFailed, Invalid, NotFound
from alerts.escalations.pager import Router
from alerts.model import Notice, identity
from alerts.notices.writer import CONSOLE
from alerts.people.access import Actor, require
from alerts.risk.registry import Registry
from alerts.timestamps import local_time

from .drill import SECOND_NS, Scene, checked, kinds
from .drills import OPERATION, Drills

PLANNED, STARTED, CANCELLED, SKIPPED = "planned", "started", "cancelled", "skipped"
ANNOUNCED = "drill.announced"
NOT_STARTED = "drill.skipped"
"""Types of the notices to the owner, and kinds of the entries."""
ANNOUNCE_NS = 900 * SECOND_NS
LATE_NS = 600 * SECOND_NS
"""Delay, for instance by a pause of the service, after which a planned drill does not start."""
AHEAD_NS = 90 * 86_400 * SECOND_NS
PLANNED_MAX, LISTED_MAX = 20, 100
ORDER = {"app": 0.0, "email": 0.0, "sms": 0.0}
SYSTEM = "system"
_REASONS: Mapping[str, tuple[str, str]] = {
    "late": ("服务当时未运行", "the service did not run at that time"),
    "real_alarm": ("有真实报警或真实指令", "a real alarm or order was open"),
    "drill_runs": ("另一场演练正在进行", "another drill was running"),
    "account": ("安排人已无权演练", "its owner may no longer run drills"),
    "scene": ("场所或排班表已变更", "its place or the roster has changed"),
}
_START_ERRORS: Mapping[type[Exception], str] = {
    Forbidden: "account",
    GuardFailed: "drill_runs",
    NotFound: "scene",
    Invalid: "scene",
}


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """A drill that starts at `at_ns`. state: planned, started, cancelled or skipped, for a reason.

    owner: account that planned it; drill: id of the started drill; announced_ns: notice to the owner, None before it.
    """

    id: str
    site: str
    zone: str
    place: str
    kind: str
    silent: bool
    at_ns: int
    owner: str
    state: str
    reason: str
    drill: str
    announced_ns: int | None
    version: int

    @property
    def scene(self) -> Scene:
        """Return what the drill supposes."""
        return Scene(self.site, self.zone, self.place, self.kind)


class PlannedDrills:
    """Plans and starts drills. Methods may be called from several threads."""

    def __init__(
        self, engine: Engine, registry: Registry, clock: Callable[[], int], *, drills: Drills, router: Router
    ) -> None:
        self._engine, self._registry, self._clock = engine, registry, clock
        self._drills, self._router = drills, router
        self._reading = engine.execution_options(writes=False)

    def plan(
        self, actor: Actor, *, site: str, zone: str, kind: str, at_ns: int, place: str = "", silent: bool = False
    ) -> DrillPlan:
        """Plan a drill of the next 90 days. Raises Forbidden, NotFound, Invalid and GuardFailed."""
        require(actor, OPERATION)
        scene = checked(self._registry, actor, site=site, zone=zone, kind=kind, place=place)
        now_ns = self._clock()
        if not now_ns < at_ns <= now_ns + AHEAD_NS:
            raise Invalid({"at": "a time within the next 90 days"}, zh={"at": "须为今后 90 天内的时间"})
        made = DrillPlan(
            secrets.token_hex(12), *scene, silent, at_ns, actor.username, PLANNED, "", "", announced_ns=None, version=0
        )
        with self._engine.begin() as connection:
            if len(self._waiting(connection, site)) >= PLANNED_MAX:
                en = f"{PLANNED_MAX} drills are planned at this site, the maximum"
                raise GuardFailed("drills_planned", f"本校最多安排 {PLANNED_MAX} 场演练", en)
            connection.execute(insert(drill_plans).values(asdict(made)))
            self._note(connection, "drill.planned", None, made, by=actor.username)
        return made

    def cancel(self, actor: Actor, site: str, plan_id: str) -> DrillPlan:
        """Cancel a planned drill. Raises Forbidden, NotFound and GuardFailed."""
        require(actor, OPERATION)
        with self._engine.begin() as connection:
            row = connection.execute(select(drill_plans).where(drill_plans.c.id == plan_id)).first()
            if row is None or row.site != site or not actor.sees(site):
                raise NotFound("planned drill", plan_id)
            before = _plan(row)
            if before.state != PLANNED:
                raise GuardFailed("drill_planned", "该演练已开始或已取消", "the drill has started or is cancelled")
            return self._change(connection, before, "drill.cancelled", by=actor.username, state=CANCELLED)

    def of_site(self, actor: Actor, site: str) -> Sequence[DrillPlan]:
        """Return the planned drills of a site by their time, then past plans, the newest first.

        Raises Forbidden and NotFound.
        """
        require(actor, "see_drills")
        if not actor.sees(site):
            raise NotFound("site", site)
        own = drill_plans.c
        past = select(drill_plans).where(own.site == site, own.state != PLANNED).order_by(own.at_ns.desc())
        with self._reading.connect() as connection:
            waiting = self._waiting(connection, site)
            return [*waiting, *(_plan(row) for row in connection.execute(past.limit(LISTED_MAX)))]

    def settle(self, now_ns: int) -> None:
        """Announce and start the drills that are due. The caller calls it each second."""
        own = drill_plans.c
        due = own.state == PLANNED, own.at_ns <= now_ns + ANNOUNCE_NS
        with self._reading.connect() as connection:
            found = [_plan(row) for row in connection.execute(select(drill_plans).where(*due).order_by(own.at_ns))]
        for one in found:
            if one.at_ns <= now_ns:
                self._start(one, now_ns)
            elif one.announced_ns is None:
                with self._engine.begin() as connection:
                    if (fresh := self._fresh(connection, one)) is not None:
                        self._change(connection, fresh, ANNOUNCED, by=SYSTEM, announced_ns=now_ns)
                        self._tell(connection, one, ANNOUNCED, "", now_ns)

    def _start(self, one: DrillPlan, now_ns: int) -> None:
        """Start a due drill, or skip it with its reason; in one transaction, so a restart starts it once."""
        try:
            with self._engine.begin() as connection:
                fresh = self._fresh(connection, one)
                if fresh is None:
                    return
                reason = self._obstacle(connection, one, now_ns)
                if reason:
                    self._skip(connection, fresh, reason, now_ns)
                    return
                actor = _owner(connection, one)
                scene = checked(self._registry, actor, site=one.site, zone=one.zone, kind=one.kind, place=one.place)
                drill = self._drills.opened(connection, actor, scene, silent=one.silent, as_of_ns=None, plan=one.id)
                self._change(connection, fresh, "drill.plan_started", by=SYSTEM, state=STARTED, drill=drill.id)
        except tuple(_START_ERRORS) as error:
            with self._engine.begin() as connection:
                if (fresh := self._fresh(connection, one)) is not None:
                    self._skip(connection, fresh, _START_ERRORS[type(error)], now_ns)

    def _obstacle(self, connection: Connection, one: DrillPlan, now_ns: int) -> str:
        """Return the reason why a drill does not start, "" without one. A silent one disturbs no real alarm."""
        if now_ns - one.at_ns > LATE_NS:
            return "late"
        if one.silent:
            return ""
        alarm = hazards.c
        real = (alarm.site == one.site, alarm.active, ~alarm.drill, alarm.paged_grade > 0, alarm.kind.in_(kinds()))
        order = emergency_orders.c
        ordered = (order.site == one.site, order.state == "active", ~order.drill)
        queries = (select(alarm.id).where(*real), select(order.id).where(*ordered))
        return "real_alarm" if any(connection.execute(query.limit(1)).first() for query in queries) else ""

    def _skip(self, connection: Connection, one: DrillPlan, reason: str, now_ns: int) -> None:
        self._change(connection, one, NOT_STARTED, by=SYSTEM, state=SKIPPED, reason=reason)
        self._tell(connection, one, NOT_STARTED, reason, now_ns)

    def _tell(self, connection: Connection, one: DrillPlan, kind: str, reason: str, now_ns: int) -> None:
        """Write the notice to the addresses of the owner in the roster, and to the list of notices."""
        duty = self._router.duty(connection, one.site)
        person = None if duty is None else duty.roster.person_of(one.owner)
        where, at = dict(self._registry.place_name(one.site, one.place)), local_time(one.at_ns, self._registry.timezone)
        text = {
            "zh": f"您安排的{'静默' if one.silent else ''}演练将于{at}开始：{where['zh']}",
            "en": f"your {'silent ' if one.silent else ''}drill starts at {at}: {where['en']}",
        }
        if reason:
            zh, en = _REASONS[reason]
            text = {
                "zh": f"您安排的演练（{at}）未开始：{where['zh']}，{zh}",
                "en": f"your drill of {at} did not start: {where['en']}, {en}",
            }
        body = {"site": one.site, "grade": "blue", "place": where, "text": text, "page": False, "drill": True}
        found = [_notice(one, kind, (CONSOLE, ""), body, now_ns=now_ns)]
        for message in self._router.reach.messages([person] if person else [], ORDER):
            to = {"address": message.address, "medium": message.medium, "persons": list(message.persons)}
            found.append(_notice(one, kind, (message.channel, message.address), {**body, "to": to}, now_ns=now_ns))
        records.add_all(connection, notices, found)
        mark_written(connection)

    @staticmethod
    def _waiting(connection: Connection, site: str) -> list[DrillPlan]:
        own = drill_plans.c
        query = select(drill_plans).where(own.site == site, own.state == PLANNED).order_by(own.at_ns)
        return [_plan(row) for row in connection.execute(query)]

    @staticmethod
    def _fresh(connection: Connection, one: DrillPlan) -> DrillPlan | None:
        """Return the plan as stored while it is planned, None once another thread or process has changed it."""
        own = drill_plans.c
        query = select(drill_plans).where(own.id == one.id, own.state == PLANNED, own.version == one.version)
        row = connection.execute(query).first()
        return None if row is None else _plan(row)

    def _change(self, connection: Connection, before: DrillPlan, kind: str, *, by: str, **changes: Any) -> DrillPlan:
        after = replace(before, version=before.version + 1, **changes)
        connection.execute(update(drill_plans).where(drill_plans.c.id == after.id).values(asdict(after)))
        self._note(connection, kind, before, after, by=by)
        return after

    def _note(self, connection: Connection, kind: str, before: DrillPlan | None, after: DrillPlan, *, by: str) -> None:
        values = asdict(after)
        names = ("zone", "place", "kind", "silent", "at_ns", "owner", "reason", "drill")
        change = added(drill_plans, values) if before is None else changed(drill_plans, asdict(before), values)
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=by,
            kind=kind,
            site=after.site,
            subject=after.id,
            facts={name: values[name] for name in names},
            rows=[change],
        )


def _owner(connection: Connection, one: DrillPlan) -> Actor:
    """Return the owner with the present rights. Raises Forbidden."""
    row = connection.execute(select(accounts).where(accounts.c.username == one.owner)).first()
    if row is None or row.ended_ns is not None:
        raise Forbidden(OPERATION, ("the account of the owner has ended", "负责人的账号已注销"))
    actor = Actor(one.owner, frozenset(row.roles), None if row.sites is None else frozenset(row.sites))
    require(actor, OPERATION)
    return actor


def _notice(one: DrillPlan, kind: str, to: tuple[str, str], body: Mapping[str, Any], *, now_ns: int) -> Notice:
    """Return a notice to the owner. to: channel and address."""
    channel, address = to
    key = f"msg_{identity(kind, one.id, channel, address)}"
    made = Notice.pending(key, channel=channel, type=kind, body=body, at_ns=now_ns, about=(one.site, "", ""))
    return replace(made, state="sent", delivered_ns=now_ns) if channel == CONSOLE else made


def _plan(row: Row[Any]) -> DrillPlan:
    return DrillPlan(**row._asdict())
