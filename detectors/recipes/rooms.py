"""Rule types of rooms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import LevelRule, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy(LevelRule):
    """Presence in a room from its carbon dioxide: the source that explains the value, in ppm an hour.

    limits: sources that state presence. smooth_s, slope_s: smoothing of the value and of its slope.
    """

    air_changes_per_h: Annotated[float, Interval(gt=0, le=20), doc("air that leaves the room")] = 0.5
    smooth_s: Seconds = 120.0
    slope_s: Seconds = 1200.0
    gap_s: Annotated[Seconds, doc("longest pause over which a slope counts")] = 900.0
    outdoor_max: Annotated[float, Interval(gt=0), Unit("ppm"), doc("bound of the room's clean air")] = 450.0
    drift_per_day: Annotated[float, Interval(ge=0), Unit("ppm"), doc("rise of the clean air")] = 20.0
