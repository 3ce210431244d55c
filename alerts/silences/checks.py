"""Rules of a silence to create: matcher, span, recurrence, and a patrol for life safety."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlalchemy import Connection, select

from alerts.database.schema import accounts
from alerts.errors import Invalid
from alerts.people.access import OPERATIONS
from alerts.risk.causes import causes
from alerts.risk.registry import Registry
from ingest import Catalog

from .limits import DAY_NS, HOUR_NS, Limits, limits
from .silence import DAYS, KINDS, WEEKDAYS, covers_life_safety

REASON_MIN, REASON_MAX = 3, 500
PERSONS = OPERATIONS["acknowledge"]
"""Roles of an owner and of a person on patrol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A silence as a person requests it. ends_ns: end of the span, or of the recurrence."""

    site: str
    kind: str
    zone: str = ""
    place: str = ""
    sensor: str = ""
    cause: str = ""
    owner: str
    reason: str
    starts_ns: int
    ends_ns: int
    weekly: Mapping[str, Any] | None = None
    patrol: Mapping[str, Any] | None = None


class Faults:
    """Faults of the fields in both languages."""

    def __init__(self) -> None:
        self._zh: dict[str, str] = {}
        self._en: dict[str, str] = {}

    def add(self, name: str, zh: str, en: str) -> None:
        """Add the fault of a field; the first one stays."""
        self._zh.setdefault(name, zh)
        self._en.setdefault(name, en)

    def report(self) -> None:
        """Raise Invalid with every fault."""
        if self._en:
            raise Invalid(self._en, zh=self._zh)


def check(connection: Connection, registry: Registry, wanted: Wanted, catalog: Catalog | None, *, now_ns: int) -> None:
    """Raise Invalid with every fault of a silence to create. catalog: of the sensors beside the declared ones."""
    faults, bounds = Faults(), limits()
    if wanted.kind not in KINDS:
        faults.add("kind", "须为静默或维护", f"one of {', '.join(KINDS)}")
        faults.report()
    _matcher(faults, registry, wanted)
    if wanted.sensor and not _exists(registry, catalog, wanted):
        faults.add("sensor", f"本校没有传感器 {wanted.sensor!r}", f"no sensor {wanted.sensor!r} at {wanted.site}")
    if not REASON_MIN <= len(wanted.reason.strip()) <= REASON_MAX:
        faults.add("reason", f"须为{REASON_MIN}至{REASON_MAX}字", f"a text of {REASON_MIN} to {REASON_MAX} characters")
    _person(connection, faults, "owner", wanted.owner, wanted.site)
    _span(faults, bounds, wanted, now_ns)
    if wanted.patrol is not None:
        least, most = bounds.patrol_min
        if not least <= int(wanted.patrol["interval_min"]) <= most:
            faults.add("patrol", f"巡查间隔须为{least}至{most}分钟", f"an interval of {least} to {most} min")
        _person(connection, faults, "patrol", str(wanted.patrol["by"]), wanted.site)
    elif covers_life_safety(wanted.cause):
        faults.add(
            "patrol",
            "静默生命安全报警须安排补偿巡查：指定人员和间隔；否则请选择其他报警类别",
            "a silence of life safety needs a patrol with a person and an interval; or choose another cause",
        )
    faults.report()


def _matcher(faults: Faults, registry: Registry, wanted: Wanted) -> None:
    if not (wanted.zone or wanted.place or wanted.sensor or wanted.cause):
        faults.add("zone", "至少限定区域、场所、传感器或报警类别之一", "at least one of zone, place, sensor or cause")
    if wanted.zone and (wanted.site, wanted.zone) not in registry.zones:
        faults.add("zone", f"本校没有区域 {wanted.zone!r}", f"no zone {wanted.zone!r} at {wanted.site}")
    place = registry.places.get((wanted.site, wanted.place))
    if wanted.place and place is None:
        faults.add("place", f"本校没有场所 {wanted.place!r}", f"no place {wanted.place!r} at {wanted.site}")
    if place is not None and wanted.zone and place.zone != wanted.zone:
        faults.add("place", f"该场所不在区域 {wanted.zone!r}", f"the place is not in the zone {wanted.zone!r}")
    names = sorted({one.name for one in causes().values()})
    if wanted.cause and wanted.cause not in names:
        faults.add("cause", f"须为：{'、'.join(names)}", f"one of {', '.join(names)}")


def _exists(registry: Registry, catalog: Catalog | None, wanted: Wanted) -> bool:
    known = catalog.find(wanted.site, wanted.sensor) if catalog is not None else None
    if known is not None:
        return not known.removed and known.id == wanted.sensor
    return any((one.site, one.id) == (wanted.site, wanted.sensor) for one in registry.sensors)


def _span(faults: Faults, bounds: Limits, wanted: Wanted, now_ns: int) -> None:
    span_ns = wanted.ends_ns - wanted.starts_ns
    if wanted.ends_ns <= now_ns or span_ns <= 0:
        faults.add("ends_at", "须晚于现在和开始时间", "later than now and than `starts_at`")
    if wanted.starts_ns > now_ns + bounds.start_ahead_ns:
        days = bounds.start_ahead_ns // DAY_NS
        faults.add("starts_at", f"最多提前{days}天", f"at most {days} days in the future")
    if wanted.weekly is None:
        most_ns = bounds.duration_ns[wanted.kind]
        if span_ns > most_ns:
            hours = most_ns // HOUR_NS
            faults.add("ends_at", f"最长{hours}小时", f"at most {hours} h after `starts_at`")
        return
    if span_ns > bounds.recurrence_ns:
        days = bounds.recurrence_ns // DAY_NS
        faults.add("ends_at", f"重复最长{days}天", f"a recurrence of at most {days} days")
    _weekly(faults, wanted.weekly)


def _weekly(faults: Faults, weekly: Mapping[str, Any]) -> None:
    chosen = [*weekly["weekdays"]]
    if not chosen or not set(chosen) <= set(WEEKDAYS) or weekly["days"] not in DAYS:
        en = f"weekdays of {', '.join(WEEKDAYS)}; days one of {', '.join(DAYS)}"
        faults.add("weekly", "须选择星期，并选择每天、上课日或休息日", en)
    try:
        times = [time.fromisoformat(weekly[name]) for name in ("begin", "end")]
    except ValueError:
        times = []
    if len(times) != len({one for one in times if one.tzinfo is None}) or not times:
        faults.add("weekly", "开始和结束须为不同的时刻，如 14:00", "begin and end are different times such as 14:00")


def _person(connection: Connection, faults: Faults, name: str, username: str, site: str) -> None:
    """Add a fault unless an account of the site exists that has not ended and may acknowledge alarms."""
    row = connection.execute(select(accounts).where(accounts.c.username == username)).first()
    able = row is not None and row.ended_ns is None and bool(set(row.roles) & PERSONS)
    if not able or row is None or not (row.sites is None or site in row.sites):
        roles = ", ".join(sorted(PERSONS))
        faults.add(name, f"没有可负责的账号 {username!r}", f"no account {username!r} of {site} with a role of {roles}")
