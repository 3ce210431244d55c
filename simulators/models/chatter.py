"""Flapping values at a threshold, and bouncing contacts of a loose fitting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.effect import Happening, Stage
from simulators.campus.fleet import frames
from simulators.campus.noise import Floats, normal, uniform
from simulators.models.disturbance import Disturbance, MetricChange, at, interval

TERMS = 60
"""Terms of the moving average that approximates the AR(1): 0.8 ** 60 is a millionth."""


@dataclass(frozen=True, slots=True)
class FlappingSettings(Happening):
    """A smoke value varies around a threshold: AR(1) noise as wide as the hysteresis."""

    level_db_m: Annotated[float, Interval(gt=0, le=5), Unit("dB/m"), doc("threshold at the centre of the noise")] = (
        0.055
    )
    hysteresis_db_m: Annotated[float, Interval(gt=0, le=5), Unit("dB/m"), doc("of the detector")] = 0.02
    width: Annotated[tuple[float, float], Interval(gt=0, le=5), doc("sd of the noise, in hystereses")] = (0.5, 2.0)
    phi: Annotated[float, Interval(ge=0, le=0.8), doc("share of the last value that remains")] = 0.7
    lasts_s: Annotated[float, Interval(gt=0, le=7 * 86_400), Unit("s"), doc("how long")] = 3600.0


def plan_flapping(settings: FlappingSettings, stage: Stage) -> Disturbance | None:
    """Plan a flapping smoke head; None without a smoke head."""
    heads = settings.candidates(stage.fleet, "smoke")
    if not heads:
        return None
    head = stage.pick(heads)
    sd = settings.hysteresis_db_m * stage.draw(*settings.width, stream=1)
    period_s = stage.fleet.devices[head].period_s
    weights = settings.phi ** np.arange(TERMS) * np.sqrt(1 - settings.phi**2)
    keys = np.array([stage.key], np.uint64)

    def wandering(since_s: Floats, _: Floats) -> Floats:
        sample = np.floor(since_s / period_s).astype(np.int64)
        noise: Floats = normal(keys, sample[:, None] - np.arange(TERMS)[None, :], stream=2) @ weights
        value: Floats = np.clip(settings.level_db_m + sd * noise, 0, None).round(4)
        return value

    end_ms = at(stage, settings.lasts_s)
    moments = stage.at_ms, at(stage, period_s), None, end_ms
    truth = interval(stage, "fire", [head], moments, level=1)
    return Disturbance(stage, (stage.at_ms, end_ms), (truth,), (MetricChange(head, "smoke_density", wandering),))


@dataclass(frozen=True, slots=True)
class BounceSettings(Happening):
    """A loose door contact bounces in bursts."""

    rate_hz: Annotated[tuple[float, float], Interval(gt=0, le=100), Unit("Hz"), doc("changes within a burst")] = (
        5.0,
        50.0,
    )
    burst_s: Annotated[float, Interval(gt=0, le=600), Unit("s"), doc("length of a burst")] = 2.0
    every_s: Annotated[float, Interval(ge=1, le=3600), Unit("s"), doc("time between bursts")] = 30.0
    lasts_s: Annotated[float, Interval(gt=0, le=86_400), Unit("s"), doc("how long")] = 1800.0


def plan_bounce(settings: BounceSettings, stage: Stage) -> Disturbance | None:
    """Plan a bouncing contact; None without a door."""
    doors = settings.candidates(stage.fleet, "door")
    if not doors:
        return None
    door = stage.pick(doors)
    rate = stage.draw(*settings.rate_hz, stream=1)
    changes = 2 * max(1, round(settings.burst_s * rate / 2))  # the last state is closed
    bursts = max(1, int(settings.lasts_s // settings.every_s))
    number = np.arange(bursts * changes, dtype=np.int64)
    jitter = uniform(np.array([stage.key], np.uint64), number, stream=2)
    since_s = number // changes * settings.every_s + (number % changes + jitter) / rate
    rows = [(door, at(stage, s)) for s in since_s.tolist()]
    extra = frames(rows, {"open": [float(n % changes % 2 == 0) for n in number.tolist()]})
    end_ms = at(stage, settings.lasts_s)
    moments = stage.at_ms, stage.at_ms, None, end_ms
    truth = interval(stage, "contact_bounce", [door], moments, level=0, nuisance=True)
    return Disturbance(stage, (stage.at_ms, end_ms), (truth,), (), (), (extra,))
