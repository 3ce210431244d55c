"""Settings of further estimators over single series: a recipe names them by type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import Names, Rule, Seconds

Share = Annotated[float, Interval(gt=0, lt=1)]
Deviations = Annotated[float, Interval(gt=0, le=10_000), doc("mean deviations of the series")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesEstimator(Rule):
    """Estimator of every undescribed metric with continuous values, and of those of `metrics`.

    The first warm_readings have no score. Mean and mean deviation of a series have a memory of memory_readings. A
    detection clears after clear_s without a further one. series_max: further series are not learned. group_min: as for
    rules of type unusual.
    """

    metrics: Names = ()
    warm_readings: Annotated[int, Interval(ge=20, le=100_000)] = 250
    memory_readings: Annotated[int, Interval(ge=2, le=1_000_000)] = 400
    clear_s: Seconds = 36_000.0
    series_max: Annotated[int, Interval(ge=0, le=1_000_000)] = 100_000
    group_min: Annotated[int, Interval(ge=1, le=1_000)] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dspot(SeriesEstimator):
    """Deviation from the moving mean beyond a limit that quiet data exceed once in false_alarm_days sensor-days."""

    false_alarm_days: Annotated[float, Interval(gt=0, le=100_000), Unit("d")] = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTail(SeriesEstimator):
    """Deviation from the moving mean beyond `over` times its own quantile of 1 - tail."""

    tail: Share = 0.005
    over: Annotated[float, Interval(ge=1, le=100)] = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PageHinkley(SeriesEstimator):
    """Sum of deviations beyond `slack`, upwards or downwards, above `limit`: a change of the mean."""

    slack: Deviations = 0.5
    limit: Deviations = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSpaceTrees(SeriesEstimator):
    """Last four readings in a region that the readings of the window before hardly reached. score: share of trees."""

    score: Share = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(SeriesEstimator):
    """Reading that none of its contexts has led to before; rest_readings: without a score after one of that size."""

    score: Share = 0.75
    margin: Annotated[float, Interval(ge=0, le=10), doc("share of the range of the first readings")] = 0.2
    rest_readings: Annotated[int, Interval(ge=0, le=1_000_000)] = 100
