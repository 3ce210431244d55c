"""Clocks of a program that a test moves; Python imports it at start.

The file of `CLOCK_OFFSETS` has the offsets of the wall clock and the monotonic clock in s. A thread reads it 20 times a
second and writes them to a file beside it.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

GIVEN = Path(os.environ["CLOCK_OFFSETS"])
TAKEN = GIVEN.with_suffix(".taken")
WALL, MONOTONIC = 0, 1
OFFSETS_S = [0, 0]
PERIOD_S = 0.05


def follow() -> None:
    """Take over the offsets of the file."""
    while True:
        text = GIVEN.read_text(encoding="utf-8")
        OFFSETS_S[:] = map(int, text.split())
        TAKEN.write_text(text, encoding="utf-8")
        time.sleep(PERIOD_S)


def move(name: str, clock: int) -> None:
    """Replace both forms of a clock."""
    seconds, nanoseconds = getattr(time, name), getattr(time, f"{name}_ns")
    setattr(time, name, lambda: seconds() + OFFSETS_S[clock])
    setattr(time, f"{name}_ns", lambda: nanoseconds() + OFFSETS_S[clock] * 1_000_000_000)


move("time", WALL)
move("monotonic", MONOTONIC)
threading.Thread(target=follow, daemon=True).start()
