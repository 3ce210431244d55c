"""Flaming fires: minutes from nothing to dense smoke and heat.

Obscuration is modelled in %/m and sent in dB/m: dB/m = -10 log10(1 - o/100).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.effect import Happening, Stage
from simulators.campus.noise import Floats
from simulators.models.disturbance import Disturbance, MetricChange, at, interval

ONSET_PERCENT_M = 0.05
SEEN_DB_M, ALARM_DB_M, GRACE_S = 0.02, 0.15, 30.0


@dataclass(frozen=True, slots=True)
class FlamingSettings(Happening):
    """A waste bin burns with flames."""

    tau_s: Annotated[tuple[float, float], Interval(gt=0, le=600), Unit("s"), doc("growth time")] = (20.0, 60.0)
    warm_k: Annotated[tuple[float, float], Interval(ge=0, le=200), Unit("K"), doc("warmer after rise_s")] = (5.0, 20.0)
    rise_s: Annotated[float, Interval(gt=0, le=3600), Unit("s"), doc("time of the warming")] = 180.0
    cap_percent_m: Annotated[float, Interval(gt=7, le=90), Unit("%/m"), doc("thickest smoke")] = 40.0
    burns_s: Annotated[float, Interval(gt=0, le=86_400), Unit("s"), doc("extinguished after")] = 600.0
    clears_tau_s: Annotated[float, Interval(gt=0, le=7200), Unit("s"), doc("clearing time of the room")] = 120.0


def plan_flaming(settings: FlamingSettings, stage: Stage) -> Disturbance | None:
    """Plan a flaming fire under one smoke head; None when the zone has none."""
    heads = settings.candidates(stage.fleet, "smoke")
    if not heads:
        return None
    head = stage.pick(heads)
    tau_s, warm_k = stage.draw(*settings.tau_s, stream=1), stage.draw(*settings.warm_k, stream=2)

    def clearing(since_s: Floats) -> Floats:
        faded: Floats = np.exp(-np.clip(since_s - settings.burns_s, 0, None) / settings.clears_tau_s)
        return faded

    def db_m(since_s: Floats) -> Floats:
        grown = ONSET_PERCENT_M * np.exp(np.minimum(np.clip(since_s, 0, settings.burns_s) / tau_s, 60))
        thick = np.minimum(grown, settings.cap_percent_m) * clearing(since_s)
        smoke: Floats = -10 * np.log10(1 - thick / 100)
        return smoke

    def warm(since_s: Floats) -> Floats:
        rise: Floats = warm_k * np.clip(since_s / settings.rise_s, 0, 1) * clearing(since_s)
        return rise

    gone_s = settings.burns_s + settings.clears_tau_s * max(1.0, log(settings.cap_percent_m / 0.46))
    since_s = np.arange(0, gone_s, 0.5)
    alarm_s, seen_s = (float(since_s[np.argmax(db_m(since_s) >= level)]) for level in (ALARM_DB_M, SEEN_DB_M))
    moments = stage.at_ms, at(stage, seen_s), at(stage, alarm_s + GRACE_S), at(stage, gone_s)
    changes = (
        MetricChange(head, "smoke_density", lambda s, old: (old + db_m(s)).round(4)),
        MetricChange(head, "temperature", lambda s, old: (old + warm(s)).round(2)),
        MetricChange(head, "co", lambda s, old: (old + 60 * db_m(s) / 2.2).round(1)),
    )
    span_ms = stage.at_ms, at(stage, settings.burns_s + 12 * settings.clears_tau_s)
    return Disturbance(stage, span_ms, (interval(stage, "fire", [head], moments, level=3, page=True),), changes)
