"""Route of the alarm load of one site."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from alerts import Invalid, format_time
from alerts.alarm_load.chatter import CHATTERING
from alerts.alarm_load.figures import DAY_NS, RATE_DAYS_MIN, alarm_load

from .dependencies import ActorIn, DependenciesIn, moment_of
from .problem import problems
from .schemas.alarm_load import AlarmLoad, ChatterList, ChatterOfRule, buckets, load_of_rules, targets

router = APIRouter(tags=["hazards"])
SPAN_DAYS, SPAN_DAYS_MAX = 30, 366


@router.get("/alarm-load", responses=problems(404))
def load(
    service: DependenciesIn,
    actor: ActorIn,
    site: Annotated[str, Query(max_length=64, description="one site")],
    since: Annotated[str | None, Query(max_length=40, description="begin; 30 days before `until` if missing")] = None,
    until: Annotated[str | None, Query(max_length=40, description="end; now if missing")] = None,
) -> AlarmLoad:
    """Return the alarms of a site that paged: rate per 10 min, floods, chatter, standing alarms, the most frequent.

    Each target names its edition. Under 30 days of record all rates are null; counts remain.
    """
    until_ns = service.clock() if until is None else moment_of(until, "until")
    since_ns = until_ns - SPAN_DAYS * DAY_NS if since is None else moment_of(since, "since")
    if not since_ns < until_ns <= since_ns + SPAN_DAYS_MAX * DAY_NS:
        raise Invalid.in_both(
            {"since": (f"before `until`, at most {SPAN_DAYS_MAX} days", f"须早于结束时间，最多 {SPAN_DAYS_MAX} 天")}
        )
    record = service.dispatch.queries.alarm_record(actor, site=site, since_ns=since_ns, until_ns=until_ns)
    found = alarm_load(record.rows, since_ns=max(since_ns, record.begin_ns), until_ns=until_ns)
    names = ("days", "count", "per_10_min", "per_day", "flood_share", "top_ten_share")
    counts = ("peak_10_min", "floods", "chattering")
    fields: dict[str, Any] = {name: getattr(found, name) for name in (*names, *counts, "by_grade")}
    return AlarmLoad(
        site=site,
        since=format_time(since_ns),
        until=format_time(until_ns),
        days_min=RATE_DAYS_MIN,
        standing=record.standing,
        buckets=buckets(found),
        top=load_of_rules(found, site, service.dispatch.registry),
        targets=targets(),
        **fields,
    )


@router.get("/chatter", responses=problems(404))
def chatter(
    service: DependenciesIn,
    actor: ActorIn,
    site: Annotated[str, Query(max_length=64, description="one site")],
    sensor: Annotated[str | None, Query(max_length=256, description="only of this sensor")] = None,
) -> ChatterList:
    """Return the chatter index of rules and sensors in the last 30 days, the highest first, at most 20."""
    found = service.dispatch.discipline.chatter(actor, site, span_ns=SPAN_DAYS * DAY_NS, sensor=sensor)
    items = [
        ChatterOfRule(
            rule=one.rule, sensor=one.sensor, count=one.count, index=round(one.index, 4), chattering=one.chattering
        )
        for one in found
    ]
    return ChatterList(items=items, limit=CHATTERING)
