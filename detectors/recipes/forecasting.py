"""Settings of forecast rules: time to a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import Rule, Seconds

Share = Annotated[float, Interval(gt=0, lt=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToLimit(Rule):
    """Forecast of the time at which a rising value reaches each of its limits, with an interval.

    falling: the value falls towards lower limits; sensor_limits: the sensor's own limits replace the rule's.
    street: a model of past street floods decides; it states the belief that the limit is reached, at least belief_min
    of each level. Otherwise several forecasters decide; a level needs `count` forecasts in a row within within_s.
    rise_min: least rise above the low of the last hours. lead_median_s, lead_p10_s, lead_count: lead times
    of each level from labelled history.
    """

    metric: str
    limits: tuple[float, ...] = ()
    falling: bool = False
    sensor_limits: bool = True
    street: bool = False
    belief_min: tuple[Share, ...] = ()
    within_s: Seconds = 7200.0
    count: Annotated[int, Interval(ge=1, le=100)] = 3
    rise_min: Annotated[float, Interval(gt=0)] = 0.05
    share: Annotated[Share, doc("probability of the intervals")] = 0.8
    ahead_s: Annotated[float, Interval(ge=60, le=86_400), Unit("s"), doc("horizon of forecast values")] = 1800.0
    window_s: Seconds = 1800.0
    bucket_s: Annotated[float, Interval(ge=1, le=3600), Unit("s")] = 60.0
    gap_s: Seconds = 21_600.0
    clear_s: Seconds = 900.0
    lead_median_s: tuple[Seconds, ...] = ()
    lead_p10_s: tuple[Seconds, ...] = ()
    lead_count: tuple[int, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Metrics of the readings that the rule scores."""
        return (self.metric,)

    @property
    def lead(self) -> tuple[float, float, int] | None:
        """Lead of the first level."""
        if not self.lead_median_s:
            return None
        return self.lead_median_s[0], self.lead_p10_s[0], self.lead_count[0]
