"""Rule types of a recipe with their settings. Durations in seconds, limits in the unit of the metric."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Annotated

from annotated_types import Interval, Unit, doc

BATTERY_METRICS = ("battery_low", "battery_voltage")
GATE_METRICS = ("open", "access_granted", "forced")
CAMERA_METRICS = ("object_present", "object_count", "review", "sound", "activity", "event")
STEPS = 3
"""Maximum number of levels of a rule."""

Levels = Annotated[tuple[Annotated[int, Interval(ge=0, le=3)], ...], doc("0 information, 1 early, 2 alarm, 3 severe")]
Names = tuple[str, ...]
Seconds = Annotated[float, Interval(ge=0, le=31_536_000), Unit("s")]
Spans = tuple[Seconds, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Settings of every rule. kinds, profiles: only sensors of these ("" is the default profile); empty: all.

    pages: levels of the rule that page; its other levels are shown without a page.
    """

    name: Annotated[str, doc("unique name in the recipe")]
    hazard: Annotated[str, doc("one of HAZARDS")]
    kinds: Names = ()
    profiles: Names = ()
    not_profiles: Names = ()
    levels: Levels = (2,)
    pages: Levels = (2, 3)

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores; none for a rule over every metric or over missing readings.

        Detections carry the first one.
        """
        return ()

    @property
    def lead(self) -> tuple[float, float, int] | None:
        """Lead that the recipe states from labelled history: median and tenth percentile in s, events; None without."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRule(Rule):
    """Rising levels over a measure: each level has a limit, a duration and a count of readings.

    A level clears once the measure has stayed `hysteresis` below its limit for clear_s. unless: superseding metrics;
    the rule does not score a sensor that reports one of them.
    """

    metric: str
    limits: tuple[float, ...] = ()
    durations_s: Spans = ()
    counts: tuple[Annotated[int, Interval(ge=1, le=10_000)], ...] = ()
    hysteresis: Annotated[float, Interval(ge=0)] = 0.0
    clear_s: Seconds = 60.0
    unless: Names = ()

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return (self.metric,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(LevelRule):
    """Threshold on the value.

    falling: low values are dangerous; sensor_limits: sensors' limits replace the rule's; above_low: a value must also
    exceed the lowest of the sensor's last 12 to 24 h by this, once the sensor has reported for ten minutes (0: no
    such condition); low_max: a sensor is broken whose lowest value is above this, or whose first ones are above six
    times this.
    """

    falling: bool = False
    sensor_limits: bool = True
    above_low: Annotated[float, Interval(ge=0)] = 0.0
    low_max: float = inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise(LevelRule):
    """Rise of the value within window_s; a single wrong reading has no effect. falling: fall instead of rise."""

    window_s: Seconds = 60.0
    falling: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck(Rule):
    """Stuck value: within `tolerance` for window_s although it should vary; min_count: readings after that."""

    metric: str
    window_s: Seconds
    tolerance: Annotated[float, Interval(ge=0)] = 0.0
    min_count: Annotated[int, Interval(ge=1, le=10_000)] = 3

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return (self.metric,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid(Rule):
    """Faulty sensor: min_count readings in a row that are outside their range, or that the device marks as faulty."""

    min_count: Annotated[int, Interval(ge=1, le=10_000)] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence(Rule):
    """Offline sensor: no reading for `periods` times its period, then the further durations of after_s.

    An unstated period is estimated from even intervals, with a limit of at least floor_s; without even intervals the
    limit is unknown_s. The lateness of a sensor's messages, up to lateness_s, extends its limit. limit_max_s bounds the
    limit of a known period, but not below one missing message. at_once: an announced loss is a detection, and a
    declared sensor without any message is one after one period; else both have the limit, with the bound limit_max_s.
    """

    periods: Annotated[float, Interval(ge=1, le=1_000)] = 3.0
    unknown_s: Seconds = 90_000.0
    floor_s: Seconds = 60.0
    lateness_s: Seconds = 120.0
    after_s: Spans = (0.0,)
    downtime_s: Seconds = 30.0
    limit_max_s: Seconds = 31_536_000.0
    at_once: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery(Rule):
    """Low battery, and its predicted end: from the messages left in its type and the messages sent per day.

    A battery is low by the flag of its device; without a flag, by min_count voltages in a row below the type's limit. A
    level starts once the earliest end is within its days (inf: at once). The battery was replaced when flag or voltage
    indicate it for clear_s; a battery that is low again within memory_s is the same one.
    """

    within_days: tuple[Annotated[float, Interval(ge=0)], ...] = (inf,)
    min_count: Annotated[int, Interval(ge=1, le=10_000)] = 3
    clear_s: Seconds = 3600.0
    memory_s: Seconds = 604_800.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return BATTERY_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class LastingState(Rule):
    """Lasting state: a boolean that stays true for each duration of after_s; clears after clear_s of false."""

    metric: str
    after_s: Spans = (30.0,)
    clear_s: Seconds = 2.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return (self.metric,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced(Rule):
    """Forced gate: reported as forced, or opened without a grant if the gate sends grants or the school is closed."""

    grant_s: Seconds = 10.0
    wait_s: Seconds = 0.5
    clear_s: Seconds = 5.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return GATE_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class AfterHours(Rule):
    """Opening or granted access while the school is closed; clears hold_s after the last one."""

    hold_s: Seconds = 600.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return GATE_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraObject(Rule):
    """Object of one of `labels` in a camera picture.

    zones: only in these; an event without a zone counts if the sensor's profile is one of zone_profiles.
    """

    labels: Names
    score_min: Annotated[float, Interval(ge=0, le=1)] = 0.0
    zones: Names = ()
    zone_profiles: Names = ()
    after_s: Spans = (0.0,)
    clear_s: Seconds = 30.0
    hold_s: Seconds = 120.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return CAMERA_METRICS
