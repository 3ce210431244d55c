"""A page is live or covered: session, stream, broker, drills, other schools, keys and sound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts import ServiceFault, StorageFault
from alerts.api import Condition
from alerts.api.cookies import SESSION_COOKIE
from detectors import Phase

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
AWAY = StorageFault("no_broker", "消息服务器无响应", "the broker does not respond")
ALARM_HZ, LOST_HZ = 880, 392
"""First notes of an alarm of grade 1 and of a page that is not live."""
PASSWORD = "a long enough password"


def tones(page: Page) -> list[float]:
    """Return the frequencies of the tones since the load of the page."""
    found: list[float] = page.evaluate("tones")
    return found


def until(page: Page, holds: Callable[[], bool], *, within_s: float = 10) -> None:
    """Return once the condition holds. The content policy forbids the evaluation that playwright waits with."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def covered(page: Page, text: str) -> None:
    """Assert that the whole page is covered within 10 s, with this text and its own tone, and that nothing is calm."""
    cover = page.get_by_test_id("cover")
    expect(cover).to_contain_text(text, timeout=10_000)
    box, size = cover.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, size["width"], size["height"])
    expect(page.get_by_text("当前没有险情")).to_have_count(0)
    until(page, lambda: LOST_HZ in tones(page), within_s=6)
    assert page.title().startswith("⚠ 非实时")


def test_ended_session_covers_the_page_until_a_person_signs_in(school: Any, sign_in: SignIn) -> None:
    """The token is no script's to read. After its end the page is covered, with a tone; signing in uncovers it."""
    page = sign_in("operator")
    expect(page.get_by_text("当前没有险情")).to_be_visible()
    assert page.evaluate("JSON.stringify([sessionStorage, Object.keys(localStorage)])").count("token") == 0
    cookie = next(row for row in page.context.cookies() if row["name"] == SESSION_COOKIE)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert cookie["value"] not in page.evaluate("document.cookie")
    school.people.sign_out(cookie["value"])
    covered(page, "非实时：请登录")
    expect(page.get_by_role("button", name="查看断线前状态")).to_have_count(0)
    page.keyboard.press("5")  # keys of the covered page do nothing
    page.fill("input[name=username]", "operator")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("cover")).to_have_count(0)
    expect(page.get_by_text("当前没有险情")).to_be_visible()
    school.detect(Phase.RAISE)
    expect(page.get_by_test_id("hazard")).to_have_count(1)


def test_broker_away_and_lost_stream_cover_the_page(school: Any, sign_in: SignIn) -> None:
    """The cover names the fault and the last known alarms; a person may look behind it; it ends with the fault."""
    page = sign_in("operator")
    expect(page.get_by_text("当前没有险情")).to_be_visible()
    school.view.said.append(Condition(1, [ServiceFault("broker", AWAY, time.time_ns())]))
    covered(page, "消息服务器无响应")
    page.get_by_role("button", name="查看断线前状态").click()
    expect(page.get_by_test_id("cover")).to_contain_text("非实时")
    expect(page.get_by_text("当前没有险情")).to_have_count(0)
    page.get_by_role("navigation").get_by_text("传感器").click()
    expect(page.locator("h1", has_text="传感器")).to_be_visible()
    school.view.said.append(Condition(2))
    expect(page.get_by_test_id("cover")).to_have_count(0)
    school.detect(Phase.RAISE)
    expect(page.get_by_test_id("alarm-bar")).to_contain_text("3号宿舍412室")
    page.evaluate("tones.length = 0")
    school.stop()
    covered(page, "自 ")
    expect(page.get_by_test_id("cover")).to_contain_text("断线前有 1 条报警未确认")


def test_paperwork_is_covered_while_a_stage_fails(school: Any, sign_in: SignIn) -> None:
    """The list of dangers is not current then, whatever the sensors do."""
    page = sign_in("officer")
    page.locator("nav a[href='#/dangers']").click()
    faults = [ServiceFault("broker", AWAY, time.time_ns()), ServiceFault("alert", AWAY, time.time_ns())]
    school.view.said.append(Condition(1, faults))
    expect(page.get_by_test_id("cover")).to_have_attribute("data-cover", "")


