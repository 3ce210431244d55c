"""Plans of repeated inspections and guard rounds, and NFC tags of places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, delete, insert, select, update

from alerts.database.row_changes import added, changed, removed
from alerts.database.schema import inspection_plans, inspections, place_tags
from alerts.errors import Invalid, NotFound, Stale
from alerts.people.access import Actor, require
from alerts.register.changes import Change
from alerts.risk.registry import Registry
from alerts.rosters.model import DAYS, WEEKDAYS
from detectors import Calendar

from .kinds import MINUTE_NS, kind_of

PLAN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
BEGINS_MAX, PLACES_MAX, TAG_LENGTH_MAX = 48, 200, 128
WINDOW_MIN_MAX = 7 * 1_440
SECOND_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan. zones, places: none for those of the kind; begins: local times of day; days: as in a roster."""

    site: str
    id: str
    kind: str
    name: Mapping[str, str]
    post: str
    zones: Sequence[str]
    places: Sequence[str]
    begins: Sequence[str]
    days: Sequence[str]
    window_min: int
    active: bool
    version: int = 0
    edited_by: str = ""
    edited_ns: int = 0

    def windows(self, calendar: Calendar, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
        """Return the windows that begin within a span, in order."""
        zone, found = ZoneInfo(calendar.timezone), []
        day, last = (datetime.fromtimestamp(at // SECOND_NS, zone).date() for at in (from_ns, to_ns))
        while day <= last:
            if _on(self.days, calendar, day):
                for begin in self.begins:
                    begin_ns = _ns(datetime.combine(day, time.fromisoformat(begin), zone))
                    if from_ns <= begin_ns < to_ns:
                        found.append((begin_ns, begin_ns + self.window_min * MINUTE_NS))
            day += timedelta(days=1)
        return sorted(set(found))

    @property
    def enough(self) -> bool:
        """Return whether the plan has as many rounds a day as its kind asks for."""
        return len(self.begins) >= kind_of(self.kind).per_day


class InspectionPlans:
    """Plans and tags in the database. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int]) -> None:
        self._engine, self._registry, self._clock = engine, registry, clock
        self._reading = engine.execution_options(writes=False)

    def of_site(self, actor: Actor, site: str) -> list[Plan]:
        """Return the plans of a site by id. Raises Forbidden and NotFound."""
        require(actor, "see_inspections")
        self._require_site(actor, site)
        with self._reading.connect() as connection:
            return [one for one in plans(connection) if one.site == site]

    def put(self, actor: Actor, plan: Plan, *, version: int | None) -> Plan:
        """Create or change a plan; its planned inspections that have not begun are made again.

        version: the present one, None to create. Raises Forbidden, NotFound, Invalid and Stale.
        """
        require(actor, "plan_inspections")
        self._require_site(actor, plan.site)
        self._check(plan)
        own, now_ns = inspection_plans.c, self._clock()
        same = (own.site == plan.site) & (own.id == plan.id)
        with self._engine.begin() as connection:
            before = connection.execute(select(inspection_plans).where(same)).mappings().first()
            present = before["version"] if before else 0
            if present != (version or 0):
                raise Stale(version or 0, present)
            change = Change(connection, actor.username, now_ns)
            values: dict[str, Any] = {"version": present + 1, "edited_by": actor.username, "edited_ns": now_ns}
            row = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(plan).items()}
            row |= values
            if before is None:
                connection.execute(insert(inspection_plans).values(row))
                rows = [added(inspection_plans, row)]
            else:
                connection.execute(update(inspection_plans).where(same).values(row))
                rows = [changed(inspection_plans, dict(before), row)]
            rows += _withdrawn(connection, plan, now_ns)
            facts = {"kind": plan.kind, "begins": list(plan.begins), "active": plan.active}
            change.note("inspection_plan.edited", plan.site, f"{plan.site}/plan/{plan.id}", facts, rows)
        return replace(plan, **values)

    def tags(self, actor: Actor, site: str) -> dict[str, str]:
        """Return NFC tag -> place of a site. Raises Forbidden and NotFound."""
        require(actor, "plan_inspections")
        self._require_site(actor, site)
        query = select(place_tags.c.tag, place_tags.c.place).where(place_tags.c.site == site)
        with self._reading.connect() as connection:
            return {row.tag: row.place for row in connection.execute(query.order_by(place_tags.c.tag))}

    def put_tag(self, actor: Actor, site: str, tag: str, place: str) -> None:
        """Set the place of an NFC tag; "" removes the tag. Raises Forbidden, NotFound and Invalid."""
        require(actor, "plan_inspections")
        self._require_site(actor, site)
        if not 1 <= len(tag) <= TAG_LENGTH_MAX or not tag.isprintable():
            raise Invalid({"tag": f"1 to {TAG_LENGTH_MAX} printable characters"}, zh={"tag": "标签编号无效"})
        if place and (site, place) not in self._registry.places:
            raise Invalid({"place": f"no place {place!r} at {site}"}, zh={"place": f"{site} 没有位置“{place}”"})
        row = {"site": site, "tag": tag, "place": place}
        own = place_tags.c
        with self._engine.begin() as connection:
            gone = connection.execute(delete(place_tags).where(own.site == site, own.tag == tag)).rowcount
            if place:
                connection.execute(insert(place_tags).values(row))
            elif not gone:
                raise NotFound("tag", tag)
            rows = [added(place_tags, row) if place else removed(place_tags, row)]
            change = Change(connection, actor.username, self._clock())
            change.note("place_tag.set", site, f"{site}/tag/{tag}", {"place": place}, rows)

    def _require_site(self, actor: Actor, site: str) -> None:
        if not actor.sees(site) or site not in self._registry.sites:
            raise NotFound("site", site)

    def _check(self, plan: Plan) -> None:
        kind_of(plan.kind)
        wrong: dict[str, tuple[str, str]] = {}
        if not PLAN_ID.fullmatch(plan.id):
            wrong["id"] = "1 to 40 letters, digits, dots, dashes", "1 至 40 个字母、数字、点或短横"
        if not any(text.strip() for text in plan.name.values()):
            wrong["name"] = "a text in one language at least", "至少一种语言的名称"
        if not 1 <= len(plan.begins) <= BEGINS_MAX or not all(_clock_time(one) for one in plan.begins):
            wrong["begins"] = f"1 to {BEGINS_MAX} local times such as 06:30", f"1 至 {BEGINS_MAX} 个时刻，例如 06:30"
        if not plan.days or set(plan.days) - set(DAYS):
            wrong["days"] = f"one or more of {', '.join(DAYS)}", f"允许：{', '.join(DAYS)}"
        if not 1 <= plan.window_min <= WINDOW_MIN_MAX:
            wrong["window_min"] = f"1 to {WINDOW_MIN_MAX} min", f"1 至 {WINDOW_MIN_MAX} 分钟"
        foreign = [one for one in plan.places if (plan.site, one) not in self._registry.places]
        if foreign or len(plan.places) > PLACES_MAX:
            wrong["places"] = f"places of the site; unknown: {', '.join(foreign[:5])}", "须为本校的位置"
        if wrong:
            raise Invalid({at: en for at, (en, _) in wrong.items()}, zh={at: zh for at, (_, zh) in wrong.items()})


def plans(connection: Connection) -> list[Plan]:
    """Return all plans by site and id."""
    query = select(inspection_plans).order_by(inspection_plans.c.site, inspection_plans.c.id)
    return [Plan(**row) for row in connection.execute(query).mappings()]


def _withdrawn(connection: Connection, plan: Plan, now_ns: int) -> list[Any]:
    """Delete the planned inspections of a plan that have not begun; return the changes."""
    own = inspections.c
    later = (own.site == plan.site, own.plan == plan.id, own.state == "planned", own.begin_ns > now_ns)
    ids = list(connection.scalars(select(own.id).where(*later)))
    connection.execute(delete(inspections).where(own.site == plan.site, own.id.in_(ids)))
    return [removed(inspections, {"site": plan.site, "id": one}) for one in ids]


def _on(days: Sequence[str], calendar: Calendar, day: date) -> bool:
    kinds = {"all", "school" if calendar.hours(day) is not None else "free", WEEKDAYS[day.weekday()]}
    return bool(kinds & set(days))


def _clock_time(text: str) -> bool:
    return re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is not None


def _ns(local: datetime) -> int:
    delta = local.astimezone(UTC) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS
