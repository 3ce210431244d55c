"""Settings of rules for water mains: burst and slow leak."""

from __future__ import annotations

from dataclasses import dataclass

from .kinds import LevelRule, Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst(LevelRule):
    """Fall of the pressure within window_s, as a share of the pressure before; a single wrong reading has no effect."""

    window_s: Seconds = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowLeak(LevelRule):
    """Change of the night value against the mean of the seven days before.

    Pressure: fall of the highest hourly mean, as a share of it. rising: rise of the lowest hourly mean of a flow, as a
    share of the mean flow of the day.
    """

    rising: bool = False
