"""Live wall: incidents, keys, frozen list, groups, proof strip, quiet state, voice, display."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from playwright.sync_api import Browser, Page, expect

from alerts import Page as Paging
from alerts import ServiceFault, StorageFault
from alerts.api import Condition
from detectors import Phase

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
VOICES = """
window.spoken = [];
const voices = ['zh-CN', 'en-GB'].map((lang) => ({lang, localService: true, name: lang}));
Object.defineProperty(window, 'speechSynthesis', {value: {
  getVoices: () => voices, addEventListener() {}, cancel() {}, speak: (one) => spoken.push([one.lang, one.text]),
}});
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
"""
"""Script that replaces the voices of the browser and records their sentences."""
FAILED = StorageFault("stage_failed", "处理环节出错", "a stage fails")
CHROMA = 40
"""Chroma in CIELAB above which a pixel is saturated."""


def on_wall(school: Any, page: Page) -> None:
    """Open the wall and wait for its figures."""
    page.goto(f"{school.url}/#/wall")
    expect(page.get_by_test_id("strip")).to_contain_text("1 /")


def seen(page: Page) -> None:
    """Wait until the observer has reported the card in view, and until keys act on a moved selection."""
    page.wait_for_timeout(1_200)


def chroma(shot: bytes) -> Any:
    """Return the CIELAB chroma of each pixel of a picture."""
    srgb = image.imread(io.BytesIO(shot))[..., :3].astype(float)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.hypot(500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2]))


def test_quiet_wall_is_grey_and_claims_no_hazard_only_while_data_arrive(school: Any, sign_in: SignIn) -> None:
    """A large clock, at most 0.3 % saturated pixels in both themes; a dead service covers the words."""
    page = sign_in("operator", language="en")
    expect(page.get_by_test_id("sound")).to_have_attribute("aria-pressed", "true")
    on_wall(school, page)
    quiet = page.get_by_test_id("quiet")
    expect(quiet).to_contain_text("No open hazards")
    expect(quiet).to_contain_text("Asia/Shanghai")
    for _ in range(2):
        page.wait_for_timeout(700)
        assert (chroma(page.screenshot()) > CHROMA).mean() <= 0.003
        page.keyboard.press("d")
    strip = page.get_by_test_id("strip")
    expect(strip).to_contain_text("BrokerOK")
    expect(strip).to_contain_text("Sound testednever")
    page.get_by_test_id("sound-test").click()
    expect(strip).not_to_contain_text("never")
    assert len(page.evaluate("tones")) >= 7  # one or more notes for each grade
    school.stop()
    expect(page.get_by_test_id("cover")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("No open hazards")).to_have_count(0)


def test_incident_states_place_kind_peak_and_present_value_and_is_spoken(school: Any, sign_in: SignIn) -> None:
    """One sentence; the voice repeats it every 10 s in the language of the page until somebody acknowledges."""
    page = sign_in("operator", language="en")
    page.add_init_script(VOICES)
    page.reload()
    on_wall(school, page)
    page.keyboard.press("Shift")  # a browser plays nothing before the first input of a page
    expect(page.get_by_test_id("sound")).to_have_attribute("aria-pressed", "true")
    school.detect(Phase.RAISE)
    card = page.get_by_test_id("incident")
    expect(card.get_by_role("heading")).to_have_text("Dormitory 3, room 412: Fire")
    expect(card).to_contain_text("peak 0.18 dB/m at")
    expect(page.get_by_test_id("strip")).to_contain_text("Alarms in 30 min1", timeout=10_000)
    page.wait_for_timeout(11_500)
    spoken = page.evaluate("spoken")
    assert spoken[:2] == [["en-GB", "Dormitory 3, room 412: Fire"]] * 2
    page.keyboard.press("l")
    expect(card.get_by_role("heading")).to_have_text("3号宿舍412室 · 火情")
    page.keyboard.press("a")
    expect(card).to_contain_text("已确认")
    before = len(page.evaluate("spoken"))
    page.wait_for_timeout(11_000)
    assert len(page.evaluate("spoken")) == before


def test_keys_act_only_on_the_selected_alarm_and_only_in_view(school: Any, sign_in: SignIn) -> None:
    """1 confirms, 2 records the call, 3 needs two presses; a card out of view is shown first."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    school.detect(Phase.RAISE)
    school.detect(Phase.RAISE, sensor="smoke-9")
    expect(page.get_by_test_id("incident")).to_have_count(2)
    seen(page)
    chosen = page.locator("[data-testid=incident][aria-current=true]")
    identity = chosen.get_attribute("data-id")
    page.keyboard.press("1")
    expect(chosen).to_contain_text("Taken by operator")
    page.keyboard.press("2")
    page.keyboard.press("3")
    expect(page.get_by_text("Press evacuate again")).to_be_visible()
    page.keyboard.press("3")
    hazards = school.dispatch.queries.history(identity)
    deadline = time.monotonic() + 5
    while [event.kind for event in hazards][-3:] != ["hazard.confirmed", "hazard.called", "hazard.evacuated"]:
        assert time.monotonic() < deadline, [event.kind for event in hazards]
        page.wait_for_timeout(100)
        hazards = school.dispatch.queries.history(identity)
    other = page.locator("[data-testid=incident]:not([aria-current=true])")
    expect(other).to_contain_text("Unacknowledged")
    page.set_viewport_size({"width": 1280, "height": 260})
    other.evaluate("one => one.querySelector('h2 a').focus({preventScroll: true})")
    page.evaluate("document.querySelector('.stack').scrollTo(0, 0)")
    page.wait_for_timeout(300)
    now = page.locator("[data-testid=incident][aria-current=true]")
    if now.evaluate("one => one.getBoundingClientRect().top > 200"):
        page.keyboard.press("1")
        expect(page.get_by_text("was not in view")).to_be_visible()
        expect(now).to_contain_text("Unacknowledged")


