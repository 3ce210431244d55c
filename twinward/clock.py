"""Wall clocks: callables that return nanoseconds since 1970 UTC; switch interval of threads."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Clock = Callable[[], int]

system_clock: Clock = time.time_ns


def scaled_clock(speed: float) -> Clock:
    """Return a clock that starts now and runs `speed` times as fast, for demonstrations.

    It counts on the monotonic clock: a step of the wall clock does not turn it back. Raises ValueError unless the speed
    is positive.
    """
    if speed <= 0:
        raise ValueError(f"a clock's speed must be positive, not {speed}")
    started_ns, origin_ns = time.time_ns(), time.monotonic_ns()
    return lambda: started_ns + int((time.monotonic_ns() - origin_ns) * speed)


@contextlib.contextmanager
def switch_interval(seconds: float) -> Iterator[None]:
    """Set the thread switch interval for the time of the block."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)
