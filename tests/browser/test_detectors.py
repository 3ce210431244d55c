"""List of the detection rules and the page of one rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from alerts.api import Qualified
from detectors import Phase

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
SHEET = (
    {"name": "recall", "value": 0.94, "unit": "", "goal": ">= 0.8", "passed": True, "n": 48},
    {"name": "false_per_week", "value": 0.25, "unit": "", "goal": "<= 0.1", "passed": False, "n": None},
)


def test_rule_shows_stage_score_sheet_lead_time_and_counts(school: Any, sign_in: SignIn) -> None:
    """By keyboard from the list to the page and back; a rule without a sheet is named as not measured."""
    school.view.qualifications["smoke"] = Qualified("paging", established=True)
    school.view.qualifications["smoke_density"] = Qualified("probation", SHEET, (2520, 840, 31))
    school.detect(Phase.RAISE, rule="smoke_density")
    page = sign_in("operator", language="en")
    expect(page.get_by_test_id("hazard")).to_have_count(1)
    page.keyboard.press("6")
    row = page.locator('[data-testid=detector][data-rule="smoke_density"]')
    for text in ("Probation", "1 of 2 goals passed", "median 42 min, p10 14 min (n = 31)"):
        expect(row).to_contain_text(text)
    expect(row.locator("td.number").first).to_have_text("1")
    other = page.locator('[data-testid=detector][data-rule="smoke"]')
    expect(other).to_contain_text("Paging, established")
    expect(other).to_contain_text("not measured")
    page.get_by_role("searchbox").fill("smoke_density")
    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_test_id("sheet")
    expect(sheet.get_by_role("row", name="False pages a sensor-week")).to_contain_text("failed")
    expect(sheet.get_by_role("row", name="Recall")).to_contain_text("passed")
    expect(page.get_by_text("1 in 30 days, 1 in all, 1 active")).to_be_visible()
    expect(page.get_by_text("hysteresis", exact=True)).to_be_visible()
    expect(page.get_by_text("above the alarm limit").first).to_be_visible()
    page.locator("h1").click()
    page.keyboard.press("Escape")
    expect(row).to_be_visible()


def test_preview_of_a_changed_limit_shows_alarms_and_missed_incidents(school: Any, sign_in: SignIn) -> None:
    """The officer sees the difference in words and beside the present limits; an operator has no preview."""
    asked = []

    def answer(route: Route) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query))
        limits = [float(limit) for limit in asked[-1]["limits"][0].split(",")]
        counts = {"pages": 3, "added": 0, "operator_load_per_day": 0.03, "incidents": 4}
        present = {"limits": [30.0, 60.0, 300.0], "alarms": 52, "removed": 0, "incidents_missed": 0} | counts
        changed = {"limits": limits, "alarms": 11, "removed": 41, "incidents_missed": 1} | counts
        span = {"from": "2026-07-01T00:00:00.000+00:00", "to": "2026-10-29T00:00:00.000+00:00", "readings": 9}
        route.fulfill(json={"rule": "carbon_monoxide", "candidates": [present, changed], **span})

    page = sign_in("officer", language="en")
    page.route("**/api/v1/preview?*", answer)
    page.goto(f"{school.url}/#/detectors/carbon_monoxide")
    form = page.locator("form")
    form.locator("input").first.fill("40,5")
    form.get_by_role("button", name="Preview").click()
    expect(page.get_by_test_id("preview")).to_contain_text("−41 alarms, 1 of 4 incidents missed")
    expect(page.get_by_role("row", name="present")).to_contain_text("52")
    assert asked[0]["rule"] == ["carbon_monoxide"]
    assert asked[0]["limits"][0].startswith("40.5,")
    operator = sign_in("operator", language="en")
    operator.goto(f"{school.url}/#/detectors/carbon_monoxide")
    expect(operator.get_by_test_id("sheet")).to_be_visible()
    expect(operator.locator("form")).to_have_count(0)
