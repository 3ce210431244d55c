"""What every kind of device sends on a quiet day: pure functions of (fleet, time), vectorised."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from simulators.fleet import Fleet, Frames
from simulators.models.cameras import camera
from simulators.models.gates import door, turnstile
from simulators.models.mains import panel, socket
from simulators.models.rooms import room, smoke
from simulators.models.water import leak, pipe, pond, rain

Background = Callable[[Fleet, NDArray[np.int32], float, tuple[int, int]], list[Frames]]
"""(fleet, members, period_s, (begin_ms, end_ms)) -> the members' messages in that span."""

BACKGROUNDS: Mapping[str, Background] = {
    "smoke": smoke,
    "room": room,
    "turnstile": turnstile,
    "door": door,
    "pond": pond,
    "rain": rain,
    "pipe": pipe,
    "leak": leak,
    "camera": camera,
    "panel": panel,
    "socket": socket,
}


def quiet(fleet: Fleet, span_ms: tuple[int, int]) -> list[Frames]:
    """Everything the fleet sends in [begin, end) when nothing happens; chunks join without a seam."""
    found: list[Frames] = []
    for (model, period_s), members in fleet.groups.items():
        found += [part for part in BACKGROUNDS[model](fleet, members, period_s, span_ms) if len(part)]
    return found
