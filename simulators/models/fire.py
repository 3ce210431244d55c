"""Smouldering fires and cooking fumes at smoke heads.

Obscuration is modelled in %/m and sent in dB/m: dB/m = -10 log10(1 - o/100).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.effect import Happening, Stage
from simulators.campus.fleet import Fleet, Samples
from simulators.campus.noise import Floats, uniform
from simulators.truth.truth import Truth

HARM_DB_M = 0.3
SEEN_DB_M = 0.02
"""Ten times the noise of a quiet smoke head."""

ONSET_PERCENT_M = 0.05
FULL_CO_PPM = 140.0


@dataclass(frozen=True, slots=True)
class SmoulderSettings(Happening):
    """A smouldering fire in one room: smoke grows as a * exp((t - t0) / tau)."""

    tau_s: Annotated[tuple[float, float], Interval(gt=0, le=7200), Unit("s"), doc("growth time, chosen between")] = (
        480.0,
        900.0,
    )
    cap_percent_m: Annotated[float, Interval(gt=7, le=50), Unit("%/m"), doc("thickest smoke")] = 15.0
    co_lead_s: Annotated[tuple[float, float], Interval(ge=0, le=3600), Unit("s"), doc("CO rises earlier by")] = (
        120.0,
        360.0,
    )
    neighbour_s: Annotated[tuple[float, float], Interval(ge=0, le=3600), Unit("s"), doc("next room later by")] = (
        180.0,
        600.0,
    )
    neighbour_share: Annotated[float, Interval(ge=0, le=1), doc("next room's share of the smoke")] = 0.2
    burns_s: Annotated[
        float, Interval(ge=0, le=86_400), Unit("s"), doc("extinguished after; 0: ten minutes past the cap")
    ] = 0.0
    clears_tau_s: Annotated[float, Interval(gt=0, le=7200), Unit("s"), doc("clearing time of the room")] = 90.0
    flame_after_s: Annotated[float, Interval(ge=0, le=86_400), Unit("s"), doc("flames after; 0: never")] = 0.0


@dataclass(frozen=True, slots=True)
class Smoulder:
    """A planned smouldering fire; see `plan_smoulder`."""

    stage: Stage
    settings: SmoulderSettings
    tau_s: float
    co_lead_s: float
    burns_s: float
    rooms: tuple[tuple[int, float, float], ...]  # device, delay in s, share of the smoke

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span from the first glow until the last room is clear."""
        last_s = self.burns_s + max(delay for _, delay, _ in self.rooms) + 12 * self.settings.clears_tau_s
        return self.stage.at_ms - round(self.co_lead_s * 1000), self.stage.at_ms + round(last_s * 1000)

    def percent_m(self, since_s: Floats) -> Floats:
        """Return the obscuration (%/m) in the room, seconds after onset."""
        burning = np.clip(since_s, None, self.burns_s)
        exponent = burning / self.tau_s
        if self.settings.flame_after_s:
            exponent = np.minimum(exponent, self.settings.flame_after_s / self.tau_s)
            exponent = exponent + np.clip(burning - self.settings.flame_after_s, 0, None) / 60.0
        grown = np.where(
            since_s < 0,
            0.0,
            np.minimum(ONSET_PERCENT_M * np.exp(np.minimum(exponent, 60)), self.settings.cap_percent_m),
        )
        clearing = np.exp(-np.clip(since_s - self.burns_s, 0, None) / self.settings.clears_tau_s)
        result: Floats = grown * clearing
        return result

    def db_m(self, since_s: Floats) -> Floats:
        """Return the obscuration in dB/m."""
        result: Floats = -10 * np.log10(1 - self.percent_m(since_s) / 100)
        return result

    def alter(self, part: Samples) -> Samples:
        """Add smoke, CO and heat in the room and its neighbour."""
        if "smoke_density" not in part.metrics:
            return part
        for device, delay_s, share in self.rooms:
            rows = part.device == device
            if rows.any():
                since_s = (part.time_ms[rows] - self.stage.at_ms) / 1000 - delay_s
                part = self._with_smoke(part, np.flatnonzero(rows), since_s, share)
        return part

    def _with_smoke(
        self, part: Samples, rows: np.ndarray[tuple[int], np.dtype[np.intp]], since_s: Floats, share: float
    ) -> Samples:
        thick = self.percent_m(since_s) * share
        values = part.values.copy()
        names = part.metrics
        values[rows, names.index("smoke_density")] += (-10 * np.log10(1 - thick / 100)).round(4)
        early = self.percent_m(since_s + self.co_lead_s) * share / self.settings.cap_percent_m
        values[rows, names.index("co")] += (FULL_CO_PPM * early).round(1)
        warm = 2.0 + (18.0 if self.settings.flame_after_s else 0.0)
        values[rows, names.index("temperature")] += (warm * thick / self.settings.cap_percent_m).round(2)
        return Samples(part.device, part.time_ms, names, values.round(4))

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return no extra messages."""
        del span_ms
        return []

    def truths(self) -> Sequence[Truth]:
        """Return the truth. harm_at: the room's smoke passes 0.3 dB/m; end: smoke is below the visible level."""
        since_s = np.arange(0, (self.span_ms[1] - self.stage.at_ms) / 1000, 1.0)
        smoke = self.db_m(since_s)
        seen = np.flatnonzero(smoke >= SEEN_DB_M)
        harmed = np.flatnonzero(smoke >= HARM_DB_M)
        device = self.stage.fleet.devices[self.rooms[0][0]]
        at = [self.stage.at_ms + round(1000 * float(since_s[i])) for i in (seen[0], seen[-1])]
        harm = self.stage.at_ms + round(1000 * float(since_s[harmed[0]])) if len(harmed) else None
        names = tuple(self.stage.fleet.devices[index].id for index, _, _ in self.rooms)
        early = min(at[0], at[0] - round(self.co_lead_s * 1000))
        return [
            Truth(
                self.stage.scenario,
                "fire",
                device.site,
                device.zone,
                self.stage.at_ms,
                max(early, self.stage.at_ms),
                harm,
                at[1],
                3,
                must_page=True,
                must_not_page=False,
                devices=names[:1],
                affected_devices=names,
            ),
        ]