def test_paperwork_goes_on_while_the_sensors_are_away(school: Any, sign_in: SignIn) -> None:
    """A school without a broker fills its register under a strip; pages with live states stay covered."""
    page = sign_in("officer")
    school.view.said.append(Condition(1, [ServiceFault("broker", AWAY, time.time_ns())]))
    covered(page, "消息服务器无响应")
    cover = page.get_by_test_id("cover")
    cover.get_by_role("link", name="风险清单").click()
    page.get_by_test_id("apply-template").click()
    expect(page.get_by_test_id("point")).not_to_have_count(0)
    expect(cover).to_contain_text("非实时")
    page.get_by_role("navigation").get_by_text("实时险情").click()
    expect(cover).to_have_attribute("data-cover", "")


def test_browser_without_shared_workers_polls(school: Any, sign_in: SignIn) -> None:
    """It follows alarms, holds no connection, and is covered after the end of its session."""
    page = sign_in("operator")
    page.add_init_script("delete window.SharedWorker")
    page.reload()
    expect(page.get_by_text("当前没有险情")).to_be_visible()
    assert page.evaluate("typeof SharedWorker") == "undefined"
    school.detect(Phase.RAISE)
    expect(page.get_by_test_id("hazard")).to_have_count(1)
    cookie = next(row for row in page.context.cookies() if row["name"] == SESSION_COOKIE)
    school.people.sign_out(cookie["value"])
    expect(page.get_by_test_id("cover")).to_contain_text("非实时：请登录", timeout=10_000)


def test_drill_is_never_drawn_as_real(school: Any, sign_in: SignIn) -> None:
    """List, title, bar, sensor, plan and sound show a drill as a drill; a fire beside it keeps its own signs."""
    page = sign_in("operator")
    expect(page.get_by_test_id("sound")).to_have_attribute("aria-pressed", "true")
    school.detect(Phase.RAISE, drill=True)
    row = page.get_by_test_id("hazard")
    expect(row).to_contain_text("演练")
    expect(row.locator(".grade.drill")).to_have_count(1)
    expect(row.locator(".red, .orange, .yellow, .blue")).to_have_count(0)
    expect(page).to_have_title("[演练] 实时险情 · Twinward")
    expect(page.get_by_test_id("alarm-bar")).to_have_count(0)
    expect(page.get_by_test_id("drill-bar")).to_contain_text("非真实险情")
    page.keyboard.press("3")
    expect(page.get_by_test_id("sensor").filter(has_text="smoke-412")).to_contain_text("演练")
    page.keyboard.press("4")
    mark = page.locator('[data-sensor="smoke-412"]')
    expect(mark).to_have_attribute("aria-label", "smoke-412 · 烟感 · 演练")
    drawn = page.get_by_test_id("plan-canvas")
    expect(drawn).to_have_attribute("data-drawn", "hazard 0 drill 1 all 1")
    assert ALARM_HZ not in tones(page)
    assert tones(page)
    school.detect(Phase.RAISE)
    expect(drawn).to_have_attribute("data-drawn", "hazard 1 drill 0 all 1")
    expect(page).to_have_title("(1) 校园平面 · Twinward")
    until(page, lambda: ALARM_HZ in tones(page))


def test_district_sees_a_fire_of_any_school_on_every_page(school: Any, sign_in: SignIn) -> None:
    """The landing page lists all schools, the bar is on each page, and the school selector is readable."""
    page = sign_in("district", language="en")
    expect(page.get_by_text("No open hazards")).to_be_visible()
    select = page.get_by_label("School").first
    expect(select).to_have_value("*")
    for part in (select, select.locator("option").first):
        text, ground = part.evaluate("one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]")
        assert text != ground
    school.detect(Phase.RAISE, site="school-2", sensor="boiler")
    expect(page.get_by_test_id("hazard")).to_contain_text("Baishi School")
    for key in "12345":
        page.keyboard.press(key)
        expect(page.get_by_test_id("alarm-bar")).to_contain_text("Baishi School")
    page.keyboard.press("1")
    select.select_option("school-1")
    expect(page.get_by_test_id("hazard")).to_have_count(0)
    expect(page.get_by_test_id("alarm-bar")).to_contain_text("Baishi School")
    expect(page).to_have_title("(1) Live hazards · Twinward")


