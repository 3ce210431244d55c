"""Cameras on a quiet day: people walk by on the path, and the camera says that it sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.fleet import Fleet, Frames, grid
from simulators.noise import uniform

PATH = "path"
WATERSIDE = "waterside"
GATE = "gate"


def camera(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Passers-by as tracks (start, end) in the zone "path", and `blind` = false every `period_s`."""
    device, time_ms, _ = grid(fleet, members, period_s, span_ms)
    alive = Frames(device, time_ms, ("blind",), np.zeros((len(device), 1)))
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
