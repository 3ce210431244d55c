"""Simulated rooms with a camera and a smoke head: false alarms of both together against each alone.

A model of our own, seeded. Fires smoulder or flame; a tenth is out of the camera's sight. The camera takes lamps and
sunsets for fire; steam, spray and dust reach the smoke head. Nuisances of the two sources are independent. The single
sources are simple alarms over the same rows: a limit held for a time. Each has the limit with the fewest false alarms
at a recall that is not below ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .goals import Goal, Measured
from .recordings import Row, detections

SEED = 14
ROOMS, FIRES = 400, 80
DAY_S = 86_400.0
LAMPS_A_DAY, STEAM_A_DAY = 4.0, 1.0
"""Nuisances of a room a day (D)."""
BEAT_S, STEP_S, FRAME_S = 300.0, 10.0, 5.0
LIMIT_DB_M, GRACE_S = 0.15, 30.0
"""A fire counts as found until GRACE_S after the smoke has reached LIMIT_DB_M."""
BASE_DB_M = 0.005
START_S = 1_793_700_000.0
GAIN = Goal("fusion of camera and smoke head, simulated fires: fewer false alarms at equal recall", "x", 3, 10, 30)


@dataclass(frozen=True, slots=True)
class Scene:
    """One room for a day: fire (begin, deadline) or None, smoke (seconds, dB/m), camera (seconds, score, track)."""

    name: str
    fire: tuple[float, float] | None
    smoke: Sequence[tuple[float, float]]
    sight: Sequence[tuple[float, float, str]]

    def rows(self) -> Iterator[Row]:
        """Yield the readings of the room."""
        for at_s, value in self.smoke:
            yield Row(f"smoke-{self.name}", "smoke", "smoke_density", START_S + at_s, round(value, 4), self.name)
        ends: dict[str, float] = {}
        begun: set[str] = set()
        camera = f"cam-{self.name}"
        for at_s, score, track in self.sight:
            state = "update" if track in begun else "start"
            begun.add(track)
            ends[track] = at_s + FRAME_S
            yield Row(
                camera, "camera", "object_present", START_S + at_s, 1.0, self.name, "fire", state, track, f"{score:.2f}"
            )
        for track, at_s in ends.items():
            yield Row(camera, "camera", "object_present", START_S + at_s, 0.0, self.name, "fire", "end", track)


Alarms = Callable[[Scene, float, float], list[float]]


def measure() -> Iterator[Measured]:
    """Yield the ratio of the false alarms of the better single source to those of the fused rule, at equal recall."""
    scenes = [scene_of(number) for number in range(ROOMS)]
    found = detections(row for scene in scenes for row in scene.rows())
    ours = [
        [
            one.time_s - START_S
            for sensor in (f"cam-{scene.name}", f"smoke-{scene.name}")
            for one in found.get(sensor, ())
            if one.detector == "condition"
        ]
        for scene in scenes
    ]
    recall, false = _figures(scenes, ours)
    singles = [_best(scenes, recall, source) for source in (_smoke_alarms, _camera_alarms)]
    reached = [count for count in singles if count is not None]
    gain = min(reached) / max(1, false) if reached else None
    yield Measured("fusion", GAIN, gain, 1.0, FIRES, gain / max(1, false) ** 0.5 if gain else None)


def scene_of(number: int, seed: int = SEED) -> Scene:
    """Return one room for a day; the first FIRES rooms have a fire."""
    chance = np.random.default_rng((seed, number))
    smoke = {float(at_s): BASE_DB_M for at_s in np.arange(0, DAY_S, BEAT_S)}
    sight: list[tuple[float, float, str]] = []
    for at_s in _around(chance, STEAM_A_DAY):
        peak, decay_s = float(np.exp(chance.normal(np.log(0.09), 0.7))), chance.uniform(20, 180)
        for step in np.arange(0, 6 * decay_s, STEP_S):
            smoke[float(at_s + step)] = BASE_DB_M + peak * float(np.exp(-step / decay_s))
    for count, at_s in enumerate(_around(chance, LAMPS_A_DAY)):
        mean, lasts_s = chance.uniform(0.2, 0.85), chance.exponential(40.0)
        sight += _frames(chance, at_s, lasts_s, mean, f"lamp{count}")
    fire = _fire(chance, smoke, sight) if number < FIRES else None
    noisy = [(at_s, max(0.0, value + chance.normal(0, 0.002))) for at_s, value in sorted(smoke.items()) if at_s < DAY_S]
    return Scene(f"room-{number}", fire, noisy, sorted(sight))


def _fire(
    chance: np.random.Generator, smoke: dict[float, float], sight: list[tuple[float, float, str]]
) -> tuple[float, float]:
    """Add a fire to a room; return its begin and the last time at which it counts as found."""
    begin_s = float(chance.uniform(0.1, 0.8) * DAY_S)
    tau_s = float(np.exp(chance.uniform(np.log(20), np.log(600))))
    limit_s = tau_s * float(np.log(LIMIT_DB_M / 0.002))
    for step in np.arange(0, limit_s + GRACE_S, STEP_S):
        smoke[begin_s + float(step)] = BASE_DB_M + min(3.0, 0.002 * float(np.exp(step / tau_s)))
    if chance.random() > 0.1:  # noqa: PLR2004 - a tenth is out of sight
        seen_s = begin_s + limit_s * chance.uniform(0.3, 0.9)
        mean = chance.uniform(0.45, 0.95)
        sight += _frames(chance, seen_s, begin_s + limit_s + GRACE_S - seen_s, mean, "fire")
    return begin_s, begin_s + limit_s + GRACE_S


def _frames(
    chance: np.random.Generator, at_s: float, lasts_s: float, mean: float, track: str
) -> list[tuple[float, float, str]]:
    steps = np.arange(0, max(FRAME_S, lasts_s), FRAME_S)
    scores = np.clip(mean + 0.08 * chance.standard_normal(len(steps)), 0, 1)
    return [(at_s + float(step), float(score), track) for step, score in zip(steps, scores, strict=True)]


def _around(chance: np.random.Generator, a_day: float) -> list[float]:
    return sorted((chance.random(chance.poisson(a_day)) * DAY_S * 0.95).tolist())


def _figures(scenes: Sequence[Scene], alarms: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Return the share of fires with an alarm in time, and the alarms outside of fires."""
    hits = false = 0
    for scene, own in zip(scenes, alarms, strict=True):
        begin_s, end_s = scene.fire or (np.inf, np.inf)
        hits += any(begin_s <= at_s <= end_s for at_s in own)
        false += sum(not begin_s <= at_s <= end_s + DAY_S for at_s in own)
    return hits / FIRES, false


