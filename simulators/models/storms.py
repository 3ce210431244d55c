"""Rain, the response of the pond, and people at the water."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.effect import Happening, Stage
from simulators.campus.fleet import Samples
from simulators.campus.noise import Floats, uniform
from simulators.models.cameras import WATERSIDE, track_frames
from simulators.models.water import POND_M
from simulators.truth.truth import Truth

SEEN_M = 0.03
"""Six times the level sensor's noise."""

RAIL_DEFAULT_M = 1.7


@dataclass(frozen=True, slots=True)
class StormSettings(Happening):
    """Heavy rain; the pond follows as a Nash cascade of three reservoirs."""

    rain_s: Annotated[tuple[float, float], Interval(gt=0, le=86_400), Unit("s"), doc("duration of the rain")] = (
        3600.0,
        10_800.0,
    )
    rain_mm_h: Annotated[tuple[float, float], Interval(ge=0, le=300), Unit("mm/h"), doc("intensity of the rain")] = (
        20.0,
        80.0,
    )
    k_s: Annotated[tuple[float, float], Interval(gt=0, le=86_400), Unit("s"), doc("time of one reservoir")] = (
        1800.0,
        5400.0,
    )
    rise_m: Annotated[tuple[float, float], Interval(ge=0, le=5), Unit("m"), doc("highest rise of the level")] = (
        0.5,
        1.2,
    )
    spikes: Annotated[float, Interval(ge=0, le=1), doc("share of samples hit by debris or waves")] = 0.002
    dropouts: Annotated[float, Interval(ge=0, le=1), doc("share of samples lost in fog and spray")] = 0.01


