"""Rooms on a quiet day: smoke heads with temperature and CO, and indoor climate.

Noise figures are plausible choices of ours: smoke heads 0.001 dB/m, CO 0.3 ppm, temperature 0.05 K.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.fleet import Fleet, Frames, grid
from simulators.noise import Floats, Words, normal, smooth, uniform


def smoke(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Smoke density (dB/m), CO (ppm) and temperature (Cel) of every smoke head."""
    device, time_ms, sample = grid(fleet, members, period_s, span_ms)
    keys = fleet.keys[device]
    clean = 0.003 + 0.009 * uniform(keys, np.zeros_like(sample))
    density = clean + 0.0008 * smooth(keys, time_ms, span_s=1800) + 0.001 * normal(keys, sample, stream=1)
    co = 1.2 + 0.6 * smooth(keys, time_ms, span_s=3600, stream=2) + 0.3 * normal(keys, sample, stream=3)
    warmth = indoor_temperature(fleet, keys, time_ms) + 0.05 * normal(keys, sample, stream=4)
    columns = (np.clip(density, 0, None).round(4), np.clip(co, 0, None).round(1), warmth.round(2))
    return [Frames(device, time_ms, ("smoke_density", "co", "temperature"), np.column_stack(columns))]


def room(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Temperature (Cel), humidity (%) and CO2 (ppm); CO2 follows the people."""
    device, time_ms, sample = grid(fleet, members, period_s, span_ms)
    keys = fleet.keys[device]
    people = fleet.calendar.in_session(time_ms) * np.clip(1.4 - np.abs(fleet.calendar.hour(time_ms) - 13.5) / 5, 0, 1)
    warmth = indoor_temperature(fleet, keys, time_ms) + 1.2 * people + 0.05 * normal(keys, sample, stream=1)
    damp = 55 + 6 * smooth(keys, time_ms, span_s=14_400, stream=2) + 0.4 * normal(keys, sample, stream=3)
    co2 = (
        440
        + 620 * people * (1 + 0.15 * smooth(keys, time_ms, span_s=2400, stream=4))
        + 8 * normal(keys, sample, stream=5)
    )
    columns = (warmth.round(2), np.clip(damp, 5, 99).round(1), np.clip(co2, 380, None).round(0))
    return [Frames(device, time_ms, ("temperature", "humidity", "co2"), np.column_stack(columns))]


def indoor_temperature(fleet: Fleet, keys: Words, time_ms: NDArray[np.int64]) -> Floats:
    """Degrees in a room: a room's own level, the day's swing with its top at 15:00, slow weather."""
    own = 20.5 + 3 * uniform(keys, np.zeros(len(keys), np.int64), stream=9)
    swing = 1.3 * np.cos((fleet.calendar.hour(time_ms) - 15) / 24 * 2 * np.pi)
    result: Floats = own + swing + 0.3 * smooth(keys, time_ms, span_s=10_800, stream=9)
    return result
