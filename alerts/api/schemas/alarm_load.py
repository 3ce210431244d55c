"""Response schemas of the alarm load of one site."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

import alerts
from alerts.alarm_load.figures import AlarmLoad as Load
from alerts.alarm_load.targets import TARGETS

from .fields import Body, Both, Colour, Count, SiteId, Time, both, moment

_Rate = Annotated[float | None, Field(description="null under 30 days of record", examples=[0.3])]


class LoadTarget(Body):
    """Target of one figure with the edition that states it."""

    figure: Annotated[str, Field(examples=["per_10_min"])]
    limit: Annotated[float, Field(examples=[1])]
    edition: Annotated[str, Field(examples=["ISA-18.2, table 7 (by studies)"])]
    note: Both


class LoadOfRule(Body):
    """Alarms of one rule at one place, with the medians of acknowledgement and return to normal."""

    rule: Annotated[str, Field(examples=["smoke_alarm"])]
    place: Both
    count: Count
    share: Annotated[float, Field(ge=0, le=1, examples=[0.2])]
    acknowledged_s: Annotated[float | None, Field(examples=[42])]
    returned_s: Annotated[float | None, Field(examples=[600])]


class Bucket(Body):
    """Alarms of ten minutes."""

    at: Time
    count: Count


class AlarmLoad(Body):
    """Alarm load of one site over a span of time. Counts are always present; rates need 30 days of record."""

    site: SiteId
    since: Time
    until: Time
    days: Annotated[float, Field(ge=0, description="days of record in the span", examples=[30])]
    days_min: Annotated[int, Field(description="days of record that a rate needs", examples=[30])]
    count: Count
    per_10_min: _Rate
    per_day: _Rate
    flood_share: _Rate
    top_ten_share: _Rate
    peak_10_min: Count
    floods: Count
    chattering: Count
    standing: Count
    by_grade: Annotated[dict[Colour, int], Field(examples=[{"red": 1, "orange": 4}])]
    buckets: list[Bucket]
    top: list[LoadOfRule]
    targets: list[LoadTarget]


class ChatterOfRule(Body):
    """Chatter index of one rule at one sensor. index: mean of the inverse times between two raises, in 1/s."""

    rule: Annotated[str, Field(examples=["smoke_alarm"])]
    sensor: Annotated[str, Field(examples=["smoke-412"])]
    count: Count
    index: Annotated[float, Field(ge=0, examples=[0.05])]
    chattering: Annotated[bool, Field(description="the index is at least `limit`")]


class ChatterList(Body):
    """Rules and sensors with the highest chatter index in the last 30 days. limit: index of three alarms in 60 s."""

    items: list[ChatterOfRule]
    limit: Annotated[float, Field(examples=[0.05])]


def targets() -> list[LoadTarget]:
    """Return the targets of all editions."""
    return [
        LoadTarget(figure=one.figure, limit=one.limit, edition=one.edition, note=Both(zh=one.zh, en=one.en))
        for one in TARGETS
    ]


def load_of_rules(load: Load, site: str, registry: alerts.Registry) -> list[LoadOfRule]:
    """Return the most frequent alarms."""
    return [
        LoadOfRule(
            rule=one.rule,
            place=both(registry.place_name(site, one.place)),
            count=one.count,
            share=one.share,
            acknowledged_s=one.taken_s,
            returned_s=one.returned_s,
        )
        for one in load.top
    ]


def buckets(load: Load) -> list[Bucket]:
    """Return the ten minutes with an alarm."""
    return [Bucket(at=moment(at) or "", count=number) for at, number in load.buckets]
