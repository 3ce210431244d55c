"""Pages of silences and of coverage, on one served school."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import CAMPUS, SITE, SMOKE, School

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
ROOMS: dict[str, Any] = {
    **CAMPUS,
    "place": [
        *CAMPUS["place"],
        {"site": SITE, "zone": "dorm-3", "id": "room-413", "name_zh": "413室", "name_en": "Room 413", "xy": [50, 30]},
    ],
}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[School]:
    """Return a school with one room that has a detector, and one without."""
    served = School(tmp_path_factory.mktemp("school"), sqlite_template, campus=ROOMS)
    served.catalog.code(SITE, SMOKE, "smoke", wire="campus", now_ns=time.time_ns())  # its first message
    served.start()
    yield served
    served.stop()


def test_a_silence_of_life_safety_is_made_patrolled_and_ended(school: Any, sign_in: SignIn) -> None:
    """Its patrol is required; the bar is on every page while it is in force; the end leaves a row."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/silences/new")
    form = page.get_by_test_id("silence-form")
    form.locator("select[name=cause]").select_option("fire")
    form.locator("input[name=place]").fill("room-412")
    form.locator("input[name=reason]").fill("welding on the roof")
    form.locator("input[name=patroller]").fill("operator")
    form.locator("button[type=submit]").click()
    silence = page.get_by_test_id("silence")
    expect(silence).to_contain_text("In force")
    page.goto(f"{school.url}/#/tickets")
    expect(page.get_by_test_id("silence-bar")).to_contain_text("1 silence")
    expect(page.get_by_test_id("silence-bar")).to_contain_text("patrol entry due")
    page.goto(f"{school.url}/#/silences")
    silence.locator("input").fill("no smoke, no smell")
    page.get_by_test_id("check-in").click()
    expect(silence.locator("li")).to_contain_text("officer no smoke, no smell")
    silence.get_by_role("button", name="End silence").click()
    expect(silence).to_have_count(0)
    expect(page.locator("main table")).to_contain_text("ended by a person (officer)")
    expect(page.get_by_test_id("silence-bar")).to_have_count(0)


def test_an_operator_is_offered_only_causes_without_life_safety(school: Any, sign_in: SignIn) -> None:
    """From an alarm of fire, too; the form states who silences life safety, and an unknown sensor is named."""
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/silences/new?zone=dorm-3&cause=fire")
    form = page.get_by_test_id("silence-form")
    expect(form.get_by_test_id("officers-only")).to_contain_text("safety officer")
    choices = form.locator("select[name=cause] option").evaluate_all("all => all.map((one) => one.value)")
    assert "sensor_health" in choices
    assert not {"*", "fire"} & set(choices)
    expect(form.locator("select[name=cause]")).to_have_value("")  # no other cause instead of the fire
    form.locator("select[name=cause]").select_option("sensor_health")
    form.locator("input[name=sensor]").fill("smoke-9999")
    form.locator("input[name=reason]").fill("detectors are cleaned")
    form.locator("button[type=submit]").click()
    expect(form.get_by_role("alert")).to_contain_text("smoke-9999")


def test_an_officer_chooses_the_cause_before_a_silence_is_made(school: Any, sign_in: SignIn) -> None:
    """Nothing is preselected: a silence of every cause is a choice of its own, with a patrol."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/silences/new")
    form = page.get_by_test_id("silence-form")
    expect(form.locator("select[name=cause]")).to_have_value("")
    expect(form.get_by_test_id("patrol")).to_have_count(0)
    form.locator("input[name=reason]").fill("works in the whole school")
    form.locator("button[type=submit]").click()
    expect(form).to_be_visible()  # the browser asks for the cause
    assert form.locator("select[name=cause]").evaluate("one => one.validity.valueMissing")
    form.locator("select[name=cause]").select_option("*")
    expect(form.get_by_test_id("patrol")).to_be_visible()


def test_a_sleeping_room_without_a_detector_is_a_row_with_its_cause(school: Any, sign_in: SignIn) -> None:
    """The room with a detector that reports is covered and has no row."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/coverage")
    expect(page.get_by_test_id("counts")).to_contain_text("1 / 2")
    rows = page.get_by_test_id("blind").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Room 413")
    expect(rows).to_contain_text("not installed")


def test_blind_rooms_are_drawn_on_the_plan_and_listed_beside_it(school: Any, sign_in: SignIn) -> None:
    """A hatched square at the room, its legend, and a row that the arrow keys reach and that leads to the coverage."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/plan")
    canvas = page.get_by_test_id("plan-canvas")
    expect(canvas).to_have_attribute("data-blind", "1")
    expect(page.get_by_test_id("legend-blind")).to_contain_text("1")
    row = page.get_by_test_id("plan-blind")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Room 413 · Fire detection · not installed")
    before = canvas.screenshot()
    page.locator("[data-testid=plan-sensor][tabindex='0']").focus()
    page.keyboard.press("ArrowUp")
    expect(row).to_be_focused()
    expect(row).to_have_attribute("tabindex", "0")
    expect(page.locator("[data-testid=plan-sensor][tabindex='0']")).to_have_count(0)
    until_differs(canvas, before)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("blind")).to_contain_text("Room 413")
    school.catalog.code(SITE, "smoke-413", "smoke", wire="campus", now_ns=time.time_ns())
    officer = school.people.account("officer").actor
    school.dispatch.bindings.assign(SITE, {"smoke-413": "room-413"}, officer)
    page.goto(f"{school.url}/#/plan")
    page.reload()
    expect(canvas).to_have_attribute("data-blind", "0")
    expect(row).to_have_count(0)


def until_differs(canvas: Locator, before: bytes) -> None:
    """Wait until the plan is drawn in another way: the chosen room has a ring."""
    deadline = time.monotonic() + 20
    while canvas.screenshot() == before:
        assert time.monotonic() < deadline, "the plan did not change"
