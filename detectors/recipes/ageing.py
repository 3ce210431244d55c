"""Rule types of ageing sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import LevelRule, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroDrift(LevelRule):
    """Slow rise of a sensor's clean value: dust in a smoke head. limits: rise above its value when it was clean.

    The clean value is a leaky mean over smooth_s, in which a reading deviates by step_max at most. It is compared with
    its lowest one since settle_s after the first reading, which rises again over forget_s.
    """

    smooth_s: Seconds = 172_800.0
    settle_s: Seconds = 259_200.0
    forget_s: Seconds = 31_536_000.0
    step_max: Annotated[float, Interval(gt=0), doc("greatest deviation of a reading that counts")] = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourDrift(LevelRule):
    """Slow change of a sensor's offset from the median of its neighbours. limits: change since it settled.

    Neighbours are the sensors of its kind, profile and zone of the plan; at least neighbours_min of them must report.
    Each value is taken relative to its sensor's mean over the first settle_s, and smoothed over smooth_s. Offsets are
    smoothed over slow_s, where one deviates by step_max at most. The first smooth one is the reference, which follows
    over forget_s.
    """

    neighbours_min: Annotated[int, Interval(ge=2, le=12)] = 2
    smooth_s: Annotated[
        float, Interval(ge=1, le=31_536_000), Unit("s"), doc("memory of the mean of a sensor, in s")
    ] = 10_800.0
    slow_s: Annotated[float, Interval(ge=1, le=31_536_000), Unit("s"), doc("memory of the offset, in s")] = 259_200.0
    settle_s: Seconds = 1_209_600.0
    forget_s: Annotated[float, Interval(ge=1, le=315_360_000), Unit("s"), doc("memory of the reference, in s")] = (
        31_536_000.0
    )
    step_max: Annotated[float, Interval(gt=0), doc("greatest deviation of an offset that counts")] = 1.0
