"""Cameras on a quiet day: people walk by on the path, and the camera says that it sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.fleet import Fleet, Frames, grid
from simulators.noise import normal, uniform

PATH = "path"
WATERSIDE = "waterside"
GATE = "gate"


def camera(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Passers-by as tracks (start, end) in the zone "path", and the camera's own health every `period_s`.

    Health: blind (bool); sharpness (% of a clear day's), luma (%) by daylight and lamps, scene_change (%).
    """
    device, time_ms, sample = grid(fleet, members, period_s, span_ms)
    alive = _health(fleet, device, time_ms, sample)
    begin, end = span_ms
    slot_device, slot_ms, slot = grid(fleet, members, 60.0, (begin - 60_000, end))
    keys = fleet.keys[slot_device]
    passes = uniform(keys, slot, stream=1) < 0.5 * fleet.calendar.movement(slot_ms)
    start_ms = slot_ms + (20_000 * uniform(keys, slot, stream=2)).astype(np.int64)
    stay_ms = 6_000 + (20_000 * uniform(keys, slot, stream=3)).astype(np.int64)
    rows = [
        (
            int(slot_device[i]),
            int(start_ms[i]),
            int(stay_ms[i]),
            float(0.6 + 0.3 * uniform(keys[i : i + 1], slot[i : i + 1])[0]),
        )
        for i in np.flatnonzero(passes)
    ]
    return [alive, track_frames(rows, zone=PATH, span_ms=span_ms)]


def _health(fleet: Fleet, device: NDArray[np.int32], time_ms: NDArray[np.int64], sample: NDArray[np.int64]) -> Frames:
    """What the camera says of its own picture."""
    keys = fleet.keys[device]
    daylight = np.clip(np.cos((fleet.calendar.hour(time_ms) - 12.5) / 24 * 2 * np.pi) + 0.2, 0, 1)
    luma = 18 + 45 * daylight + 2 * normal(keys, sample, stream=7)
    sharpness = 88 + 8 * daylight + 1.5 * normal(keys, sample, stream=8)
    change = 3 + 1.5 * np.abs(normal(keys, sample, stream=9))
    columns = (np.zeros(len(device)), np.clip(sharpness, 0, 100), np.clip(luma, 0, 100), np.clip(change, 0, 100))
    return Frames(device, time_ms, ("blind", "sharpness", "luma", "scene_change"), np.column_stack(columns).round(1))


def track_frames(
    rows: list[tuple[int, int, int, float]], *, zone: str, span_ms: tuple[int, int], update_ms: int = 0
) -> Frames:
    """Events of persons seen: rows of (device, start_ms, stay_ms, score); updates in between where `update_ms` > 0."""
    begin, end = span_ms
    events = [event for row in rows for event in _track(row, zone, update_ms) if begin <= event[1] < end]
    device = np.array([event[0] for event in events], np.int32)
    time_ms = np.array([event[1] for event in events], np.int64)
    return Frames(device, time_ms, (), np.zeros((len(events), 0)), tuple(event[2] for event in events))


def _track(row: tuple[int, int, int, float], zone: str, update_ms: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    device, start_ms, stay_ms, score = row
    told = {"label": "person", "score": round(score, 3), "zone": zone, "track": f"{start_ms}-{device}", "count": 1}
    yield device, start_ms, {**told, "state": "start"}
    if update_ms:
        for at_ms in range(start_ms + update_ms, start_ms + stay_ms, update_ms):
            yield device, at_ms, {**told, "state": "update"}
    yield device, start_ms + stay_ms, {**told, "state": "end"}
