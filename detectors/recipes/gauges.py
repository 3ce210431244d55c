"""Settings of rules for faults of river gauges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, doc

from .kinds import Names, Rule, Seconds

Factor = Annotated[float, Interval(ge=0, le=100)]


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeFault(Rule):
    """Faulty river gauge: spike, drop to zero, step, noise or stuck value, against the gauge's own past.

    spikes, steps_up, steps_down, noisy: factors over the size that 99 % (noise: half) of its changes stay below. A
    stuck value lasts stuck_count readings, stuck_s, and stuck_factor times its longest usual run. logs: sizes are
    ratios, as for a flow. least: smallest size of a fault. learn_count: readings before the first finding.
    clear_count: readings without a sign until it clears. unless: superseding metrics; the rule does not score a sensor
    that reports one of them.
    """

    metric: str
    logs: bool = False
    spikes: Factor = 2.2
    steps_up: Factor = 2.5
    steps_down: Factor = 2.0
    noisy: Factor = 3.0
    stuck_count: Annotated[int, Interval(ge=3, le=100_000)] = 12
    stuck_s: Seconds = 14_400.0
    stuck_factor: Factor = 1.8
    least: Annotated[float, Interval(gt=0), doc("smallest size of a fault")] = 0.02
    learn_count: Annotated[int, Interval(ge=20, le=100_000)] = 200
    clear_count: Annotated[int, Interval(ge=1, le=100_000)] = 24
    unless: Names = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Metrics of the readings that the rule scores."""
        return (self.metric,)
