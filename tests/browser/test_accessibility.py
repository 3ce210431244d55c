"""Accessibility of the console: axe in both themes, keyboard, greyscale, reduced motion, 200 % zoom."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from playwright.sync_api import Page, expect

from detectors import Phase
from tests.browser.conftest import SITE, SMOKE

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
AXE = Path(__file__).parents[2] / "alerts" / "console" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = (
    "wall",
    "hazards",
    "tickets",
    "sensors",
    f"sensors/{SITE}/{SMOKE}",
    "sensors/inbox",
    "plan",
    "plan/edit",
    "register",
    "riskMap",
    "accounting",
    "detectors",
    "detectors/smoke",
    "handover",
    "load",
    "orders",
    "drills",
    "displays",
    "dangers",
    "dangers/new",
    "dangers/codes",
    "dangers/guide",
    "report/none",
)
RUN = """axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations.map(
  (one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`))"""


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the script of axe, of the console's development packages."""
    if not AXE.exists() and "CI" not in os.environ:
        pytest.skip("axe-core is not installed; run `npm ci` in alerts/console")
    return AXE.read_text(encoding="utf-8")


def test_axe_has_no_findings_on_any_page_in_both_themes(school: Any, sign_in: SignIn, axe: str) -> None:
    """Each page, those of a hazard and a ticket, and the form of the sign-in, with an alarm, by day and by night."""
    school.detect(Phase.RAISE)
    page = sign_in("officer", language="en")
    hazard = page.get_by_test_id("hazard").get_attribute("data-id")
    page.goto(f"{school.url}/#/tickets")
    ticket = page.locator("a[href*='#/tickets/']").first.get_attribute("href") or ""
    found = []
    for theme in ("light", "dark"):
        page.evaluate(f"localStorage.setItem('twinward.theme', '{theme}')")
        page.reload()
        page.wait_for_selector("nav")
        page.evaluate(axe)
        for name in (*PAGES, f"hazards/{hazard}", ticket.partition("#/")[2]):
            page.goto(f"{school.url}/#/{name}")
            page.wait_for_timeout(900)
            expect(page.locator("h1").first).to_be_attached()  # the content has been read
            found += [f"{theme} {name} {one}" for one in page.evaluate(RUN)]
        outside = page.context.browser.new_page(color_scheme=theme)
        outside.goto(school.url)
        outside.wait_for_selector("input[name=password]")
        outside.evaluate(axe)
        found += [f"{theme} sign-in {one}" for one in outside.evaluate(RUN)]
        outside.close()
    assert found == []


def test_four_grades_are_distinct_in_greyscale(school: Any, sign_in: SignIn) -> None:
    """The marks have different outlines: each pair differs in at least a tenth of its pixels without colour."""
    for nth, level in enumerate((3, 2, 1, 0)):
        school.detect(Phase.RAISE, sensor=f"smoke-{nth}", level=level, facts={"page": True})
    page = sign_in("operator", language="en")
    expect(page.get_by_test_id("hazard")).to_have_count(4)
    marks = {}
    for row in page.get_by_test_id("hazard").all():
        mark = row.locator(".grade svg").first
        shot = image.imread(io.BytesIO(mark.screenshot()))[..., :3]
        marks[mark.get_attribute("aria-label")] = shot @ np.array([0.2126, 0.7152, 0.0722]) < 0.72
    assert len(marks) >= 3, marks.keys()
    names = [*marks]
    for one, other in ((a, b) for a in names for b in names if a < b):
        assert (marks[one] != marks[other]).mean() >= 0.1, (one, other)


def test_motion_stops_on_request_and_the_alarm_keeps_its_ring(school: Any, sign_in: SignIn) -> None:
    """Under reduced motion the ring of an unacknowledged alarm is still; otherwise it has 1 Hz."""
    school.detect(Phase.RAISE)
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/wall")
    mark = page.locator("[data-testid=incident] .top svg").first
    expect(mark).to_be_visible()
    assert mark.evaluate("one => getComputedStyle(one).animationDuration") == "1s"
    page.emulate_media(reduced_motion="reduce")
    assert mark.evaluate("one => getComputedStyle(one).animationName") == "none"
    assert mark.evaluate("one => getComputedStyle(one).boxShadow") != "none"


def test_wall_is_walked_by_keyboard_and_at_double_zoom(school: Any, sign_in: SignIn) -> None:
    """Tab reaches alarm, steps and strip in order; at 200 % zoom nothing is wider than the page."""
    school.detect(Phase.RAISE)
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/wall")
    expect(page.get_by_test_id("incident")).to_be_visible()
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim().slice(0, 40)"))
    for wanted in ("Dormitory 3, room 412: Fire", "1 Confirm", "3 Evacuate", "Test sound", "Leave wall"):
        assert wanted in reached, reached
    page.set_viewport_size({"width": 640, "height": 400})  # 1280 x 800 at 200 %
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
