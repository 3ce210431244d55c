"""Cameras on a quiet day: people on the path, and the camera's own health."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.campus.fleet import Fleet, Rows, Samples, grid
from simulators.campus.noise import uniform

PATH = "path"
WATERSIDE = "waterside"
GATE = "gate"


def camera(rows: Rows) -> Samples:
    """Return the camera's health: blind (bool), sharpness (% of a clear day's), luma (%), scene_change (%)."""
    light, focus, shake = rows.normals(3, stream=7)
    hour = rows.fleet.calendar.hour(rows.time_ms)
    daylight = np.clip(np.cos((hour - 12.5) / 24 * 2 * np.pi) + 0.2, 0, 1)
    return rows.frames(
        {
            "blind": np.zeros(len(rows)),
            "sharpness": np.clip(88 + 8 * daylight + 1.5 * focus, 0, 100).round(1),
            "luma": np.clip(18 + 45 * daylight + 2 * light, 0, 100).round(1),
            "scene_change": np.clip(3 + 1.5 * np.abs(shake), 0, 100).round(1),
        }
    )


def passers_by(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Samples]:
    """Return people on the path as tracks (start, end) in the zone "path"."""
    del period_s
    begin, end = span_ms
    slot_device, slot_ms, slot = grid(fleet, members, 60.0, (begin - 60_000, end))
    keys = fleet.keys[slot_device]
    passes = np.flatnonzero(uniform(keys, slot, stream=1) < 0.5 * fleet.calendar.movement(slot_ms))
    keys, slot = keys[passes], slot[passes]
    start_ms = slot_ms[passes] + (20_000 * uniform(keys, slot, stream=2)).astype(np.int64)
    stay_ms = 6_000 + (20_000 * uniform(keys, slot, stream=3)).astype(np.int64)
    score = 0.6 + 0.3 * uniform(keys, slot)
    columns = (slot_device[passes].tolist(), start_ms.tolist(), stay_ms.tolist(), score.tolist())
    seen = track_frames(list(zip(*columns, strict=True)), zone=PATH, span_ms=span_ms)
    return [seen] if len(seen) else []


def track_frames(
    rows: list[tuple[int, int, int, float]], *, zone: str, span_ms: tuple[int, int], update_ms: int = 0
) -> Samples:
    """Return events of persons from rows of (device, start_ms, stay_ms, score); `update_ms` > 0 adds updates."""
    begin, end = span_ms
    events = [event for row in rows for event in _track(row, zone, update_ms) if begin <= event[1] < end]
    device = np.array([event[0] for event in events], np.int32)
    time_ms = np.array([event[1] for event in events], np.int64)
    return Samples(device, time_ms, (), np.zeros((len(events), 0)), tuple(event[2] for event in events))


def _track(row: tuple[int, int, int, float], zone: str, update_ms: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    device, start_ms, stay_ms, score = row
    fields = {"label": "person", "score": round(score, 3), "zone": zone, "track": f"{start_ms}-{device}", "count": 1}
    yield device, start_ms, {**fields, "state": "start"}
    if update_ms:
        for at_ms in range(start_ms + update_ms, start_ms + stay_ms, update_ms):
            yield device, at_ms, {**fields, "state": "update"}
    yield device, start_ms + stay_ms, {**fields, "state": "end"}
