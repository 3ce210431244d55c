"""Results beside the detections: scores of readings, forecasts, counts of persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Score(NamedTuple):
    """Score of a reading in [0, 1] by a learned detector. sensor, metric: codes; time_ns: event time."""

    sensor: int
    metric: int
    time_ns: int
    score: float


class Forecast(NamedTuple):
    """Interval that holds the value of at_ns with probability `share`; low, high: in the unit of the metric."""

    sensor: int
    metric: int
    at_ns: int
    low: float
    high: float
    share: float


class LimitForecast(NamedTuple):
    """Interval of the time at which the value reaches `limit`, with probability `share`; at_ns: most probable time."""

    sensor: int
    metric: int
    issued_ns: int
    limit: float
    low_ns: int
    high_ns: int
    share: float
    at_ns: int


class Count(NamedTuple):
    """Estimated number of persons inside a place."""

    place: str
    time_ns: int
    inside: float


@dataclass(slots=True)
class Outputs:
    """Lists that detectors extend and the caller empties after each batch. None: nobody asks; nothing is computed."""

    scores: list[Score] | None = None
    forecasts: list[Forecast | LimitForecast] | None = None
    counts: list[Count] | None = None
