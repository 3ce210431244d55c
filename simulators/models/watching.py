"""Camera events: strangers at the fence, animals and shadows, blinding; e-bike charging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval, Unit, doc

from simulators.campus.effect import Happening, Stage
from simulators.campus.fleet import Samples
from simulators.campus.noise import Floats, uniform
from simulators.models.cameras import track_frames
from simulators.models.disturbance import Change, Disturbance, MetricChange, Muted, at, interval, mates
from simulators.models.mains import MAINS_V

PERIMETER = "perimeter"
LOITER_S = 30.0
FINDING_S = 900.0
NIGHT_S = 36_000.0
BLIND: dict[str, dict[str, float]] = {
    "blocked": {"blind": 1.0, "sharpness": 4.0, "luma": 3.0, "scene_change": 92.0},
    "moved": {"blind": 0.0, "scene_change": 78.0},
    "dark": {"blind": 0.0, "sharpness": 12.0, "luma": 1.0, "scene_change": 35.0},
}
"""Mode -> health values of the camera: covered, turned away, or without its night lamp."""


@dataclass(frozen=True, slots=True)
class StrangerSettings(Happening):
    """A person walks along the fence and stays; animals and shadows appear all night."""

    stay_s: Annotated[tuple[float, float], Interval(ge=1, le=3600), Unit("s"), doc("time that the person stays")] = (
        60.0,
        300.0,
    )
    score: Annotated[tuple[float, float], Interval(ge=0, le=1), doc("score of the camera")] = (0.6, 0.9)
    shadows: Annotated[tuple[float, float], Interval(ge=0, le=500), doc("animals and shadows in ten hours")] = (
        5.0,
        30.0,
    )
    passers: Annotated[float, Interval(ge=0, le=200), doc("people who only pass, in ten hours")] = 6.0


def plan_stranger(settings: StrangerSettings, stage: Stage) -> Disturbance | None:
    """Plan a night at one camera; None without a camera."""
    cameras = settings.candidates(stage.fleet, "camera")
    if not cameras:
        return None
    camera = stage.pick(cameras)
    stay_s, score = stage.draw(*settings.stay_s, stream=1), stage.draw(*settings.score, stream=2)
    come_s = stage.draw(0.3, 0.7, stream=3) * NIGHT_S
    whole = stage.at_ms, at(stage, NIGHT_S)
    stranger = (camera, at(stage, come_s), round(1000 * stay_s), score)
    extra = [track_frames([stranger], zone=PERIMETER, span_ms=whole, update_ms=5_000)]
    clear = [(come_s - 120, come_s + stay_s + 120)]
    extra.append(
        track_frames(_visits(stage, camera, settings.passers, (5, 25), clear, stream=10), zone=PERIMETER, span_ms=whole)
    )
    count = stage.draw(*settings.shadows, stream=4)
    animals = _visits(stage, camera, count, (5, 60), clear, stream=20)
    for label, share in (("cat", animals[::2]), ("shadow", animals[1::2])):
        extra.append(_relabelled(track_frames(share, zone=PERIMETER, span_ms=whole), label))
    moments = at(stage, come_s), at(stage, come_s + LOITER_S), at(stage, come_s + LOITER_S), at(stage, come_s + stay_s)
    truth = interval(
        stage, "loitering", [camera], moments, level=1 if stay_s < LOITER_S else 2, page=stay_s >= LOITER_S
    )
    quiet = (Muted(camera, whole, ("labels",)),)
    return Disturbance(stage, whole, (truth,), (), quiet, tuple(extra))


def _visits(
    stage: Stage,
    camera: int,
    count: float,
    stay_s: tuple[float, float],
    clear: list[tuple[float, float]],
    *,
    stream: int,
) -> list[tuple[int, int, int, float]]:
    """Return tracks spread over the night outside the given times: (device, start_ms, stay_ms, score)."""
    number = np.arange(int(count), dtype=np.int64)
    keys = np.array([stage.key], np.uint64)
    when_s, long, sure = (uniform(keys, number, stream=stream + k) for k in range(3))
    rows = []
    for begin_s, share, score in zip((when_s * NIGHT_S).tolist(), long.tolist(), sure.tolist(), strict=True):
        lasts_s = stay_s[0] + (stay_s[1] - stay_s[0]) * share
        if not any(first <= begin_s + lasts_s and begin_s <= last for first, last in clear):
            rows.append((camera, at(stage, begin_s), round(1000 * lasts_s), 0.4 + 0.3 * score))
    return rows


def _relabelled(part: Samples, label: str) -> Samples:
    labels = tuple({**fields, "label": label} for fields in part.labels)
    return Samples(part.device, part.time_ms, part.metrics, part.values, labels)


@dataclass(frozen=True, slots=True)
class BlindSettings(Happening):
    """A camera is covered, turned away, or left in the dark."""

    mode: Annotated[Literal["blocked", "moved", "dark"], doc("cause of the blindness")] = "blocked"
    lasts_s: Annotated[tuple[float, float], Interval(ge=60, le=7 * 86_400), Unit("s"), doc("time until the repair")] = (
        3600.0,
        14_400.0,
    )


def plan_blind(settings: BlindSettings, stage: Stage) -> Disturbance | None:
    """Plan a blind camera; None without a camera."""
    cameras = settings.candidates(stage.fleet, "camera")
    if not cameras:
        return None
    camera = stage.pick(cameras)
    end_ms = at(stage, stage.draw(*settings.lasts_s, stream=1))

    changes = tuple(MetricChange(camera, metric, _steady(value)) for metric, value in BLIND[settings.mode].items())
    seen_ms = at(stage, stage.fleet.devices[camera].period_s)
    moments = stage.at_ms, seen_ms, at(stage, FINDING_S), end_ms
    truth = interval(stage, "camera_blind", [camera], moments, level=1)
    mute = Muted(camera, (stage.at_ms, end_ms), ("labels",))
    return Disturbance(stage, (stage.at_ms, end_ms), (truth,), changes, (mute,))


def _steady(value: float) -> Change:
    return lambda since_s, _: np.full(len(since_s), value)


@dataclass(frozen=True, slots=True)
class ChargingSettings(Happening):
    """An e-bike in a stairwell is charged for hours."""

    current_a: Annotated[tuple[float, float], Interval(gt=0, le=16), Unit("A"), doc("charging current")] = (1.0, 3.0)
    lasts_s: Annotated[tuple[float, float], Interval(ge=600, le=86_400), Unit("s"), doc("duration of the charge")] = (
        14_400.0,
        25_200.0,
    )


def plan_charging(settings: ChargingSettings, stage: Stage) -> Disturbance | None:
    """Plan a charging e-bike at a metered socket; None without one."""
    sockets = settings.candidates(stage.fleet, "socket")
    if not sockets:
        return None
    socket = stage.pick(sockets)
    cameras = mates(stage, socket, "camera", same_place=True)[:1]
    ampere, lasts_s = stage.draw(*settings.current_a, stream=1), stage.draw(*settings.lasts_s, stream=2)
    plugged_s = 90.0

    def drawn(since_s: Floats) -> Floats:
        full = np.clip((plugged_s + lasts_s - since_s) / 3600, 0.1, 1)  # the current falls in the last hour
        charging: Floats = ampere * full * ((since_s >= plugged_s) & (since_s < plugged_s + lasts_s))
        return charging

    changes = (
        MetricChange(socket, "current", lambda s, old: (old + drawn(s)).round(3)),
        MetricChange(socket, "power", lambda s, old: (old + MAINS_V * drawn(s)).round(1)),
    )
    whole = stage.at_ms, at(stage, plugged_s + lasts_s)
    rows = [(camera, stage.at_ms, 60_000, stage.draw(0.7, 0.95, stream=3)) for camera in cameras]
    extra = (_relabelled(track_frames(rows, zone="stairs", span_ms=whole, update_ms=5_000), "ebike"),)
    plug_ms = at(stage, plugged_s)
    moments = stage.at_ms, stage.at_ms if cameras else plug_ms, plug_ms, whole[1]
    truth = interval(stage, "ebike_charging", [*cameras, socket], moments, level=2, page=True, carriers=2)
    return Disturbance(stage, whole, (truth,), changes, (), extra)
