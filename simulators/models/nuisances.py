"""Nuisance aerosols at smoke heads: steam, sprays, e-cigarettes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.effect import Happening, Stage
from simulators.campus.noise import Floats
from simulators.models.disturbance import Disturbance, MetricChange, at, interval, mates

RISE_S = 4.0
SHARED_S = 30.0
"""Time for which steam stays in the air after the spike at the smoke head."""


@dataclass(frozen=True, slots=True)
class AerosolSettings(Happening):
    """A short dense cloud at one smoke head."""

    spike_s: Annotated[tuple[float, float], Interval(ge=5, le=600), Unit("s"), doc("duration of the cloud")] = (
        10.0,
        60.0,
    )
    peak_percent_m: Annotated[tuple[float, float], Interval(gt=0, le=60), Unit("%/m"), doc("how dense")] = (3.0, 20.0)
    steam_percent: Annotated[float, Interval(ge=0, le=60), Unit("%"), doc("humidity step; 0: a dry aerosol")] = 0.0


def plan_aerosol(settings: AerosolSettings, stage: Stage) -> Disturbance | None:
    """Plan a cloud at a smoke head of the zone; None without one."""
    heads = settings.candidates(stage.fleet, "smoke")
    if not heads:
        return None
    head = stage.pick(heads)
    spike_s, peak = stage.draw(*settings.spike_s, stream=1), stage.draw(*settings.peak_percent_m, stream=2)

    def cloud(since_s: Floats) -> Floats:
        up = np.clip(since_s / RISE_S, 0, 1)
        down = np.clip((spike_s - since_s) / RISE_S, 0, 1)
        smoke: Floats = -10 * np.log10(1 - peak * np.minimum(up, down) / 100)
        return smoke

    def damp(since_s: Floats, old: Floats) -> Floats:
        step = settings.steam_percent * np.clip(since_s / RISE_S, 0, 1) * (since_s < spike_s + SHARED_S)
        return np.clip(old + step, 0, 99).round(1)

    rooms = mates(stage, head, "room", same_place=True) if settings.steam_percent else []
    changes = [MetricChange(head, "smoke_density", lambda s, old: (old + cloud(s)).round(4))]
    changes += [MetricChange(room, "humidity", damp) for room in rooms]
    end_ms = at(stage, spike_s)
    truth = interval(stage, "aerosol", [head, *rooms], (stage.at_ms, stage.at_ms, None, end_ms), level=0, nuisance=True)
    return Disturbance(stage, (stage.at_ms, at(stage, spike_s + SHARED_S)), (truth,), tuple(changes))
