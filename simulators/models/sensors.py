"""Ageing sensors: dust in a smoke head, the end of a battery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.calendar import DAY_S
from simulators.campus.effect import Happening, Stage
from simulators.campus.fleet import frames
from simulators.campus.noise import Floats, normal, uniform
from simulators.models.disturbance import Disturbance, MetricChange, Muted, at, interval
from simulators.models.rooms import clean_db_m

DB_M_PER_PERCENT_M = 10 / (100 * log(10))
"""For thin smoke: 1 %/m is 0.0436 dB/m."""

FALSE_ALARM_DB_M = 0.05
NEVER_MS = 4_102_444_800_000
FULL_V, LOW_V, DEAD_V = 3.0, 2.75, 2.54


@dataclass(frozen=True, slots=True)
class DustSettings(Happening):
    """Dust in a smoke head: the zero rises and saturates, the noise falls, insects cause spikes."""

    percent_m_day: Annotated[tuple[float, float], Interval(gt=0, le=1), Unit("%/m"), doc("rise a day")] = (0.005, 0.03)
    saturates_percent_m: Annotated[float, Interval(gt=0, le=20), Unit("%/m"), doc("final rise")] = 3.0
    insects: Annotated[float, Interval(ge=0, le=1), doc("share of samples with an insect before the optics")] = 0.0005
    lasts_s: Annotated[float, Interval(gt=0, le=400 * DAY_S), Unit("s"), doc("time until it is cleaned")] = (
        180.0 * DAY_S
    )


def plan_dust(settings: DustSettings, stage: Stage) -> Disturbance | None:
    """Plan dust in one smoke head; None without one."""
    heads = settings.candidates(stage.fleet, "smoke")
    if not heads:
        return None
    head = stage.pick(heads)
    own = uniform(stage.fleet.keys[head : head + 1], np.zeros(1, np.int64))
    clean = float(clean_db_m(own)[0])
    rate, top = stage.draw(*settings.percent_m_day, stream=1), settings.saturates_percent_m
    keys = np.array([stage.key], np.uint64)

    def rise(since_s: Floats) -> Floats:
        dust: Floats = DB_M_PER_PERCENT_M * top * (1 - np.exp(-rate * since_s / DAY_S / top))
        return dust

    def dusty(since_s: Floats, old: Floats) -> Floats:
        calm = 0.4 + 0.6 * np.exp(-rate * since_s / DAY_S / top)
        index = np.rint(since_s * 1000).astype(np.int64)
        insect = uniform(keys, index, stream=2) < settings.insects
        jump = 0.1 + 0.3 * uniform(keys, index, stream=3)
        return np.clip(clean + (old - clean) * calm + rise(since_s) + np.where(insect, jump, 0), 0, None).round(4)

    wanted = (FALSE_ALARM_DB_M - clean) / DB_M_PER_PERCENT_M
    harm_s = -top / rate * log(1 - wanted / top) * DAY_S if wanted < top else inf
    seen_s = -top / rate * log(1 - 0.005 / DB_M_PER_PERCENT_M / top) * DAY_S
    harm = at(stage, harm_s) if harm_s < settings.lasts_s else None
    moments = stage.at_ms, at(stage, seen_s), harm, at(stage, settings.lasts_s)
    truth = interval(stage, "sensor_drift", [head], moments, level=0, nuisance=True)
    return Disturbance(stage, (stage.at_ms, moments[3]), (truth,), (MetricChange(head, "smoke_density", dusty),))


@dataclass(frozen=True, slots=True)
class BatterySettings(Happening):
    """End of a lithium cell: flat near 3.0 V, the knee, the low flag, some thousand messages, then none."""

    heartbeat_s: Annotated[
        float, Interval(ge=60, le=DAY_S), Unit("s"), doc("interval of its messages; set the same period for its kind")
    ] = 600.0
    knee_s: Annotated[float, Interval(gt=0, le=400 * DAY_S), Unit("s"), doc("time from the knee to the low flag")] = (
        14.0 * DAY_S
    )
    messages: Annotated[
        tuple[float, float], Interval(ge=1, le=100_000), doc("messages between the low flag and the end")
    ] = (
        4000.0,
        8000.0,
    )


def plan_battery(settings: BatterySettings, stage: Stage) -> Disturbance | None:
    """Plan the end of one smoke head's battery; None without one."""
    heads = settings.candidates(stage.fleet, "smoke")
    if not heads:
        return None
    head = stage.pick(heads)
    stage = replace(stage, at_ms=_own_beat(stage, head, round(1000 * settings.heartbeat_s)))
    left_s = settings.heartbeat_s * stage.draw(*settings.messages, stream=1)
    low_s, dead_s = settings.knee_s, settings.knee_s + left_s
    since_s = np.arange(0, dead_s, settings.heartbeat_s)
    volts = np.interp(since_s, (0, low_s, dead_s), (FULL_V, LOW_V, DEAD_V))
    volts = volts + 0.004 * normal(np.array([stage.key], np.uint64), np.arange(len(since_s)), stream=2)
    flag = (since_s >= low_s).astype(np.float64)
    charge = np.clip(np.interp(since_s, (0, low_s, dead_s), (12, 5, 0)), 0, 100).round(0)
    rows = [(head, at(stage, float(s))) for s in since_s]
    extra = frames(
        rows, {"battery": charge.tolist(), "battery_voltage": volts.round(3).tolist(), "battery_low": flag.tolist()}
    )
    health = ("battery", "battery_voltage", "rssi")
    muted = (Muted(head, (stage.at_ms, NEVER_MS), health), Muted(head, (at(stage, dead_s), NEVER_MS)))
    moments = stage.at_ms, at(stage, low_s), at(stage, dead_s), at(stage, dead_s)
    truth = interval(stage, "battery_low", [head], moments, level=0)
    return Disturbance(stage, (stage.at_ms, NEVER_MS), (truth,), (), muted, (extra,))


def _own_beat(stage: Stage, head: int, beat_ms: int) -> int:
    """Return the head's first regular message time after the begin: the battery is part of that heartbeat."""
    phase = int(stage.fleet.keys[head] % np.uint64(beat_ms))
    return stage.at_ms + (phase - stage.at_ms) % beat_ms
