"""Records of drills, and the checks of their scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.errors import Invalid, NotFound
from alerts.people.access import Actor
from alerts.risk.causes import causes
from alerts.risk.registry import Registry

SECOND_NS = 1_000_000_000
NIGHT_HOUR = 2
"""Local hour at which a silent drill supposes the danger, without another time."""


class Scene(NamedTuple):
    """What a drill supposes."""

    site: str
    zone: str
    place: str
    kind: str


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill. hazard: of its alarm, "" of a silent one; ended_ns: None while it runs.

    as_of_ns: supposed time of a silent drill; run: its course, see `Run.facts`.
    """

    id: str
    site: str
    zone: str
    place: str
    kind: str
    hazard: str
    started_by: str
    started_ns: int
    ended_ns: int | None
    silent: bool = False
    as_of_ns: int | None = None
    run: Mapping[str, Any] = field(default_factory=dict)


def kinds() -> list[str]:
    """Return the kinds of danger to life, which a drill may suppose."""
    return sorted(name for name, cause in causes().items() if cause.life_safety)


def checked(registry: Registry, actor: Actor, *, site: str, zone: str, kind: str, place: str) -> Scene:
    """Return the scene; place: "" for the first place of the zone. Raises NotFound and Invalid."""
    if not actor.sees(site) or site not in registry.sites:
        raise NotFound("site", site)
    places = sorted(one.id for one in registry.places.values() if (one.site, one.zone) == (site, zone))
    if not places:
        raise Invalid({"zone": "a zone of the site with a place"}, zh={"zone": "须为本校有场所的区域"})
    if place and place not in places:
        few = places[:50]
        raise Invalid({"place": f"empty, or one of {', '.join(few)}"}, zh={"place": f"留空或为：{'、'.join(few)}"})
    if kind not in kinds():
        raise Invalid({"kind": f"one of {', '.join(kinds())}"}, zh={"kind": f"须为：{'、'.join(kinds())}"})
    return Scene(site, zone, place or places[0], kind)


def last_night(now_ns: int, zone: ZoneInfo) -> int:
    """Return the last time at which it was NIGHT_HOUR in a zone."""
    now = datetime.fromtimestamp(now_ns // SECOND_NS, zone)
    night = now.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    if night > now:
        night = (now - timedelta(days=1)).replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return int(night.timestamp()) * SECOND_NS
