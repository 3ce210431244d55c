"""The fire panel and a metered socket on a quiet day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.fleet import Fleet, Frames, grid
from simulators.noise import normal

MAINS_V = 228.0


def panel(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """No zone isolated, no fault."""
    device, time_ms, _ = grid(fleet, members, period_s, span_ms)
    return [Frames(device, time_ms, ("isolated", "fault"), np.zeros((len(device), 2)))]


def socket(fleet: Fleet, members: NDArray[np.int32], period_s: float, span_ms: tuple[int, int]) -> list[Frames]:
    """Current (A) and power (W) of a stairwell socket: an exit lamp and nothing else."""
    device, time_ms, sample = grid(fleet, members, period_s, span_ms)
    current = np.clip(0.02 + 0.003 * normal(fleet.keys[device], sample, stream=1), 0, None).round(3)
    return [Frames(device, time_ms, ("current", "power"), np.column_stack((current, (current * MAINS_V).round(1))))]
