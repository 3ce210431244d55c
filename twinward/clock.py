"""Where time comes from: a callable that gives nanoseconds since 1970 UTC."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]

system_clock: Clock = time.time_ns


def scaled_clock(speed: float) -> Clock:
    """A clock that starts at the present and runs `speed` times as fast, for demonstrations.

    It follows the monotonic clock, so that a step of the wall clock cannot turn it back. Raises ValueError for a speed
    that is not positive.
    """
    if speed <= 0:
        raise ValueError(f"a clock's speed must be positive, not {speed}")
    started_ns, origin_ns = time.time_ns(), time.monotonic_ns()
    return lambda: started_ns + int((time.monotonic_ns() - origin_ns) * speed)
