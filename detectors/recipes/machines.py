"""Rule types of machines: several continuous channels of one device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, doc

from .kinds import Rule

Readings = Annotated[int, Interval(ge=1, le=1_000_000)]
Deviations = Annotated[float, Interval(gt=0, le=1_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRule(Rule):
    """Channels of one device that are scored together: the continuous metrics of a sensor, or of sensors of one device.

    A channel is scored after warm_readings, if its device has at least channels_min. smooth_readings: of the value that
    is compared; memory_blocks: blocks of five readings after which the channel's noise is learned anew.
    """

    channels_min: Annotated[int, Interval(ge=1, le=64)] = 3
    warm_readings: Annotated[int, Interval(ge=50, le=100_000)] = 300
    smooth_readings: Readings = 15
    memory_blocks: Readings = 100
    limit: Annotated[Deviations, doc("standard deviations that raise")] = 3.5
    low: Annotated[Deviations, doc("standard deviations that clear")] = 1.0
    slow_readings: Readings = 100
    drift_readings: Annotated[float, Interval(ge=0), doc("readings of drift that are normal")] = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(ChannelRule):
    """Deviation of any channel from its level, as long as it lasts.

    slow_readings: memory of the level. drift_growth: growth of the normal drift while a channel deviates, a multiple of
    its learned drift. recovered: share of its largest deviation at which a channel has a new level.
    """

    drift_growth: Annotated[float, Interval(ge=0, le=100)] = 2.0
    recovered: Annotated[float, Interval(ge=0, lt=1)] = 0.2
    relearn_readings: Annotated[Readings, doc("deviation after which a channel is learned anew")] = 3_000
    regime_readings: Annotated[Readings, doc("the same, for most channels at once")] = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint(ChannelRule):
    """Change of any channel against its level of the last slow_readings. hold_readings: length of a detection."""

    hold_readings: Readings = 30
