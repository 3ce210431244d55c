"""Shift handover, alarm load and the page of a hazard, in the browser against the real API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from detectors import Phase

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]


def test_two_persons_sign_and_the_sheet_fits_one_page(school: Any, sign_in: SignIn) -> None:
    """The operator gives with a note; only the officer can take, with Enter; the print is one page of A4."""
    school.detect(Phase.RAISE)
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/handover")
    sheet = page.get_by_test_id("sheet")
    expect(sheet).to_contain_text("Dormitory 3, room 412 · Fire")
    page.get_by_label("Note").fill("plumber in dormitory 3 until 09:00")
    page.get_by_test_id("give").click()
    expect(page.get_by_text("Another person must sign")).to_be_visible()
    expect(page.get_by_test_id("take")).to_have_count(0)
    printed = page.pdf(format="A4")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") == 1
    other = sign_in("officer", language="zh")
    other.goto(f"{school.url}/#/handover")
    expect(other.get_by_test_id("sheet")).to_contain_text("plumber in dormitory 3")
    expect(other.get_by_test_id("take")).to_be_visible()
    other.locator("h1").click()
    other.keyboard.press("Enter")
    expect(other.get_by_test_id("last")).to_contain_text("operator → officer")
    kinds = [event.kind for event in school.dispatch.queries.events(after=0)]
    assert [kind for kind in kinds if kind.startswith("handover.")] == ["handover.given", "handover.taken"]


def test_alarm_load_shows_counts_and_refuses_rates_of_a_short_record(school: Any, sign_in: SignIn) -> None:
    """Each target names its edition; the rule is in the list of the most frequent."""
    school.detect(Phase.RAISE)
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/load")
    expect(page.get_by_test_id("no-rate")).to_contain_text("1 alarms in 0.0 days of record. Rates need 30 days.")
    figures = page.get_by_test_id("figures")
    expect(figures.locator("[data-figure=per_10_min]")).to_contain_text("too short")
    expect(figures.locator("[data-figure=per_10_min]")).to_contain_text("EEMUA 191")
    expect(figures.locator("[data-figure=peak_10_min]")).to_contain_text("1")
    expect(page.get_by_role("link", name="smoke_alarm")).to_be_visible()


def test_page_of_a_hazard_answers_whether_it_is_real(school: Any, sign_in: SignIn) -> None:
    """Place and kind, peak and present value, belief, checklist by keys, and the timeline of the steps."""
    school.detect(Phase.RAISE, facts={"belief": 0.93})
    page = sign_in("operator", language="en")
    page.get_by_test_id("hazard").get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Dormitory 3, room 412: Fire")).to_be_visible()
    expect(page.get_by_text("peak 0.18 dB/m at")).to_be_visible()
    expect(page.get_by_test_id("belief")).to_have_text("Smoke density 0.18 dB/m: belief 0.93")
    page.wait_for_timeout(200)  # the observer has reported
    for key in "1233":
        page.keyboard.press(key)
        page.wait_for_timeout(400)
    checklist = page.get_by_test_id("checklist")
    expect(checklist.locator("li.done")).to_have_count(4)
    timeline = page.get_by_test_id("timeline")
    for step in ("Acknowledged", "Confirmed", "Fire line called", "Evacuation ordered"):
        expect(timeline).to_contain_text(step)
