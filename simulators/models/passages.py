"""Passage events: tailgating, entry at night, one card in two places, crowding on stairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval, Unit, doc
from numpy.typing import NDArray

from simulators.campus.effect import Happening, Stage
from simulators.campus.fleet import Samples, frames
from simulators.campus.noise import normal, uniform
from simulators.models.disturbance import Disturbance, Muted, at, interval

MARGIN_S = 60.0
WALK_M_S = 1.5
CROWD_P_M2 = (2.0, 4.0, 5.0)
"""Yellow, orange, red: above 2 to 3 people per m2 the flow drops; above 5 crowd forces injure."""


@dataclass(frozen=True, slots=True)
class TailgatingSettings(Happening):
    """At one door, people follow others through on one card for a time."""

    lasts_s: Annotated[float, Interval(ge=60, le=86_400), Unit("s"), doc("duration")] = 1800.0
    cycles: Annotated[float, Interval(ge=1, le=60), Unit("1/min"), doc("door cycles a minute")] = 4.0
    follow: Annotated[float, Interval(gt=0, le=1), doc("share of cycles in which a second person follows")] = 0.6
    gap_s: Annotated[tuple[float, float], Interval(gt=0, le=10), Unit("s"), doc("delay of the second person")] = (
        0.3,
        1.0,
    )


def plan_tailgating(settings: TailgatingSettings, stage: Stage) -> Disturbance | None:
    """Plan tailgating at a door; None without a door."""
    doors = settings.candidates(stage.fleet, "door")
    if not doors:
        return None
    door = stage.pick(doors)
    cycle_s = 60 / settings.cycles
    count = int(settings.lasts_s // cycle_s)
    number = np.arange(count, dtype=np.int64)
    keys = np.array([stage.key], np.uint64)
    card_s = number * cycle_s + 2 * uniform(keys, number, stream=1)
    opened_s = card_s + 0.8
    follows = uniform(keys, number, stream=2) < settings.follow
    low, high = settings.gap_s
    second_s = opened_s + 1.0 + low + (high - low) * uniform(keys, number, stream=3)
    extra = (
        _moments(stage, door, card_s, "access_granted", 1.0),
        _moments(stage, door, opened_s, "open", 1.0),
        _moments(stage, door, opened_s + 1.0, "people_in", 1.0),
        _moments(stage, door, second_s[follows], "people_in", 1.0),
        _moments(stage, door, opened_s + 3.5, "open", 0.0),
    )
    span_ms = stage.at_ms, at(stage, settings.lasts_s)
    seen_ms = at(stage, float(second_s[follows][0])) if follows.any() else span_ms[1]
    truth = interval(stage, "tailgating", [door], (span_ms[0], seen_ms, seen_ms, span_ms[1]), level=1)
    return Disturbance(stage, span_ms, (truth,), (), _aside(stage, door, settings.lasts_s), extra)


@dataclass(frozen=True, slots=True)
class EntrySettings(Happening):
    """Somebody enters with a card when the school is closed."""

    open_s: Annotated[tuple[float, float], Interval(ge=1, le=25), Unit("s"), doc("time that the door is open")] = (
        3.0,
        8.0,
    )


def plan_entry(settings: EntrySettings, stage: Stage) -> Disturbance | None:
    """Plan an entry at a door; None without a door."""
    doors = settings.candidates(stage.fleet, "door")
    if not doors:
        return None
    door = stage.pick(doors)
    open_s = stage.draw(*settings.open_s, stream=1)
    extra = (
        _carded(stage, door, 0.0),
        _moments(stage, door, np.array([0.9]), "open", 1.0),
        _moments(stage, door, np.array([1.9]), "people_in", 1.0),
        _moments(stage, door, np.array([0.9 + open_s]), "open", 0.0),
    )
    end_s = 0.9 + open_s
    moments = stage.at_ms, stage.at_ms, stage.at_ms, at(stage, end_s) + 1
    truth = interval(stage, "after_hours_entry", [door], moments, level=1)
    span_ms = at(stage, -MARGIN_S), at(stage, end_s + MARGIN_S)
    return Disturbance(stage, span_ms, (truth,), (), _aside(stage, door, end_s), extra)


@dataclass(frozen=True, slots=True)
class CardSettings(Happening):
    """One card at two doors, faster than its holder can walk."""

    share: Annotated[tuple[float, float], Interval(gt=0, lt=1), doc("share of the walking time")] = (0.1, 0.5)


def plan_card(settings: CardSettings, stage: Stage) -> Disturbance | None:
    """Plan a card in two places; None when the school has fewer than two doors."""
    doors = settings.candidates(stage.fleet, "door")
    if not doors:
        return None
    first = stage.pick(doors)
    here = stage.fleet.devices[first]

    def distance(index: int) -> float:
        return float(np.hypot(*np.subtract(stage.fleet.devices[index].xy, here.xy)))

    others = [index for index in stage.fleet.find("door", site=here.site) if distance(index) > 0]
    if not others:
        return None
    second = max(others, key=lambda index: (distance(index), index))
    after_s = distance(second) / WALK_M_S * stage.draw(*settings.share, stream=1)
    extra = (_carded(stage, first, 0.0), _carded(stage, second, after_s))
    moment = at(stage, after_s)
    truth = interval(
        stage, "card_anomaly", [first, second], (stage.at_ms, moment, moment, moment + 60_000), level=1, carriers=2
    )
    return Disturbance(stage, (stage.at_ms, moment + 60_000), (truth,), (), (), extra)


@dataclass(frozen=True, slots=True)
class CrowdSettings(Happening):
    """Classes end together: more people arrive at the stairs than can leave."""

    inflow: Annotated[tuple[float, float], Interval(gt=0, le=50), Unit("1/s"), doc("people who arrive")] = (5.0, 8.0)
    lasts_s: Annotated[float, Interval(ge=10, le=3600), Unit("s"), doc("duration of the arrivals")] = 240.0
    width_m: Annotated[float, Interval(gt=0, le=50), Unit("m"), doc("width of the exit")] = 2.5
    passes: Annotated[tuple[float, float], Interval(gt=0, le=3), Unit("1/(m s)"), doc("people a metre and second")] = (
        1.0,
        1.3,
    )
    area_m2: Annotated[float, Interval(gt=0, le=10_000), Unit("m2"), doc("area of the stairs")] = 80.0
    noise: Annotated[tuple[float, float], Interval(ge=0, le=1), doc("error of the camera's count")] = (0.1, 0.2)
    every_s: Annotated[float, Interval(ge=1, le=60), Unit("s"), doc("interval of the counts")] = 2.0


def crowd(settings: CrowdSettings, stage: Stage) -> NDArray[np.int64]:
    """Return the people on the stairs at each second after the bell: Poisson arrivals, an exit of fixed capacity."""
    keys = np.array([stage.key], np.uint64)
    mean, out = stage.draw(*settings.inflow, stream=1), settings.width_m * stage.draw(*settings.passes, stream=2)
    second = np.arange(4 * int(settings.lasts_s), dtype=np.int64)
    came = np.clip(np.rint(mean + np.sqrt(mean) * normal(keys, second, stream=3)), 0, None)
    came[second >= settings.lasts_s] = 0
    there, owed, found = 0.0, 0.0, []
    for arrived in came.tolist():
        owed = owed % 1 + out
        there = max(0.0, there + arrived - int(owed))
        found.append(int(there))
    return np.array(found, np.int64)


def plan_crowd(settings: CrowdSettings, stage: Stage) -> Disturbance | None:
    """Plan crowding at a stair camera; None without a camera of profile "stairs"."""
    cameras = [i for i in settings.candidates(stage.fleet, "camera") if stage.fleet.devices[i].profile == "stairs"]
    if not cameras:
        return None
    camera = stage.pick(cameras)
    people = crowd(settings, stage)
    density = people / settings.area_m2
    end_s = int(np.flatnonzero(people)[-1]) + 1
    count_s = np.arange(0, end_s, settings.every_s)
    error = stage.draw(*settings.noise, stream=4) * normal(
        np.array([stage.key], np.uint64), count_s.astype(np.int64), stream=5
    )
    count = np.clip(np.rint(people[count_s.astype(int)] * (1 + error)), 0, None).astype(int)
    rows = frames([(camera, at(stage, s)) for s in count_s.tolist()], {})
    label = {"label": "person", "state": "update", "zone": "stairs", "score": 0.8}
    extra = Samples(rows.device, rows.time_ms, (), rows.values, tuple({**label, "count": n} for n in count.tolist()))
    over = [np.flatnonzero(density >= level) for level in CROWD_P_M2]
    level = sum(len(seconds) > 0 for seconds in over)
    seen, harm = (at(stage, float(found[0])) if len(found) else None for found in (over[0], over[2]))
    span_ms = stage.at_ms, at(stage, end_s)
    moments = stage.at_ms, span_ms[1] if seen is None else seen, harm, span_ms[1]
    truth = interval(stage, "crowd", [camera], moments, level=level, page=level > 1, nuisance=level == 0)
    return Disturbance(stage, span_ms, (truth,), (), (Muted(camera, span_ms, ("labels",)),), (extra,))


def _moments(stage: Stage, device: int, since_s: NDArray[np.float64], metric: str, value: float) -> Samples:
    return frames([(device, at(stage, s)) for s in since_s.tolist()], {metric: [value] * len(since_s)})


def _carded(stage: Stage, door: int, since_s: float) -> Samples:
    """Return a grant with the card's number, as readers send it; downstream masks the number."""
    part = _moments(stage, door, np.array([since_s]), "access_granted", 1.0)
    card = f"{stage.key % 10**10:010d}"
    return Samples(part.device, part.time_ms, part.metrics, part.values, ({"card": card},))


def _aside(stage: Stage, door: int, lasts_s: float) -> tuple[Muted, ...]:
    """Mute ordinary passages of the door in the span."""
    span_ms = at(stage, -MARGIN_S), at(stage, lasts_s + MARGIN_S)
    return tuple(Muted(door, span_ms, (metric,)) for metric in ("open", "access_granted", "people_in"))
