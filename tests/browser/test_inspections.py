"""Inspections in the console: from the route to the hidden danger, on a phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts import Actor
from tests.browser.test_register import AXE, review

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
EDITOR, APPROVER = (Actor(name, frozenset(("officer",)), frozenset(("school-1",))) for name in ("officer", "officer2"))
POINT: dict[str, Any] = {
    "name": {"zh": "3号宿舍火灾", "en": "Fire in dormitory 3"},
    "zone": "dorm-3",
    "place": "room-412",
    "hazard": "fire",
    "inherent": {"method": "ls", "likelihood": 5, "severity": 5},
    "existing": {"method": "ls", "likelihood": 3, "severity": 5},
    "measures": [
        {"id": "m1", "text": {"zh": "通道畅通", "en": "Routes are clear"}, "cycle_days": 1},
        {"id": "m2", "text": {"zh": "感烟探测器有效", "en": "The smoke detector works"}, "sensor": "smoke-412"},
    ],
}


def test_an_inspection_leads_from_the_route_to_a_danger(sign_in: SignIn, school: Any) -> None:
    """One command shows the weekly route; an item not in order opens a danger; the end is recorded."""
    register = school.dispatch.register
    register.put(EDITOR, "school-1", "dorm-3-fire", POINT, version=None)
    register.approve(APPROVER, "school-1", {"dorm-3-fire": 1})
    page = sign_in("officer", language=os.environ.get("TWINWARD_LANGUAGE", "zh"))
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
    page.click("nav a[href='#/needsYou']")
    needs = page.get_by_test_id("need")
    expect(needs).to_have_count(4)  # daily, weekly and monthly inspection, then measures without a person
    expect(needs.last).to_have_attribute("data-grade", "yellow")
    review(page, "needs-you")
    page.click("nav a[href='#/inspections']")
    page.locator("section .do button").click()
    expect(page.get_by_test_id("route").locator("li")).to_have_count(1)
    review(page, "inspections")
    page.get_by_test_id("route").locator("button").click()
    expect(page.get_by_test_id("sheet-head")).to_be_visible()
    proved = page.locator("[data-item='m2.0']")
    item = page.locator("[data-item='m1.0']")
    expect(item).to_have_attribute("data-state", "open")
    item.locator("input[maxlength]").fill("有桌椅堵塞")
    item.locator(".ticks button").nth(1).click()
    expect(item).to_have_attribute("data-state", "not_ok")
    expect(item.locator("a[href^='#/tickets/']")).to_be_visible()
    proved.locator(".ticks button").first.click()
    expect(proved).to_have_attribute("data-state", "ok")
    page.locator("form button").click()
    expect(page.get_by_test_id("check-in")).to_be_visible()
    review(page, "sheet")
    page.locator("main > section button.first").click()
    expect(page.locator("main > section button.first")).to_have_count(0)
    [walk] = school.dispatch.inspections.store.all(EDITOR)
    assert walk.state == "done"
    item.locator("a[href^='#/tickets/']").click()
    expect(page.locator("main")).to_contain_text("有桌椅堵塞")