def plan_smoulder(settings: SmoulderSettings, stage: Stage) -> Smoulder | None:
    """Plan a fire in a room chosen by the seed, and its neighbour; None without a smoke head there."""
    rooms = settings.candidates(stage.fleet, "smoke")
    if not rooms:
        return None
    room = stage.pick(rooms)
    near = _neighbour(stage.fleet, room)
    tau_s = stage.draw(*settings.tau_s, stream=1)
    at_cap_s = tau_s * log(settings.cap_percent_m / ONSET_PERCENT_M)
    delay_s = stage.draw(*settings.neighbour_s, stream=3)
    smoky = [(room, 0.0, 1.0)]
    if near is not None and settings.neighbour_share:
        smoky.append((near, delay_s, settings.neighbour_share))
    lead_s = stage.draw(*settings.co_lead_s, stream=2)
    return Smoulder(stage, settings, tau_s, lead_s, settings.burns_s or at_cap_s + 600, tuple(smoky))


def _neighbour(fleet: Fleet, room: int) -> int | None:
    """Return the nearest other smoke head in the same zone."""
    here = fleet.devices[room]
    others = [i for i in fleet.find("smoke", site=here.site) if i != room and fleet.devices[i].zone == here.zone]
    if not others:
        return None
    return min(
        others, key=lambda i: (abs(fleet.devices[i].xy[0] - here.xy[0]) + abs(fleet.devices[i].xy[1] - here.xy[1]), i)
    )


