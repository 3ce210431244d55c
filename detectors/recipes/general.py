"""Settings of the general recipe: learned detection of unusual patterns in any continuous series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import Names, Rule, Seconds

Share = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual(Rule):
    """Unusual pattern of a series with continuous values: every undescribed metric, and those of `metrics`.

    A series is learned for warmup_s, with readings_min to readings_max readings, at most eight a category. Its range is
    widened by `margin` of itself on each side. A pattern with a score of at least scores[i] has levels[i]. It clears
    after hold_blocks blocks, each of about 1/104 of the first readings; further unusual patterns until then are part of
    it. categories: learned patterns of a series, 32 bytes each; the one unused for longest is replaced. series_max:
    further series are not learned. group_min: undescribed series of a device from which a rule over its channels scores
    them instead.
    """

    metrics: Names = ()
    warmup_s: Seconds = 108_000.0
    readings_min: Annotated[int, Interval(ge=104, le=750)] = 250
    readings_max: Annotated[int, Interval(ge=104, le=750)] = 632
    margin: Annotated[float, Interval(ge=0, le=10), doc("share of the range of the first readings")] = 1.0
    scores: tuple[Share, ...] = (0.6, 0.85)
    hold_blocks: Annotated[int, Interval(ge=1, le=1_000)] = 20
    categories: Annotated[int, Interval(ge=32, le=1_024)] = 79
    series_max: Annotated[int, Interval(ge=0, le=1_000_000)] = 100_000
    group_min: Annotated[int, Interval(ge=1, le=1_000)] = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess(Rule):
    """Value beyond the forecast of its own series, of undescribed metrics and those of `metrics`.

    On quiet data the rule raises once in false_alarm_days sensor-days. It clears after clear_s within the forecast.
    series_max: further series are not learned. group_min: as for rules of type unusual.
    """

    metrics: Names = ()
    false_alarm_days: Annotated[float, Interval(gt=0, le=100_000), Unit("d")] = 180.0
    clear_s: Seconds = 3600.0
    series_max: Annotated[int, Interval(ge=0, le=1_000_000)] = 100_000
    group_min: Annotated[int, Interval(ge=1, le=1_000)] = 3