def test_key_acknowledges_only_the_selected_alarm_in_view(school: Any, sign_in: SignIn) -> None:
    """A key for a row outside the view brings it into view; the next one acknowledges it."""
    for number in range(12):
        school.detect(Phase.RAISE, sensor=f"smoke-{number}")
    page = sign_in("operator")
    page.set_viewport_size({"width": 1280, "height": 500})
    expect(page.get_by_test_id("hazard")).to_have_count(12)
    first = page.locator("li[aria-current=true]")
    expect(first).to_have_count(1)
    identity = first.get_attribute("data-id")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    until(page, lambda: page.evaluate("scrollY") > 300)
    page.wait_for_timeout(100)  # two frames: the observer has reported
    page.keyboard.press("a")
    expect(page.get_by_text("所选报警不在视野内")).to_be_visible()
    expect(page.get_by_test_id("hazard").filter(has_text="已确认")).to_have_count(0)
    expect(first).to_be_in_viewport(ratio=0.7)
    page.keyboard.press("a")
    expect(page.locator(f'[data-testid=hazard][data-id="{identity}"]')).to_contain_text("已确认")


def test_tone_repeats_on_every_page_and_the_button_tells_the_truth(school: Any, sign_in: SignIn) -> None:
    """While the browser suspends audio the button is red; a click arms it; the tone repeats until acknowledged."""
    page = sign_in("operator", language="en")
    button = page.get_by_test_id("sound")
    expect(button).to_have_text("Sound: on")
    page.add_init_script(
        "Object.defineProperty(AudioContext.prototype, 'state', {get() { return heard ? 'running' : 'suspended'; }});"
        "AudioContext.prototype.resume = async function () { heard = true; this.onstatechange?.(); };"
        "window.heard = false;"
    )
    page.reload()
    expect(button).to_have_text("Sound off: click")
    assert button.evaluate("element => getComputedStyle(element).backgroundColor") == "rgb(192, 22, 34)"
    button.click()
    expect(button).to_have_text("Sound: on")
    page.keyboard.press("5")
    school.detect(Phase.RAISE)
    until(page, lambda: tones(page).count(ALARM_HZ) >= 4)
    page.get_by_test_id("alarm-bar").get_by_role("link").click()
    expect(page.get_by_role("button", name="Acknowledge (A)")).to_be_visible()
    page.wait_for_timeout(100)  # two frames: the observer has reported
    page.keyboard.press("a")
    expect(page.get_by_text("Acknowledged by operator")).to_be_visible()
    rung = len(tones(page))
    page.wait_for_timeout(7_000)  # longer than the pause between two rings
    assert len(tones(page)) == rung


@pytest.mark.parametrize("screen", ["silences", "needsYou", "inspections", "wall"])
def test_a_page_at_rest_reads_by_its_interval_not_by_its_clock(school: Any, sign_in: SignIn, screen: str) -> None:
    """Its clock moves each second; figures of 5 s to 60 s are read at most three times in the next seven."""
    page = sign_in("officer")
    page.goto(f"{school.url}/#/{screen}")
    clock = page.locator("time[title]")
    expect(page.get_by_test_id("connection").or_(page.get_by_test_id("wall"))).to_be_visible()
    until(page, lambda: clock.inner_text() != "")
    seen, asked = [clock.inner_text()], list[str]()

    def moved() -> bool:
        seen.extend([now] if (now := clock.inner_text()) != seen[-1] else [])
        return len(seen) > 7

    page.on("request", lambda request: asked.append(request.url))
    begun_s = time.monotonic()
    until(page, moved, within_s=60)
    most = (time.monotonic() - begun_s) / 5 + 2
    assert {url for url in asked if asked.count(url) > most} == set()
