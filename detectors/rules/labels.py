"""Labels of camera events: class, track, zone, score and end, in any of their spellings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

ENDS = frozenset(("end", "ended", "stop", "stopped", "leave", "left", "exit", "lost", "over", "finished"))
"""States of an event that end its track."""

UNSCORED = 0.75
"""Score of an event without one: its camera has a threshold of its own, but was not sure (D)."""

Dims = Mapping[str, Any]


class Zoned(Protocol):
    """Rule over the zones of a camera."""

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones of its events."""
        ...

    @property
    def zone_profiles(self) -> tuple[str, ...]:
        """Profiles of the sensors whose events without a zone count."""
        ...


def label_of(dims: Dims | None) -> str:
    """Return the class of an event in lower case, words joined by underscores; "" without one.

    >>> label_of({"label": "Person steals-object"})
    'person_steals_object'
    """
    return _plain(str(dims.get("label") or "")) if dims else ""


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return "_".join(text.lower().replace("-", " ").split())


def track_of(dims: Dims) -> str:
    """Return the id of the tracked object; "" without one."""
    return str(dims.get("event_id") or dims.get("track") or "")


def score_of(dims: Dims) -> float:
    """Return the score of an event; UNSCORED without a number, as in a recording without the column.

    >>> score_of({"score": "0.9"}), score_of({"score": ""})
    (0.9, 0.75)
    """
    try:
        score = float(dims["score"])
    except (KeyError, TypeError, ValueError):
        return UNSCORED
    return score if 0 <= score <= 1 else UNSCORED


def ended(dims: Dims, value: float) -> bool:
    """Return whether the event ends its track."""
    return str(dims.get("phase") or "").lower() in ENDS or not value > 0


def zoned(rule: Zoned, dims: Dims, profile: str) -> bool:
    """Return whether an event is in a zone of the rule, or without a zone, of a sensor with one of its profiles."""
    if not rule.zones and not rule.zone_profiles:
        return True
    zone = dims.get("zones", dims.get("zone"))
    named = [zone] if isinstance(zone, str) and zone else list(zone or ())
    return any(name in rule.zones for name in named) if named else profile in rule.zone_profiles
