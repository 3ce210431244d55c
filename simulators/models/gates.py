"""Gates on a quiet day: turnstiles with counts, doors that open for a card and close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.campus.fleet import Fleet, Rows, Samples, grid
from simulators.campus.noise import Floats, normal, uniform

LANE_PER_MIN = 24.0
"""People a lane passes in a busy minute; makers print 40 to 60, real rush hours show 20 to 40."""

SLOT_S = 60.0
"""Minimum time between two cards at a door, so passages never overlap."""

BEAM_MS = 1_000
"""Time from the opening until the person breaks the beam."""

IN_FIRST_H, IN_LAST_H = 6.0, 15.0


def turnstile(rows: Rows) -> Samples:
    """Return people in and out since the last message; people enter in the morning and leave in the evening."""
    calendar = rows.fleet.calendar
    hour = calendar.hour(rows.time_ms)
    rate = LANE_PER_MIN * calendar.movement(rows.time_ms) * rows.period_s / 60
    inward = np.where((hour > IN_FIRST_H) & (hour < IN_LAST_H), 0.8, 0.2)
    ways = rate * inward, rate * (1 - inward)
    come, gone = (_counts(mean, rows.keys, rows.sample, way) for way, mean in enumerate(ways, 1))
    return rows.frames({"people_in": come, "people_out": gone})


def shut(rows: Rows) -> Samples:
    """Return the periodic report of a closed door."""
    return rows.frames({"open": np.zeros(len(rows))})


def door(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Samples]:
    """Return card, opening, beam count and closing for each passage; state closed every `period_s`."""
    begin, end = span_ms
    device, slot_ms, slot = grid(fleet, members, SLOT_S, (begin - round(SLOT_S * 1000), end))
    keys = fleet.keys[device]
    passes = uniform(keys, slot, stream=1) < 0.7 * fleet.calendar.movement(slot_ms)
    card_ms = slot_ms + 5_000 + (20_000 * uniform(keys, slot, stream=2)).astype(np.int64)
    open_ms = card_ms + 600 + (900 * uniform(keys, slot, stream=3)).astype(np.int64)
    shut_ms = open_ms + 2_500 + (5_000 * uniform(keys, slot, stream=4)).astype(np.int64)
    every = max(1, round(period_s / SLOT_S))
    parts = (
        (card_ms, passes, "access_granted", 1.0),
        (open_ms, passes, "open", 1.0),
        (open_ms + BEAM_MS, passes, "people_in", 1.0),
        (shut_ms, passes, "open", 0.0),
        (slot_ms + 45_000, slot % every == 0, "open", 0.0),
    )
    return [
        Samples(device[rows], time_ms[rows], (metric,), np.full((int(rows.sum()), 1), value))
        for time_ms, wanted, metric, value in parts
        for rows in [wanted & (time_ms >= begin) & (time_ms < end)]
    ]


def _counts(mean: Floats, keys: NDArray[np.uint64], sample: NDArray[np.int64], stream: int) -> Floats:
    """Return whole numbers around a mean with Poisson variance (normal approximation, thinned near zero)."""
    spread = mean + np.sqrt(mean) * normal(keys, sample, stream=stream)
    few = (uniform(keys, sample, stream=stream + 20) < mean).astype(np.float64)
    result: Floats = np.where(mean > 1, np.clip(np.rint(spread), 0, None), few)
    return result
