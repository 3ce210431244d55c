"""Forecasts on wall, plan, hazard page and sensor page, until the alarm."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from detectors import Phase

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
MINUTE_NS = 60_000_000_000
ALARM_HZ = 880
"""First note of an alarm of grade 1."""


def early(**facts: Any) -> dict[str, Any]:
    """Return the evidence of an early finding whose value reaches 0.30 dB/m in 42 min."""
    now_ns = time.time_ns()
    forecast = {
        "limit": 0.3,
        "issued_ns": now_ns - MINUTE_NS,
        "low_ns": now_ns + 31 * MINUTE_NS,
        "at_ns": now_ns + 42 * MINUTE_NS,
        "high_ns": now_ns + 58 * MINUTE_NS,
        "share": 0.8,
        "held": 79,
        "of": 98,
    }
    words = {"zh": "烟雾持续增长，预计达到 0.30 dB/m", "en": "Smoke grows and is forecast to reach 0.30 dB/m"}
    change = {"zh": "增长低于每分钟 0.002 dB/m 则不报警", "en": "No finding below 0.002 dB/m per minute"}
    known = {"band": [0.01, 0.04], "baseline": 0.02, "sensors": ["smoke-413"], "belief": 0.93, "change": change}
    known["lead"] = {"median_s": 2520.0, "p10_s": 840.0, "n": 31}
    return {"page": False, "text": words, "forecast": forecast} | known | facts


def raised_early(school: Any, **facts: Any) -> None:
    """Apply an early finding without a page."""
    school.detect(Phase.RAISE, rule="smoke_forecast", level=1, facts=early(**facts))


def test_forecast_without_sound_turns_into_the_alarm_of_the_same_hazard(school: Any, sign_in: SignIn) -> None:
    """The wall shows countdown, interval and its record; the alarm keeps the hazard and rings."""
    page = sign_in("operator", language="en")
    expect(page.get_by_test_id("sound")).to_have_attribute("aria-pressed", "true")
    raised_early(school)
    row = page.get_by_test_id("hazard")
    expect(row).to_contain_text("Smoke grows and is forecast to reach 0.30 dB/m")
    expect(row).to_contain_text("Forecast, no sound")
    told = row.get_by_test_id("forecast")
    expect(told).to_contain_text("42 min")
    expect(told).to_contain_text("Reaches 0.3 dB/m in 42 min (80 %: 31 min to 58 min)")
    expect(told).to_contain_text("past intervals held 79 of 98 times")
    known = row.get_attribute("data-id")
    expect(page.get_by_test_id("alarm-bar")).to_have_count(0)
    page.wait_for_timeout(1_200)
    assert page.evaluate("tones") == []
    school.detect(Phase.RAISE, level=3, facts={"page": True})
    expect(row).to_contain_text("above the alarm limit 0.15 dB/m")
    expect(row).to_have_count(1)
    expect(row).to_have_attribute("data-id", known or "")
    expect(told).to_contain_text("80 %: 31 min to 58 min")
    expect(row.get_by_text("Forecast, no sound")).to_have_count(0)
    deadline = time.monotonic() + 5
    while ALARM_HZ not in page.evaluate("tones"):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_pages_of_hazard_and_sensor_state_the_same_facts(school: Any, sign_in: SignIn) -> None:
    """Normal range, baseline, forecast, agreement, belief and smallest change, in words and beside the trend."""
    raised_early(school)
    page = sign_in("operator", language="en")
    page.get_by_test_id("hazard").get_by_role("link").first.click()
    for shown in ("hazard", "sensor"):
        if shown == "sensor":
            page.get_by_role("link", name="Sensor smoke-412").click()
            expect(page.locator("h1", has_text="smoke-412")).to_be_visible()
        facts = page.get_by_test_id("facts")
        expect(facts).to_contain_text("0.01 to 0.04 dB/m")
        expect(facts).to_contain_text("0.02 dB/m")
        expect(facts).to_contain_text("in 42 min (80 %: 31 min to 58 min)")
        expect(facts).to_contain_text("past intervals held 79 of 98 times")
        expect(facts).to_contain_text("smoke-413")
        expect(facts).to_contain_text("93 % that it is real")
        expect(facts).to_contain_text("median 42 min, p10 14 min (n = 31)")
        expect(facts).to_contain_text("No finding below 0.002 dB/m per minute")
        for key in ("Normal range", "Baseline", "Forecast"):
            expect(page.locator(".key", has_text=key)).to_be_visible()
        expect(page.get_by_test_id("trend")).to_be_visible()


def test_nothing_known_is_stated(school: Any, sign_in: SignIn) -> None:
    """Without a detection, and for a detection without these facts, no band and no forecast is invented."""
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/sensors/school-1/smoke-412")
    expect(page.get_by_test_id("facts")).to_contain_text("Normal range and forecast are not known")
    school.detect(Phase.RAISE)
    expect(page.get_by_test_id("facts")).to_contain_text("above the alarm limit")
    expect(page.get_by_test_id("facts").get_by_text("not known")).to_have_count(3)
    expect(page.locator(".key")).to_have_count(2)


def test_plan_counts_down_beside_the_sensor(school: Any, sign_in: SignIn) -> None:
    """The mark has the time to the limit; its name has the interval. A passed forecast counts no longer."""
    raised_early(school)
    page = sign_in("operator", language="en")
    page.get_by_role("navigation").get_by_text("School plan").click()
    mark = page.locator('[data-sensor="smoke-412"]')
    row = page.get_by_role("listitem").filter(has=mark)
    expect(row.locator(".countdown")).to_have_text("42 min")
    assert "80 %: 31 min to 58 min" in (mark.get_attribute("aria-label") or "")
    past = early()["forecast"] | {name: time.time_ns() - MINUTE_NS for name in ("low_ns", "at_ns", "high_ns")}
    school.detect(Phase.CHANGE, rule="smoke_forecast", level=1, facts=early(forecast=past))
    expect(row.locator(".countdown")).to_have_count(0)
    assert "Was forecast to reach 0.3 dB/m" in (mark.get_attribute("aria-label") or "")
