"""Bounded waits, and the reaction to a missing program."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

IN_CI = bool(os.environ.get("CI"))


def unavailable(reason: str) -> NoReturn:
    """Skip the test with the reason; fail it in CI, where every program is installed."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def until(condition: Callable[[], Any], *, timeout_s: float, what: str, every_s: float = 0.2) -> Any:
    """Return the first truthy result of `condition`, called at that period. Fails the test after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(every_s)
    raise AssertionError(f"after {timeout_s} s still missing: {what}")
