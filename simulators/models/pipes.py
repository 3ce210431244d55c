"""Burst and leaking water mains, and an isolated zone of a fire panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.calendar import DAY_S
from simulators.campus.effect import Happening, Stage
from simulators.campus.noise import Floats
from simulators.models.disturbance import Disturbance, MetricChange, at, interval

QUIET_MPA = 0.36
RING_S, RING_FADES_S = 6.0, 15.0
BURST_FINDING_S, LEAK_FINDING_S = 60.0, 3 * DAY_S
FORGOTTEN_S = 3600.0


@dataclass(frozen=True, slots=True)
class BurstSettings(Happening):
    """A main bursts: pressure falls within seconds and oscillates, flow jumps."""

    drop: Annotated[tuple[float, float], Interval(gt=0, le=1), doc("lost share of the pressure")] = (0.2, 0.6)
    tau_s: Annotated[tuple[float, float], Interval(gt=0, le=120), Unit("s"), doc("time of the fall")] = (2.0, 10.0)
    flow_m3_s: Annotated[tuple[float, float], Interval(ge=0, le=10), Unit("m3/s"), doc("water that runs out")] = (
        0.008,
        0.03,
    )
    lasts_s: Annotated[float, Interval(gt=0, le=7 * DAY_S), Unit("s"), doc("time until the valve is shut")] = 3600.0


def plan_burst(settings: BurstSettings, stage: Stage) -> Disturbance | None:
    """Plan a burst on one main, measurable at its neighbours; None without a pipe."""
    pipes = settings.candidates(stage.fleet, "pipe")
    if not pipes:
        return None
    pipe = stage.pick(pipes)
    others = [i for i in stage.fleet.find("pipe", site=stage.fleet.devices[pipe].site) if i != pipe]
    drop, tau_s = stage.draw(*settings.drop, stream=1), stage.draw(*settings.tau_s, stream=2)
    flow = stage.draw(*settings.flow_m3_s, stream=3)

    def fallen(since_s: Floats) -> Floats:
        gone = 1 - np.exp(-np.clip(since_s, 0, None) / tau_s)
        ring = 0.15 * np.exp(-since_s / RING_FADES_S) * np.sin(2 * np.pi * since_s / RING_S)
        share: Floats = drop * (gone + ring * (since_s > 0))
        return share

    changes = [
        MetricChange(pipe, "pressure", lambda s, old: (old * (1 - fallen(s))).round(4)),
        MetricChange(pipe, "flow", lambda s, old: (old + flow * (1 - np.exp(-s / tau_s))).round(5)),
    ]
    changes += [MetricChange(i, "pressure", lambda s, old: (old * (1 - 0.5 * fallen(s))).round(4)) for i in others]
    end_ms = at(stage, settings.lasts_s)
    moments = stage.at_ms, at(stage, tau_s), at(stage, BURST_FINDING_S), end_ms
    truth = interval(stage, "pipe_burst", [pipe, *others], moments, level=2, page=True)
    return Disturbance(stage, (stage.at_ms, end_ms), (truth,), tuple(changes))


@dataclass(frozen=True, slots=True)
class WeepSettings(Happening):
    """A slow leak: the pressure falls a little every day, and water runs at night."""

    percent_day: Annotated[tuple[float, float], Interval(gt=0, le=50), Unit("%/d"), doc("pressure lost a day")] = (
        1.0,
        5.0,
    )
    flow_m3_s_day: Annotated[float, Interval(ge=0, le=1), Unit("m3/s"), doc("more flow each day")] = 0.0002
    lasts_s: Annotated[float, Interval(gt=0, le=90 * DAY_S), Unit("s"), doc("time until the repair")] = 5 * DAY_S


def plan_weep(settings: WeepSettings, stage: Stage) -> Disturbance | None:
    """Plan a slow leak of one main; None without a pipe."""
    pipes = settings.candidates(stage.fleet, "pipe")
    if not pipes:
        return None
    pipe = stage.pick(pipes)
    a_day = stage.draw(*settings.percent_day, stream=1) / 100
    changes = (
        MetricChange(pipe, "pressure", lambda s, old: (old * (1 - np.minimum(0.9, a_day * s / DAY_S))).round(4)),
        MetricChange(pipe, "flow", lambda s, old: (old + settings.flow_m3_s_day * s / DAY_S).round(5)),
    )
    end_ms = at(stage, settings.lasts_s)
    seen_s = 0.012 / QUIET_MPA / a_day * DAY_S  # the fall exceeds the effect of use and weather on the pressure
    moments = stage.at_ms, min(at(stage, seen_s), end_ms), min(at(stage, LEAK_FINDING_S), end_ms), end_ms
    truth = interval(stage, "pipe_leak", [pipe], moments, level=1)
    return Disturbance(stage, (stage.at_ms, end_ms), (truth,), changes)


@dataclass(frozen=True, slots=True)
class IsolationSettings(Happening):
    """A zone of the fire panel is isolated for work and not restored."""

    lasts_s: Annotated[float, Interval(ge=60, le=30 * DAY_S), Unit("s"), doc("time until it is restored")] = 2 * DAY_S


def plan_isolation(settings: IsolationSettings, stage: Stage) -> Disturbance | None:
    """Plan an isolated zone; None without a fire panel."""
    panels = settings.candidates(stage.fleet, "panel")
    if not panels:
        return None
    panel = stage.pick(panels)
    end_ms = at(stage, settings.lasts_s)
    changes = (MetricChange(panel, "isolated", lambda s, _: np.ones(len(s))),)
    forgotten = at(stage, FORGOTTEN_S) if settings.lasts_s >= FORGOTTEN_S else None
    seen_ms = at(stage, stage.fleet.devices[panel].period_s)
    truth = interval(stage, "panel_isolated", [panel], (stage.at_ms, seen_ms, forgotten, end_ms), level=2)
    return Disturbance(stage, (stage.at_ms, end_ms), (truth,), changes)
