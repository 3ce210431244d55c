"""Page of a bureau: schools without reports, league, and a supervision order with its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts import Actor, format_time
from alerts.tickets.intake import Found
from tests.browser.conftest import School

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
OFFICER = Actor("officer", frozenset(("officer",)))
DISTRICT = Actor("district", frozenset(("district",)))
TYPING = """async (field, text) => {
  for (let size = 1; size <= text.length; size += 1) {
    field.value = text.slice(0, size);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => setTimeout(done));
  }
}"""
"""Enters a text letter by letter."""
DAYS_NS = 15 * 24 * 3_600_000_000_000


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[School]:
    """Return two schools; one has a major danger under a supervision order, the other reports nothing."""
    served = School(tmp_path_factory.mktemp("school"), sqlite_template)
    act, found = served.dispatch.act, Found("school-1", "room-412", "building", "patrol", "墙体外鼓")
    ticket = served.dispatch.intake.find(OFFICER, found)
    ticket = act(ticket.id, "declare_major", OFFICER, {"note": "承重墙"}, version=ticket.version)
    demand = {"note": "雨季前完成", "due": format_time(time.time_ns() + DAYS_NS)}
    act(ticket.id, "supervise", DISTRICT, demand, version=ticket.version)
    served.start()
    yield served
    served.stop()


def test_a_bureau_sees_its_schools_and_the_answer_to_its_order(school: Any, sign_in: SignIn) -> None:
    """The silent school comes first and has no rank; the school answers the order, and the bureau sees that."""
    bureau = sign_in("district", language="en")
    bureau.goto(f"{school.url}/#/supervision")
    expect(bureau.get_by_test_id("missing").locator("li")).to_contain_text("Baishi School: no reports")
    schools = bureau.get_by_test_id("school")
    expect(schools).to_have_count(2)
    expect(schools.first).to_have_attribute("data-site", "school-2")
    expect(schools.first.locator("td").first).to_have_text("?")
    expect(bureau.locator("[data-sum=underOrder]")).to_have_text("1")
    major = bureau.get_by_test_id("major")
    expect(major).to_contain_text("open")
    officer = sign_in("officer", language="en")
    officer.goto(f"{school.url}/#/tickets/{major.get_attribute('data-id')}")
    officer.locator("button[data-action=answer]").click()
    officer.locator("form [name=note]").fill("shoring stands since noon")
    officer.locator("form button[type=submit]").last.click()
    expect(major).to_contain_text("answered")


def test_a_list_is_read_again_only_after_a_change(school: Any, sign_in: SignIn) -> None:
    """Rows that arrive are no reason to ask for them again."""
    bureau, asked = sign_in("district", language="en"), list[str]()
    bureau.goto(f"{school.url}/#/supervision")
    expect(bureau.get_by_test_id("school")).to_have_count(2)
    expect(bureau.get_by_test_id("connection")).to_have_text("Live")
    bureau.wait_for_timeout(500)
    bureau.on("request", lambda request: asked.append(request.url) if "supervision/schools?" in request.url else None)
    bureau.wait_for_timeout(1_500)
    assert len(asked) <= 1, asked


def test_the_service_searches_sorts_and_cuts_the_schools(school: Any, sign_in: SignIn) -> None:
    """The page asks for one page of schools; a search and an order are requests, and the sums stay those of all."""
    bureau = sign_in("district", language="en")
    asked = list[str]()
    bureau.on("request", lambda request: asked.append(request.url) if "supervision/schools?" in request.url else None)
    bureau.goto(f"{school.url}/#/supervision")
    schools = bureau.get_by_test_id("school")
    expect(schools).to_have_count(2)
    bureau.locator("[name=school]").evaluate(TYPING, "BAISHI")
    expect(schools).to_have_count(1)
    expect(schools.first).to_have_attribute("data-site", "school-2")
    expect(bureau.locator("[data-sum=schoolsCount]")).to_have_text("2")
    bureau.locator("[name=school]").fill("")
    bureau.get_by_test_id("sort").select_option("open")
    expect(schools.first).to_have_attribute("data-site", "school-1")
    assert {url.partition("q=")[2].partition("&")[0] for url in asked if "q=" in url} == {"BAISHI"}
    assert any("sort=open" in url for url in asked)
    assert all("limit=50" in url or "missing=true" in url for url in asked)


def test_a_school_has_no_page_of_the_bureau(school: Any, sign_in: SignIn) -> None:
    """The officer of a school reads a sentence in place of the figures of others."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/supervision")
    expect(page.locator("main")).to_contain_text("For the bureaus of district and city only.")
    expect(page.get_by_test_id("school")).to_have_count(0)
