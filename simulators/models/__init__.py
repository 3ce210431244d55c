"""Models of devices on a quiet day: vectorised pure functions of (fleet, time)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.campus.fleet import Fleet, Rows, Samples, in_turn, regular
from simulators.models.cameras import camera, passers_by
from simulators.models.gates import door, shut, turnstile
from simulators.models.health import CELLS, HEALTH_S, health
from simulators.models.mains import panel, socket
from simulators.models.rooms import room, smoke
from simulators.models.water import leak, pipe, pond, rain

Moments = Callable[[Fleet, NDArray[np.int32], float, tuple[int, int]], list[Samples]]
"""(fleet, members, period_s, (begin_ms, end_ms)) -> the members' aperiodic messages in that span."""


@dataclass(frozen=True, slots=True)
class Model:
    """One kind of device: its regular message, and its messages caused by people.

    beats: the regular message is sent every period; otherwise `moments` also reports the state.
    """

    regular: Callable[[Rows], Samples]
    moments: Moments | None = None
    beats: bool = True


BACKGROUNDS: Mapping[str, Model] = {
    "smoke": Model(smoke),
    "room": Model(room),
    "turnstile": Model(turnstile),
    "door": Model(shut, door, beats=False),
    "pond": Model(pond),
    "rain": Model(rain),
    "pipe": Model(pipe),
    "leak": Model(leak),
    "camera": Model(camera, passers_by),
    "panel": Model(panel),
    "socket": Model(socket),
}


def quiet(fleet: Fleet, span_ms: tuple[int, int]) -> list[Samples]:
    """Return the fleet's messages in [begin, end) without any event; consecutive chunks join exactly."""
    found: list[Samples] = []
    for (name, period_s), members in fleet.groups.items():
        model = BACKGROUNDS[name]
        if model.beats:
            found.append(model.regular(regular(fleet, members, period_s, span_ms)))
        if model.moments is not None:
            found += model.moments(fleet, members, period_s, span_ms)
        if name in CELLS:
            found.append(health(regular(fleet, members, HEALTH_S, span_ms), name, period_s))
    return [part for part in found if len(part)]


def steady(fleet: Fleet, rate_per_s: float, span_ms: tuple[int, int]) -> list[Samples]:
    """Return the regular messages of [begin, end) with the whole fleet sending in turn at `rate_per_s` in total."""
    parts = [BACKGROUNDS[name].regular(rows) for name, rows in in_turn(fleet, rate_per_s, span_ms)]
    return [part for part in parts if len(part)]