def _best(scenes: Sequence[Scene], recall: float, source: Alarms) -> int | None:
    """Return the fewest false alarms of a single source over its limits at this recall; None without a limit."""
    counts = []
    for limit in np.arange(0.02, 1.0, 0.02):
        for lasting_s in (0.0, 20.0, 60.0):
            share, false = _figures(scenes, [source(scene, float(limit), lasting_s) for scene in scenes])
            if share >= recall:
                counts.append(false)
    return min(counts, default=None)


def _smoke_alarms(scene: Scene, limit: float, lasting_s: float) -> list[float]:
    return _held([(at_s, value >= limit) for at_s, value in scene.smoke], lasting_s, gap_s=BEAT_S)


def _camera_alarms(scene: Scene, limit: float, lasting_s: float) -> list[float]:
    return _held([(at_s, score >= limit) for at_s, score, _ in scene.sight], lasting_s, gap_s=4 * FRAME_S)


def _held(states: Sequence[tuple[float, bool]], lasting_s: float, *, gap_s: float) -> list[float]:
    """Return the times at which a state has lasted; one alarm until it ends or pauses for gap_s."""
    found: list[float] = []
    since_s, last_s, raised = -1.0, -np.inf, False
    for at_s, on in states:
        if not on or at_s - last_s > gap_s:
            since_s, raised = -1.0, False
        if on:
            since_s = at_s if since_s < 0 else since_s
            if not raised and at_s - since_s >= lasting_s:
                found.append(at_s)
                raised = True
            last_s = at_s
    return found
