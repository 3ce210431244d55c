"""Page of emergency orders: confirmation step, receipts, all-clear by two persons, drills, history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from alerts.database.schema import notices
from alerts.people.access import Actor
from tests.alerts.emergency_orders.test_order_notices import Personal
from tests.browser.conftest import School

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
ADMIN = Actor("admin", frozenset(("admin",)))
PERSONS = [
    {"id": f"p{number}", "name_zh": f"员{number}", "contacts": {"sms": f"1380000000{number}"}} for number in "1234567"
]


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes) -> Iterator[School]:
    """Return a school whose roster has seven persons, of whom the operator is one."""
    served = School(tmp_path, sqlite_template, channels=[Personal("sms", "sms")])
    persons = [*PERSONS[:6], PERSONS[6] | {"account": "operator"}]
    served.dispatch.escalating.rosters.put(ADMIN, "school-1", {"person": persons}, version=None)
    served.start()
    yield served
    served.stop()


def receive(school: School, count: int) -> None:
    """Confirm the receipt as this number of persons, by their links."""
    accepted = school.dispatch.acknowledgements
    with school.dispatch.engine.connect() as connection:
        found = connection.execute(select(notices).where(notices.c.channel == "sms")).all()
    for row in found[:count]:
        call = accepted.by_key(row.id, "4")
        assert call.accepted


def test_an_evacuation_from_the_order_to_its_all_clear(school: Any, sign_in: SignIn) -> None:
    """Two steps give it; receipts are counted while they come; the second person ends it; the history keeps it."""
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/orders/evacuate/dorm-3")
    expect(page.get_by_test_id("no-order")).to_be_visible()
    page.fill("input[name=note]", "sports field")
    page.get_by_role("button", name="Check the order").click()
    confirm = page.get_by_test_id("confirm")
    expect(confirm).to_contain_text("Evacuation: Dormitory 3")
    expect(confirm).to_contain_text("Real order")
    expect(page.get_by_test_id("order")).to_have_count(0)  # nothing is given before the second step
    page.get_by_test_id("give").click()
    order, bar = page.get_by_test_id("order"), page.get_by_test_id("order-bar")
    expect(order.get_by_test_id("received")).to_have_text("0 of 7 confirmed the receipt")
    receive(school, 5)
    expect(bar).to_contain_text("5 of 7 confirmed the receipt")
    expect(order.get_by_test_id("received")).to_have_text("5 of 7 confirmed the receipt")
    expect(order.locator("li.missing")).to_have_count(2)
    page.get_by_role("button", name="I have received it").click()
    expect(order.locator("li.missing")).to_have_count(1)
    page.get_by_role("button", name="Propose the all-clear").click()
    expect(order).to_contain_text("A second person must confirm")
    expect(order.get_by_test_id("clear")).to_have_count(0)
    second = sign_in("officer")
    expect(second.get_by_test_id("order-bar")).to_contain_text("紧急疏散 · 3号宿舍楼")
    second.get_by_test_id("order-bar").get_by_role("link").click()
    second.get_by_role("button", name="作为第二人确认解除").click()
    expect(page.get_by_test_id("no-order")).to_be_visible()
    expect(bar).to_have_count(0)
    expect(page.get_by_test_id("past")).to_contain_text("operator + officer")
    expect(page.get_by_test_id("past")).to_contain_text("6 / 7")


def test_a_drill_is_drawn_as_a_drill_and_ends_by_one_person(school: Any, sign_in: SignIn) -> None:
    """The sentence before the order, the bar, the card and the history are marked; sirens stay silent."""
    page = sign_in("operator", language="en")
    page.goto(f"{school.url}/#/orders")
    page.check("input[value=lockdown]")
    page.check("input[name=drill]")
    page.get_by_role("button", name="Check the order").click()
    expect(page.get_by_test_id("confirm")).to_contain_text("sirens stay silent")
    expect(page.get_by_test_id("confirm")).to_contain_text("Lockdown: whole school")
    page.get_by_test_id("give").click()
    expect(page.get_by_test_id("order-bar").locator("li.drill")).to_contain_text("Drill")
    page.get_by_role("button", name="End the drill").click()
    expect(page.get_by_test_id("past")).to_contain_text("Drill")
    assert not school.dispatch.emergency_orders.list(ADMIN, active=True)