def test_graver_alarm_takes_an_untouched_wall_and_waits_for_a_used_one(school: Any, sign_in: SignIn) -> None:
    """While somebody works, the list is frozen with a count, for 10 s. A risen alarm counts as new."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    school.detect(Phase.RAISE, sensor="smoke-8", level=1, facts={"page": True})
    chosen = page.locator("[data-testid=incident][aria-current=true]")
    expect(chosen).to_have_count(1)
    page.mouse.move(40, 40)
    page.mouse.move(60, 60)
    page.keyboard.press("ArrowDown")
    before = chosen.get_attribute("data-id")
    school.detect(Phase.RAISE, level=3)
    above = page.get_by_test_id("above")
    expect(above).to_have_text("1 new above")
    assert chosen.get_attribute("data-id") == before
    expect(page.get_by_test_id("incident")).to_have_count(1)
    expect(page.get_by_test_id("incident")).to_have_count(2, timeout=14_000)
    expect(above).to_have_count(0)
    page.wait_for_timeout(500)
    school.detect(Phase.RAISE, sensor="smoke-7", level=1, facts={"page": True})
    expect(page.get_by_test_id("incident")).to_have_count(3)
    assert chosen.get_attribute("data-id") == before
    school.detect(Phase.CHANGE, sensor="smoke-7", level=3)  # a known alarm that has risen
    expect(chosen).not_to_have_attribute("data-id", str(before))


def test_group_of_one_building_is_acknowledged_together(school: Any, sign_in: SignIn) -> None:
    """Alarms without a place share the unassigned zone: G takes all of them, and only those."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    for sensor in ("smoke-5", "smoke-6", "smoke-7", "smoke-8"):
        school.detect(Phase.RAISE, sensor=sensor, level=2)
    school.detect(Phase.RAISE, level=1, facts={"page": True})
    expect(page.get_by_test_id("counts")).to_be_visible()
    seen(page)
    expect(page.get_by_test_id("group")).to_contain_text("Acknowledge 4 of this building")
    page.keyboard.press("g")
    expect(page.get_by_test_id("group")).to_have_count(0)
    kept = school.dispatch.queries.hazards(school.people.account("operator").actor, page=Paging(100), **OPEN)
    assert sorted(bool(row.acknowledged_by) for row in kept) == [False, True, True, True, True]


OPEN: dict[str, Any] = {"site": "school-1", "active": True}


def test_display_sees_the_wall_and_changes_nothing(school: Any, browser: Browser) -> None:
    """A display opens on the wall, without buttons; its keys do nothing."""
    admin = school.people.account("admin").actor
    _, code = school.people.displays.create(admin, site="school-1", name="gate")
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{school.url}/#/display/{code}")
    expect(page.get_by_test_id("quiet")).to_contain_text("No open hazards", timeout=10_000)
    school.detect(Phase.RAISE)
    card = page.get_by_test_id("incident")
    expect(card).to_contain_text("Unacknowledged")
    plan, stack = page.locator(".plan").bounding_box(), page.locator(".stack").bounding_box()
    assert plan is not None
    assert stack is not None
    assert plan["width"] / 1920 == pytest.approx(0.64, abs=0.005)
    assert stack["width"] / 1920 == pytest.approx(0.36, abs=0.005)
    seen(page)
    page.keyboard.press("1")
    page.wait_for_timeout(500)
    expect(card).to_contain_text("Unacknowledged")
    expect(card.get_by_role("button")).to_have_count(0)
    context.close()


def test_failed_stage_covers_the_wall(school: Any, sign_in: SignIn) -> None:
    """Hazards that are not stored are not current: the wall is covered and names the fault."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    school.view.said.append(Condition(1, [ServiceFault("alerts", FAILED, time.time_ns())]))
    cover = page.get_by_test_id("cover")
    expect(cover).to_contain_text("a stage fails", timeout=10_000)
    expect(page.get_by_text("No open hazards")).to_have_count(0)
    school.view.said.append(Condition(2))
    expect(cover).to_have_count(0)
    expect(page.get_by_text("No open hazards")).to_be_visible()


def test_forecast_on_the_wall_turns_into_the_alarm(school: Any, sign_in: SignIn) -> None:
    """The card of the early finding has its interval and makes no sound; the same card then is the alarm."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    now_ns, minute_ns = time.time_ns(), 60_000_000_000
    times = {name: now_ns + late * minute_ns for name, late in (("low_ns", 31), ("at_ns", 42), ("high_ns", 58))}
    forecast = {"limit": 0.3, "issued_ns": now_ns, "share": 0.8, "held": 79, "of": 98} | times
    school.detect(Phase.RAISE, rule="smoke_forecast", level=1, facts={"page": False, "forecast": forecast})
    card = page.get_by_test_id("incident")
    expect(card.get_by_test_id("forecast")).to_contain_text("80 %: 31 min to 58 min")
    expect(card).to_contain_text("Forecast, no sound")
    expect(page.get_by_test_id("strip")).to_contain_text("Alarms in 30 min0")
    identity = card.get_attribute("data-id")
    school.detect(Phase.RAISE, level=3, facts={"page": True})
    expect(card.get_by_text("Forecast, no sound")).to_have_count(0)
    expect(card).to_have_attribute("data-id", identity or "")
    expect(page.get_by_test_id("strip")).to_contain_text("Alarms in 30 min1", timeout=10_000)
