"""The kinds of rules a recipe may hold, each with its settings. Spans in seconds, limits in the metric's unit."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated

from annotated_types import Interval, Unit, doc

STEPS = 3
"""Levels that a rule can have."""

Levels = Annotated[tuple[Annotated[int, Interval(ge=0, le=3)], ...], doc("0 information, 1 early, 2 alarm, 3 severe")]
Names = tuple[str, ...]
Seconds = Annotated[float, Interval(ge=0, le=31_536_000), Unit("s")]
Spans = tuple[Seconds, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule has. kinds, profiles: only sensors of these ("" is the usual profile); empty: all."""

    name: Annotated[str, doc("unique name in the recipe")]
    hazard: Annotated[str, doc("one of HAZARDS")]
    kinds: Names = ()
    profiles: Names = ()
    not_profiles: Names = ()
    levels: Levels = (2,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRule(Rule):
    """Rising levels over something measured: each level has a limit, a duration and a count of readings.

    A level falls once the measure has stayed `hysteresis` under its limit for clear_s. unless: metrics that say it
    better; a sensor that tells one of them is not judged by this rule.
    """

    metric: str
    limits: tuple[float, ...] = ()
    durations_s: Spans = ()
    counts: tuple[Annotated[int, Interval(ge=1, le=10_000)], ...] = ()
    hysteresis: Annotated[float, Interval(ge=0)] = 0.0
    clear_s: Seconds = 60.0
    unless: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(LevelRule):
    """The value itself. falling: danger lies below; sensor_limits: a sensor's own limits replace those of the rule."""

    falling: bool = False
    sensor_limits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise(LevelRule):
    """How far the value rose within window_s, blind to a single wrong reading."""

    window_s: Seconds = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck(Rule):
    """A value that has stayed within `tolerance` for window_s though it should move; min_count: readings beyond."""

    metric: str
    window_s: Seconds
    tolerance: Annotated[float, Interval(ge=0)] = 0.0
    min_count: Annotated[int, Interval(ge=1, le=10_000)] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence(Rule):
    """No reading for `periods` times the sensor's period, then further spans.

    A period that nobody told is learned from even intervals, for limits of floor_s at least; unknown_s where there are
    none. Where messages come late, up to lateness_s, so much longer is waited.
    """

    periods: Annotated[float, Interval(ge=1, le=1_000)] = 3.0
    unknown_s: Seconds = 90_000.0
    floor_s: Seconds = 60.0
    lateness_s: Seconds = 120.0
    after_s: Spans = (0.0,)
    downtime_s: Seconds = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery(Rule):
    """A cell that is low, and when it ends: by the messages that are left in it and those that its device sends a day.

    Low is what the device flags; without a flag, min_count voltages in a row under the cell's. A level is reached once
    the earliest end is within so many days (inf: at once). Replaced when flag or voltage say so for clear_s; what is
    low again within memory_s is the same cell.
    """

    within_days: tuple[Annotated[float, Interval(ge=0)], ...] = (inf,)
    min_count: Annotated[int, Interval(ge=1, le=10_000)] = 3
    clear_s: Seconds = 3600.0
    memory_s: Seconds = 604_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LastingState(Rule):
    """A boolean that stays true: a level after each span of after_s; over once it was false for clear_s."""

    metric: str
    after_s: Spans = (30.0,)
    clear_s: Seconds = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced(Rule):
    """A gate that says it was forced, or opens without a grant where grants are sent or the school is closed."""

    grant_s: Seconds = 10.0
    wait_s: Seconds = 0.5
    clear_s: Seconds = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterHours(Rule):
    """An opening or a granted access while the school is closed; over hold_s after the last one."""

    hold_s: Seconds = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraObject(Rule):
    """A camera sees one of `labels`.

    zones: only there; an event that names no zone counts where the sensor's profile is one of zone_profiles.
    """

    labels: Names
    score_min: Annotated[float, Interval(ge=0, le=1)] = 0.0
    zones: Names = ()
    zone_profiles: Names = ()
    after_s: Spans = (0.0,)
    clear_s: Seconds = 30.0
    hold_s: Seconds = 120.0


TYPES: dict[str, type[Rule]] = {
    "threshold": Threshold,
    "rise": Rise,
    "stuck": Stuck,
    "silence": Silence,
    "battery": Battery,
    "held": LastingState,
    "forced": Forced,
    "after_hours": AfterHours,
    "seen": CameraObject,
}
"""Name of a rule's type in a recipe -> its settings."""
