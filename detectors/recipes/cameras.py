"""Rule types over tracked objects of cameras, and over the current of a socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import CAMERA_METRICS, LevelRule, Names, Rule, Seconds, Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Loiter(Rule):
    """One tracked object of `labels` that stays in a zone for each duration of after_s.

    Passers-by follow each other without adding up: each track has its own time. zones, zone_profiles: as for `seen`;
    without both, every zone. closed: only while the school is closed. hold_s: time without a message of a track after
    which it has left.
    """

    labels: Names
    score_min: Annotated[float, Interval(ge=0, le=1)] = 0.0
    zones: Names = ()
    zone_profiles: Names = ()
    closed: bool = True
    after_s: Spans = (30.0,)
    hold_s: Seconds = 120.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return CAMERA_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned(Rule):
    """Object of `labels` that stays for after_s while the camera sees nobody of `owners`."""

    labels: Names
    owners: Names = ("person",)
    score_min: Annotated[float, Interval(ge=0, le=1)] = 0.0
    zones: Names = ()
    zone_profiles: Names = ()
    after_s: Spans = (120.0,)
    hold_s: Seconds = 900.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return CAMERA_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Charging(LevelRule):
    """Value that rises from below `low` into low to high and stays there; limits: seconds of that.

    A load that has been on since the first reading never counts. closed: only while the school is closed.
    """

    low: float
    high: float
    closed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietCamera(Rule):
    """Camera without events although its usual rate of the hour expects `limit` of them or more since the last one.

    The rate is learned for each hour of an open and of a closed day, over memory_days. The limit also exceeds `margin`
    times the largest expectation between two events so far. least_s: time without events. settle_days: days before the
    rule scores.
    """

    limit: Annotated[float, Interval(ge=3, le=1000)] = 8.0
    margin: Annotated[float, Interval(ge=1, le=100)] = 1.5
    least_s: Seconds = 600.0
    memory_days: Annotated[float, Interval(gt=0, le=365), Unit("d"), doc("time constant of the rates")] = 14.0
    settle_days: Annotated[float, Interval(gt=0, le=365), Unit("d")] = 7.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return CAMERA_METRICS