@dataclass(frozen=True, slots=True)
class Storm:
    """One planned storm over one pond."""

    stage: Stage
    settings: StormSettings
    ponds: tuple[int, ...]
    gauges: tuple[int, ...]
    rain_s: float
    rain_mm_h: float
    k_s: float
    rise_m: float

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span from the first rain until the pond is back at its level."""
        return self.stage.at_ms, self.stage.at_ms + round(1000 * (self.rain_s + 14 * self.k_s))

    def rise(self, since_s: Floats) -> Floats:
        """Return the rise above normal (m), seconds after the rain began."""
        peak = np.max(self._response(np.linspace(0, self.rain_s + 6 * self.k_s, 2000)))
        result: Floats = self.rise_m * self._response(since_s) / peak
        return result

    def _response(self, since_s: Floats) -> Floats:
        """Return the outflow of three equal reservoirs after rain of unit height (gamma distribution, n = 3)."""
        filled = np.clip(since_s, 0, None) / self.k_s
        drained = np.clip(since_s - self.rain_s, 0, None) / self.k_s
        result: Floats = _gamma3(filled) - _gamma3(drained)
        return result

    def alter(self, part: Samples) -> Samples:
        """Add rain in the gauges, and a rising level with spikes and gaps in the pond's sensors."""
        since_s = (part.time_ms - self.stage.at_ms) / 1000
        if part.metrics == ("rain",):
            return self._with_rain(part, since_s)
        if part.metrics != ("level",):
            return part
        rows = np.isin(part.device, self.ponds) & (since_s >= 0) & (part.time_ms < self.span_ms[1])
        keys = np.full(len(part), self.stage.key, np.uint64) + part.device.astype(np.uint64)
        luck = uniform(keys, part.time_ms, stream=8)
        spike = np.where(luck < self.settings.spikes, 0.1 + 0.3 * uniform(keys, part.time_ms, stream=9), 0.0)
        level = part.values[:, 0] + np.where(rows, self.rise(since_s) + spike, 0.0)
        lost = rows & (luck > 1 - self.settings.dropouts) & (since_s < self.rain_s)
        return part.with_column("level", np.where(lost, np.nan, level.round(3)))

    def _with_rain(self, part: Samples, since_s: Floats) -> Samples:
        wet = np.isin(part.device, self.gauges) & (since_s > 0) & (since_s < self.rain_s)
        periods = np.array([self.stage.fleet.devices[i].period_s for i in part.device.tolist()])
        keys = np.full(len(part), self.stage.key, np.uint64)
        gust = 0.6 + 0.8 * uniform(keys, part.time_ms // 60_000, stream=6)
        return part.with_column(
            "rain", np.where(wet, self.rain_mm_h * periods / 3600 * gust, part.values[:, 0]).round(2)
        )

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return no extra messages."""
        del span_ms
        return []

    def truths(self) -> Sequence[Truth]:
        """Return the truth. harm_at: the level passes the rail (the pond's highest limit)."""
        begin, end = self.span_ms
        since_s = np.arange(0, (end - begin) / 1000, max(1.0, self.k_s / 2000))
        level = POND_M + self.rise(since_s)
        here = self.stage.fleet.devices[self.ponds[0]]
        limits = tuple(here.limits.get("level", (RAIL_DEFAULT_M,)))
        up = np.flatnonzero(level > POND_M + SEEN_M)
        over = np.flatnonzero(level > limits[-1])
        when = [begin + round(1000 * float(since_s[i])) for i in (up[0], up[-1])]
        harm = begin + round(1000 * float(since_s[over[0]])) if len(over) else None
        expected = int(sum(float(level.max()) > limit for limit in limits))
        ponds = tuple(self.stage.fleet.devices[i].id for i in self.ponds)
        gauges = tuple(self.stage.fleet.devices[i].id for i in self.gauges)
        return [
            Truth(
                self.stage.scenario,
                "flood",
                here.site,
                here.zone,
                begin,
                when[0],
                harm,
                when[1],
                expected,
                must_page=expected > 1,
                must_not_page=expected == 0,
                devices=ponds,
                affected_devices=ponds + gauges,
            ),
        ]


def plan_storm(settings: StormSettings, stage: Stage) -> Storm | None:
    """Plan a storm over the ponds of one school; None without a pond with a level sensor."""
    ponds = settings.candidates(stage.fleet, "pond")
    if not ponds:
        return None
    site = stage.fleet.devices[stage.pick(ponds)].site
    gauges = tuple(stage.fleet.find("rain", site=site))
    here = tuple(index for index in ponds if stage.fleet.devices[index].site == site)
    rain_s, rain_mm_h = stage.draw(*settings.rain_s, stream=1), stage.draw(*settings.rain_mm_h, stream=2)
    k_s, rise_m = stage.draw(*settings.k_s, stream=3), stage.draw(*settings.rise_m, stream=4)
    return Storm(stage, settings, here, gauges, rain_s, rain_mm_h, k_s, rise_m)


def _gamma3(x: Floats) -> Floats:
    result: Floats = 1 - np.exp(-x) * (1 + x + x * x / 2)
    return result


@dataclass(frozen=True, slots=True)
class PersonSettings(Happening):
    """A camera detects a person in the zone "waterside"."""

    stay_s: Annotated[tuple[float, float], Interval(ge=1, le=7200), Unit("s"), doc("time that the person stays")] = (
        60.0,
        240.0,
    )
    high_water: Annotated[bool, doc("the water is high at the same time: both together are red")] = False


@dataclass(frozen=True, slots=True)
class PersonAtWater:
    """One planned person at the water."""

    stage: Stage
    camera: int
    stay_s: float
    high_water: bool

    @property
    def span_ms(self) -> tuple[int, int]:
        """Span from the first detection until the person has left."""
        return self.stage.at_ms, self.stage.at_ms + round(self.stay_s * 1000) + 1

    def alter(self, part: Samples) -> Samples:
        """Return the messages unchanged."""
        return part

    def events(self, span_ms: tuple[int, int]) -> list[Samples]:
        """Return start, an update every five seconds, and end."""
        row = (self.camera, self.stage.at_ms, round(self.stay_s * 1000), self.stage.draw(0.72, 0.94, stream=2))
        found = track_frames([row], zone=WATERSIDE, span_ms=span_ms, update_ms=5_000)
        return [found] if len(found) else []

    def truths(self) -> Sequence[Truth]:
        """Return the truth: the person is at the water's edge from the first detection on."""
        here = self.stage.fleet.devices[self.camera]
        begin, end = self.stage.at_ms, self.stage.at_ms + round(self.stay_s * 1000)
        return [
            Truth(
                self.stage.scenario,
                "person_at_water",
                here.site,
                here.zone,
                begin,
                begin,
                begin,
                end,
                3 if self.high_water else 2,
                must_page=True,
                must_not_page=False,
                devices=(here.id,),
                affected_devices=(here.id,),
            ),
        ]


def plan_person(settings: PersonSettings, stage: Stage) -> PersonAtWater | None:
    """Plan a person at a camera of the zone; None without a camera."""
    cameras = settings.candidates(stage.fleet, "camera")
    if not cameras:
        return None
    return PersonAtWater(stage, stage.pick(cameras), stage.draw(*settings.stay_s, stream=1), settings.high_water)
