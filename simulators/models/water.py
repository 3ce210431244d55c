"""Water on a quiet day: a pond's level, a rain gauge, the pressure of a main, a leak contact.

Level error: standard deviation 5 mm, as an ultrasonic sensor over calm water has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.fleet import Fleet, Frames, grid
from simulators.noise import normal, smooth

POND_M = 0.90
"""Normal level above the site's datum."""

LEVEL_SD_M = 0.005


def pond(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Level (m): nearly still, with wind and slow loss."""
    device, time_ms, sample = grid(fleet, members, period_s, span_ms)
    keys = fleet.keys[device]
    level = POND_M + 0.012 * smooth(keys, time_ms, span_s=21_600) + LEVEL_SD_M * normal(keys, sample, stream=1)
    return [Frames(device, time_ms, ("level",), level.round(3)[:, None])]


def rain(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Rain (mm since the last message): a dry day."""
    device, time_ms, _ = grid(fleet, members, period_s, span_ms)
    return [Frames(device, time_ms, ("rain",), np.zeros((len(device), 1)))]


def pipe(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Pressure (MPa) and flow (m3/s) of the main: use in the day draws the pressure down."""
    device, time_ms, sample = grid(fleet, members, period_s, span_ms)
    keys = fleet.keys[device]
    use = 0.1 + fleet.calendar.movement(time_ms)
    pressure = 0.38 - 0.03 * use + 0.004 * smooth(keys, time_ms, span_s=900) + 0.001 * normal(keys, sample, stream=1)
    flow = 0.004 * use + 0.0003 * smooth(keys, time_ms, span_s=600, stream=2)
    columns = np.column_stack((pressure.round(4), np.clip(flow, 0, None).round(5)))
    return [Frames(device, time_ms, ("pressure", "flow"), columns)]


def leak(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """The floor is dry."""
    device, time_ms, _ = grid(fleet, members, period_s, span_ms)
    return [Frames(device, time_ms, ("leak",), np.zeros((len(device), 1)))]
