"""First paint of the console on a slow computer: Chromium with its CPU slowed four times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SLOWDOWN = 4
PAINT_MS_MAX = 6_000
"""Bound on a busy machine; docs/performance.md has the figures and the target."""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@pytest.mark.parametrize("name", ["hazards", "wall"])
def test_first_paint_on_a_slow_computer(school: Any, sign_in: Callable[..., Page], name: str) -> None:
    """The time from the address to the first text, of a person who is signed in, without a cache of scripts."""
    page = sign_in("operator")
    session = page.context.new_cdp_session(page)
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    times_ms = []
    for number in range(3):
        page.goto(f"{school.url}/?{number}#/{name}")
        expect(page.locator("main")).to_be_visible()
        page.wait_for_function(f"() => ({PAINT}) !== null")
        times_ms.append(page.evaluate(PAINT))
    best_ms = min(times_ms)
    print(f"{name}: first paint after {best_ms:.0f} ms, best of {len(times_ms)}")  # noqa: T201 - the figure
    assert best_ms < PAINT_MS_MAX
