"""Replacement of `time.sleep` for programs under libfaketime; Python imports it at start.

libfaketime 0.9.10 rejects the call of Python 3.11, a sleep until a monotonic time (clock_nanosleep, TIMER_ABSTIME).
"""

from __future__ import annotations

import select
import time


def sleep(seconds: float) -> None:
    """Wait with the timeout of `select`."""
    select.select([], [], [], seconds)


time.sleep = sleep  # type: ignore[assignment]