@dataclass(frozen=True, slots=True)
class CookingSettings(Happening):
    """Cooking fumes at meal times: dense for minutes, cleared quickly, with negligible CO."""

    burst_s: Annotated[tuple[float, float], Interval(ge=30, le=1800), Unit("s"), doc("length of a burst")] = (
        120.0,
        480.0,
    )
    peak_percent_m: Annotated[tuple[float, float], Interval(ge=0, le=20), Unit("%/m"), doc("thickest fume")] = (
        1.0,
        6.0,
    )
    decay_tau_s: Annotated[tuple[float, float], Interval(gt=0, le=1800), Unit("s"), doc("clearing time")] = (
        120.0,
        240.0,
    )


@dataclass(frozen=True, slots=True)
class Cooking:
    """One planned burst of cooking fumes."""

    stage: Stage
    device: int
    moist: tuple[int, ...]
    burst_s: float
    peak_percent_m: float
    decay_tau_s: float

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span from lighting the stove until the air is clear."""
        return self.stage.at_ms, self.stage.at_ms + round(1000 * (self.burst_s + 12 * self.decay_tau_s))

    def percent_m(self, since_s: Floats) -> Floats:
        """Return the obscuration (%/m), seconds after the burst began; it flickers."""
        risen = 1 - np.exp(-np.clip(since_s, 0, self.burst_s) / 40)
        gone = np.exp(-np.clip(since_s - self.burst_s, 0, None) / self.decay_tau_s)
        keys = np.full(len(since_s), self.stage.key, np.uint64)
        flicker = 0.8 + 0.2 * uniform(keys, (since_s * 1000).astype(np.int64), stream=7)
        result: Floats = self.peak_percent_m * risen * gone * flicker * (since_s >= 0)
        return result

    def alter(self, part: Samples) -> Samples:
        """Add fumes at the kitchen's smoke head and humidity in its air."""
        since_s = (part.time_ms - self.stage.at_ms) / 1000
        fume = self.percent_m(since_s)
        if "smoke_density" in part.metrics:
            index = part.metrics.index("smoke_density")
            added = np.where(part.device == self.device, -10 * np.log10(1 - fume / 100), 0.0)
            return part.with_column("smoke_density", (part.values[:, index] + added).round(4))
        if "humidity" in part.metrics:
            index = part.metrics.index("humidity")
            added = np.where(np.isin(part.device, self.moist), 3 * fume, 0.0)
            return part.with_column("humidity", np.clip(part.values[:, index] + added, 0, 99).round(1))
        return part

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return no extra messages."""
        del span_ms
        return []

    def truths(self) -> Sequence[Truth]:
        """Return a nuisance: it must cause no page."""
        here = self.stage.fleet.devices[self.device]
        gone_s = self.burst_s + self.decay_tau_s * max(0.0, log(self.peak_percent_m / 0.5))
        end_ms = self.stage.at_ms + round(1000 * gone_s)
        names = (here.id, *(self.stage.fleet.devices[i].id for i in self.moist))
        return [
            Truth(
                self.stage.scenario,
                "cooking",
                here.site,
                here.zone,
                self.stage.at_ms,
                self.stage.at_ms + 10_000,
                None,
                end_ms,
                0,
                must_page=False,
                must_not_page=True,
                devices=names[:1],
                affected_devices=names,
            ),
        ]


def plan_cooking(settings: CookingSettings, stage: Stage) -> Cooking | None:
    """Plan a burst at one smoke head of the zone; None without one."""
    heads = settings.candidates(stage.fleet, "smoke")
    kitchens = [i for i in heads if stage.fleet.devices[i].profile == "kitchen"] or heads
    if not kitchens:
        return None
    head = stage.pick(kitchens)
    place = stage.fleet.devices[head]
    moist = tuple(i for i in stage.fleet.find("room", site=place.site) if stage.fleet.devices[i].place == place.place)
    burst, peak = stage.draw(*settings.burst_s, stream=1), stage.draw(*settings.peak_percent_m, stream=2)
    return Cooking(stage, head, moist, burst, peak, stage.draw(*settings.decay_tau_s, stream=3))
