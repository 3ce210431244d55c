"""Risk register in the console: template, approval, edit, check, card and map by screen alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from alerts.register.templates import templates

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
AXE = Path(__file__).parents[2] / "alerts" / "console" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """axe.run(document.getElementById("content"), {resultTypes: ['violations']}).then(
  (found) => found.violations.map(
  (one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}`))"""
SHOTS = os.environ.get("TWINWARD_SCREENSHOTS", "")
"""Folder for screenshots of each page; none by default."""


def review(page: Page, name: str) -> None:
    """Check a page with axe by day and by night, at both sizes; save screenshots if asked."""
    findings: list[str] = []
    for theme in ("light", "dark"):
        if page.evaluate("document.documentElement.dataset.theme") != theme:
            page.locator("header button.tool").nth(1).click(timeout=30_000)  # a page that axe blocked waits for data
            page.wait_for_timeout(300)  # colours change within 150 ms
        findings += page.evaluate(RUN) if AXE.exists() else []
        for size, width in (("desktop", 1280), ("phone", 390)):
            page.set_viewport_size({"width": width, "height": 800})
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/{name}-{theme}-{size}.png", full_page=size == "desktop")
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (name, size)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator("header button.tool").nth(1).click(timeout=30_000)
    assert findings == [], name


def renew(page: Page) -> None:
    """Load the page again, with axe."""
    page.reload()
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))


def test_a_blank_school_reaches_points_cards_and_map_by_screen_alone(sign_in: SignIn) -> None:
    """Template, approval, an edit, a check, a card, and the map as of an hour ago."""
    page = sign_in("officer", language=os.environ.get("TWINWARD_LANGUAGE", "zh"))
    page.set_default_timeout(30_000)  # two hundred writes and axe may cover the page on a busy machine
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
    page.click("nav a[href='#/register']")
    page.get_by_test_id("template").select_option("boarding")
    page.get_by_test_id("apply-template").click()
    points = len(templates()["boarding"].points)
    assert points >= 60
    expect(page.get_by_test_id("point")).to_have_count(points, timeout=30_000)
    expect(page.get_by_test_id("approve-all")).to_have_count(0)  # a second person approves
    second = sign_in("officer2", language=os.environ.get("TWINWARD_LANGUAGE", "zh"))
    second.set_default_timeout(30_000)
    second.click("nav a[href='#/register']")
    second.get_by_test_id("approve-all").click()
    expect(second.get_by_test_id("approve-all")).to_have_count(0, timeout=30_000)
    renew(page)
    page.locator("label select").first.select_option("dormitory")  # axe blocks the page for seconds on a long list
    review(page, "register")
    page.click("a[href$='/dorm-fire']")
    page.get_by_test_id("edit").click()
    review(page, "form")
    page.locator("input[inputmode=tel]").fill("0731-110")
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("own-edits")).to_be_visible()
    second.click("a[href$='/dorm-fire']")
    second.get_by_test_id("approve").click()
    expect(second.get_by_test_id("approve")).to_have_count(0)
    renew(page)
    with page.expect_download() as card:
        page.click("a[href*='/cards?points=dorm-fire']")
    assert Path(card.value.path()).read_bytes().startswith(b"%PDF")
    measure = page.get_by_test_id("measure").nth(1)
    measure.locator("button").nth(1).click()
    expect(page.get_by_test_id("proposal")).to_be_visible()
    review(page, "point")
    page.get_by_test_id("proposal").locator("input").fill("灯已坏")
    page.get_by_test_id("proposal").locator("button").first.click()
    expect(page.get_by_test_id("proposal").locator("input")).to_have_count(0)
    page.click("nav a[href='#/riskMap']")
    expect(page.get_by_test_id("map-point")).to_have_count(points)
    review(page, "map")
    page.get_by_test_id("as-of").press("ArrowLeft")
    expect(page.get_by_test_id("map-point")).to_have_count(0)
