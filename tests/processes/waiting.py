"""Bounded waits, and the reaction to a missing program."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

STRETCH_MAX = 4.0
IN_CI = bool(os.environ.get("CI"))


def unavailable(reason: str) -> NoReturn:
    """Skip the test with the reason; fail it in CI, where every program is installed."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def until(condition: Callable[[], Any], *, timeout_s: float, what: str, every_s: float = 0.2) -> Any:
    """Return the first truthy result of `condition`, called at that period. Fails the test after `timeout_s`.

    Beside other work the wait is longer, see `stretch`.
    """
    begun_s = time.monotonic()
    while (waited_s := time.monotonic() - begun_s) < timeout_s * stretch():
        answer = condition()
        if answer:
            return answer
        time.sleep(every_s)
    raise AssertionError(f"after {waited_s:.1f} s still missing: {what}")


def stretch() -> float:
    """Return the processes that share a processor, from 1 to `STRETCH_MAX`."""
    return min(STRETCH_MAX, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))
