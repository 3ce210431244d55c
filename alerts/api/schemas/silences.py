"""Schemas of silences and maintenance windows: request and response."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from alerts import Registry
from alerts.silences.silence import Silence as Found
from alerts.silences.timed import where
from detectors import Calendar

from .fields import Body, Both, Count, SiteId, Time, Username, Version, both, moment

SilenceKind = Literal["silence", "maintenance"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", description="local time", examples=["14:00"])]
SilenceId = Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]


class Weekly(BaseModel, extra="forbid"):
    """Weekly windows in the zone of the site. An end at or before the begin is on the next day."""

    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7, examples=[["sat"]])]
    begin: Clock
    end: Clock
    days: Annotated[Literal["all", "school", "free"], Field(description="days by the school calendar")] = "all"


class Patrol(BaseModel, extra="forbid"):
    """Compensating patrol: a named person records an entry within each interval."""

    by: Annotated[str, Field(max_length=64, description="account of the person", examples=["operator"])]
    interval_min: Annotated[int, Field(ge=1, le=1_440, description="interval in minutes", examples=[15])]


class SilenceToCreate(BaseModel, extra="forbid"):
    """A silence to create. At least one of zone, place, sensor and cause; an empty one is any."""

    kind: Annotated[SilenceKind, Field(description="at most 24 h; maintenance at most 7 days")] = "silence"
    zone: Annotated[str, Field(max_length=64, examples=["dorm-3"])] = ""
    place: Annotated[str, Field(max_length=64, examples=["d-101"])] = ""
    sensor: Annotated[str, Field(max_length=256, examples=["smoke-412"])] = ""
    cause: Annotated[str, Field(max_length=32, description="cause of hazards", examples=["sensor_health"])] = ""
    owner: Annotated[str, Field(max_length=64, description="account of the named person", examples=["operator"])]
    reason: Annotated[str, Field(min_length=1, max_length=500, examples=["detectors are cleaned"])]
    starts_at: Annotated[str | None, Field(max_length=40, description="now if missing")] = None
    ends_at: Annotated[str, Field(max_length=40, description="end; with `weekly` the end of the recurrence")]
    weekly: Weekly | None = None
    patrol: Annotated[Patrol | None, Field(description="required for life safety")] = None


class PatrolToRecord(BaseModel, extra="forbid"):
    """A patrol entry."""

    note: Annotated[str, Field(max_length=500, examples=["rooms and corridor in order"])] = ""


class PatrolEntry(Body):
    """One patrol entry of a silence."""

    at: Time | None
    by: Username
    note: Annotated[str, Field(examples=["rooms and corridor in order"])]


class PatrolState(Body):
    """Patrol of a silence. due_at: next entry, null outside of a window. entries: the newest first, at most 50."""

    by: Username
    interval_min: Annotated[int, Field(examples=[15])]
    due_at: Time | None
    count: Count
    entries: list[PatrolEntry]


class Silence(Body):
    """One silence. It mutes the page and the sound, never the detection, hazard, ticket or closure."""

    id: SilenceId
    site: SiteId
    kind: SilenceKind
    zone: Annotated[str, Field(examples=["dorm-3"])]
    place: Annotated[str, Field(examples=["d-101"])]
    sensor: Annotated[str, Field(examples=["smoke-412"])]
    cause: Annotated[str, Field(examples=["sensor_health"])]
    place_name: Both
    owner: Username
    reason: Annotated[str, Field(examples=["detectors are cleaned"])]
    starts_at: Time | None
    ends_at: Time | None
    weekly: Weekly | None
    active: Annotated[bool, Field(description="it is in a window now")]
    window_ends_at: Annotated[Time | None, Field(description="end of the present or next window")]
    window_starts_at: Annotated[Time | None, Field(description="begin of the present or next window")]
    patrol: PatrolState | None
    ended_at: Time | None
    ended_by: Annotated[str | None, Field(examples=["officer"])]
    end_cause: Annotated[Literal["", "person", "expired", "patrol_missed"], Field(description="empty before the end")]
    created_by: Username
    created_at: Time | None
    version: Version


class SilenceList(Body):
    """Silences of a site. causes: those that the person may silence; any_cause: a matcher without a cause is permitted.

    patrolled: causes of life safety, which need a patrol.
    """

    items: list[Silence]
    causes: Annotated[list[str], Field(examples=[["fire", "sensor_health"]])]
    any_cause: bool
    patrolled: Annotated[list[str], Field(examples=[["fire"]])]


ENTRIES_MAX = 50


def silence_body(found: Found, registry: Registry, calendar: Calendar, now_ns: int) -> Silence:
    """Return a silence with its present or next window."""
    same = ("id", "site", "kind", "zone", "place", "sensor", "cause", "owner", "reason", "ended_by", "end_cause")
    window = found.following(calendar, now_ns)
    fields = {name: getattr(found, name) for name in (*same, "created_by", "version", "weekly")}
    fields |= {
        name.replace("_ns", "_at"): moment(getattr(found, name)) for name in ("starts_ns", "ends_ns", "ended_ns")
    }
    return Silence(
        **fields,
        place_name=both(where(found, registry)),
        active=found.window(calendar, now_ns) is not None,
        window_starts_at=moment(window[0]) if window else None,
        window_ends_at=moment(window[1]) if window else None,
        patrol=_patrol(found, calendar, now_ns),
        created_at=moment(found.created_ns),
    )


def _patrol(found: Found, calendar: Calendar, now_ns: int) -> PatrolState | None:
    if not found.patrol:
        return None
    newest = found.patrols[-ENTRIES_MAX:][::-1]
    return PatrolState(
        by=found.patrol["by"],
        interval_min=found.patrol["interval_min"],
        due_at=moment(found.due_ns(calendar, now_ns)),
        count=len(found.patrols),
        entries=[PatrolEntry(at=moment(one["at_ns"]), by=one["by"], note=one["note"]) for one in newest],
    )
