"""Loaded by Python before a program under libfaketime: a sleep that this library lets through.

Version 0.9.10 refuses the sleep until a monotonic moment (clock_nanosleep with TIMER_ABSTIME) that Python 3.11 makes.
"""

from __future__ import annotations

import select
import time


def sleep(seconds: float) -> None:
    """Wait that long by the system's own timeout."""
    select.select([], [], [], seconds)


time.sleep = sleep  # type: ignore[assignment]
