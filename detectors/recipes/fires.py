"""Rules over the evidence for a fire: several channels of one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from .kinds import Names, Rule, Seconds

FIRE_METRICS = ("smoke_density", "co", "temperature", "humidity")
"""Channels of the evidence, in the order of its kernels."""

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FireEvidence(Rule):
    """Fire by the evidence of smoke, CO, temperature and humidity; levels: early, alarm, severe.

    The evidence is a sum of log-likelihood ratios over the channels of a sensor, with the product of smoke and CO, a
    share of the evidence of other sensors of its place, and humidity against it. A leaky mean over leak_s is
    compared with early and alarm. Smoke alone raises as soon as it has stayed above a limit, unless it is an aerosol:
    a cloud that came within step_s and grows no further, while CO and temperature stay flat, is held for hold_s; one
    with rising humidity and flat CO for damp_s. A sensor without CO and temperature is never held. Heat alone raises
    by a steady rise within a minute.
    """

    early: Annotated[float, Interval(gt=0), doc("evidence of an early finding")] = 5.0
    alarm: Annotated[float, Interval(gt=0), doc("evidence of an alarm")] = 8.0
    leak_s: Seconds = 20.0
    smoke_limits: Annotated[tuple[float, float, float], Unit("dB/m"), doc("early, alarm, severe")] = (0.05, 0.10, 0.30)
    smoke_after_s: Annotated[tuple[float, float, float], Unit("s"), doc("duration of each")] = (60.0, 20.0, 0.0)
    smoke_counts: Annotated[tuple[int, int, int], doc("readings of each")] = (3, 2, 2)
    offset_max: Annotated[float, Interval(ge=0), Unit("dB/m"), doc("greatest clean-air value taken off")] = 0.30
    step_s: Seconds = 25.0
    hold_s: Seconds = 75.0
    damp_s: Seconds = 900.0
    damp_max: Annotated[float, Interval(gt=0), Unit("dB/m"), doc("smoke that no steam holds")] = 0.45
    heat_k: Annotated[Pair, Unit("K"), doc("steady rise: early, alarm")] = (1.0, 2.0)
    heat_rate: Annotated[float, Interval(gt=0), Unit("K/s"), doc("least rate of that rise")] = 0.1
    brisk_k: Annotated[float, Interval(gt=0), Unit("K"), doc("steady part of a rise at brisk_rate: early")] = 0.5
    brisk_rate: Annotated[float, Interval(gt=0), Unit("K/s"), doc("least rate of that rise")] = 0.035
    rise_k: Annotated[Pair, Unit("K"), doc("rise within a minute at any rate: alarm, severe")] = (5.0, 20.0)
    base_max: Annotated[float, Unit("Cel"), doc("warmest surroundings of a working sensor")] = 90.0
    kitchens: Annotated[Names, doc("profiles in which smoke or heat alone never raise")] = ("kitchen",)
    smoke_only: Annotated[Names, doc("profiles in which heat alone never raises")] = ("outdoor",)
    heat_kinds: Annotated[Names, doc("kinds whose temperature is that of the air")] = ("smoke", "env")
    clear_s: Seconds = 120.0

    @property
    def reads(self) -> Names:
        """Metrics of the readings that the rule scores."""
        return FIRE_METRICS
