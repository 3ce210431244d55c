"""Rule types of counts and passages: unusual counts, crowds, tailgating, cards in two places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import Names, Rule, Seconds

CROWD_METRICS = ("object_count", "object_present", "people_in", "people_out")
PASSAGE_METRICS = ("people_in", "people_out", "people_in_total", "people_out_total", "access_granted")

Share = Annotated[float, Interval(gt=0, lt=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualCount(Rule):
    """Counts far above the usual ones of the weekday and time, over half an hour or more.

    odds: log odds of an event that raise each level. prior, stay: chance that an event begins in a slot, that it lasts.
    least, most: size of an event as a share of the usual busy count; width: its relative precision. relative, young:
    relative errors of the mean, and of one without history. shrink: weight of the last days in values of one week.
    quantile: of the past counts, below one half so that unnoticed events count little. forget: weight of a new value
    in the dispersion. days: last days that are read.
    """

    odds: tuple[float, ...] = (0.0,)
    prior: Share = 0.001
    stay: Share = 0.75
    least: Annotated[float, Interval(gt=0, le=10)] = 0.35
    most: Annotated[float, Interval(gt=0, le=100)] = 1.8
    width: Annotated[float, Interval(gt=0, le=100)] = 5.5
    relative: Annotated[float, Interval(ge=0, le=1)] = 0.01
    shrink: Annotated[float, Interval(gt=0, le=10)] = 0.85
    quantile: Annotated[float, Interval(gt=0, le=0.5)] = 0.4
    young: Annotated[float, Interval(ge=0, le=2)] = 0.14
    forget: Annotated[float, Interval(gt=0, le=1), doc("per slot")] = 0.004
    days: Annotated[int, Interval(ge=1, le=30)] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd(Rule):
    """Crowd on stairs, in a corridor or hall: persons a square metre, by a camera's count or counters of passages.

    limits: densities that raise each level. The first level is also raised from early_share of its limit on, and a page
    from the first limit on, if the forecast reaches the last limit within ahead_s or page_s respectively (share: of
    its interval). area_m2: of sensors without an area. error: relative error of a count. surge: change of the net flow
    within a second, as a standard deviation.
    """

    limits: tuple[float, ...] = (2.0, 4.0, 5.0)
    ahead_s: Seconds = 180.0
    page_s: Seconds = 90.0
    early_share: Annotated[float, Interval(gt=0, le=1)] = 0.5
    share: Share = 0.8
    area_m2: Annotated[float, Interval(gt=0, le=100_000), Unit("m2")] = 80.0
    labels: Names = ("person", "people", "pedestrian", "head")
    error: Annotated[float, Interval(gt=0, le=1)] = 0.15
    surge: Annotated[float, Interval(gt=0, le=10), Unit("1/s")] = 0.15
    hysteresis: Annotated[float, Interval(ge=0)] = 0.5
    clear_s: Seconds = 60.0
    hold_s: Seconds = 300.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return CROWD_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tailgating(Rule):
    """Tailgating: more people pass a gate than were granted, as a rate over many passages, not for a single person.

    usual: share of passages without a grant at a gate without history; many: that of tailgating. odds: log odds that
    raise the level. wait_s: time for a grant that arrives behind its passage; grant_s: time in which a grant is used.
    """

    usual: Share = 0.02
    many: Share = 0.4
    odds: Annotated[float, Interval(gt=0, le=100)] = 14.0
    wait_s: Seconds = 3.0
    grant_s: Seconds = 30.0
    hold_s: Seconds = 900.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return PASSAGE_METRICS


@dataclass(frozen=True, slots=True, kw_only=True)
class CardUse(Rule):
    """One card at two gates within less than the walking time between their places.

    speed_m_s: no holder is faster, on the straight line. least_m: shortest distance that counts. slack_s: difference of
    the gates' clocks. span_s: time between two grants that are compared.
    """

    speed_m_s: Annotated[float, Interval(gt=0, le=50), Unit("m/s")] = 4.0
    least_m: Annotated[float, Interval(gt=0, le=10_000), Unit("m")] = 30.0
    slack_s: Seconds = 2.0
    span_s: Seconds = 900.0
    hold_s: Seconds = 600.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return ("access_granted",)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFlow(Rule):
    """Persons inside a place, from the enters and exits that cameras report; a count without a detection.

    entering, leaving: parts of the labels of such events, also of the names of their metrics. detected: share of the
    passages that cameras report. doubled: share that they report twice without a track. double_s: time in which events
    of one track, direction and zone are one passage. watermark_s: lateness of events that are put in order. quiet_s: a
    night without a passage for this time leaves nobody inside at night_h.
    """

    entering: Names = ("enter", "people_in")
    leaving: Names = ("exit", "leav", "people_out")
    detected: Annotated[float, Interval(gt=0, le=1)] = 0.8
    doubled: Annotated[float, Interval(ge=0, le=1)] = 0.05
    double_s: Seconds = 5.0
    watermark_s: Seconds = 60.0
    quiet_s: Seconds = 14_400.0
    night_h: Annotated[int, Interval(ge=0, le=23), Unit("h")] = 2
