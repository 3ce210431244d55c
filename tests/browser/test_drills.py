"""Page of drills: a silent drill with its bar, and a planned one until its cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts.people.access import Actor
from tests.alerts.emergency_orders.test_order_notices import Personal
from tests.browser.conftest import School

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
ADMIN = Actor("admin", frozenset(("admin",)))
ROSTER = {
    "person": [{"id": "li", "name_en": "Li", "contacts": {"sms": "13800000001"}}],
    "chain": [{"id": "all", "steps": [{"wait_s": 60, "persons": ["li"]}]}],
}


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes) -> Iterator[School]:
    """Return a school with one person in its chain."""
    served = School(tmp_path, sqlite_template, channels=[Personal("sms", "sms")])
    served.dispatch.escalating.rosters.put(ADMIN, "school-1", ROSTER, version=None)
    served.start()
    yield served
    served.stop()


def test_a_silent_drill_is_shown_on_the_wall_and_a_planned_one_is_cancelled(school: Any, sign_in: SignIn) -> None:
    """No person is paged; the bar marks a drill; the plan is listed with its time until it is cancelled."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/drills")
    page.check("input[name=silent]")
    page.get_by_role("button", name="Check the drill").click()
    expect(page.get_by_test_id("confirm")).to_contain_text("Nobody is paged")
    page.get_by_role("button", name="Start the drill").click()
    expect(page.get_by_test_id("contacts")).to_contain_text("Li")
    page.goto(f"{school.url}/#/wall")
    expect(page.get_by_test_id("silent-drill-bar")).to_contain_text("nobody is paged")
    page.goto(f"{school.url}/#/drills")
    page.get_by_role("button", name="End the drill").click()
    expect(page.get_by_test_id("silent-drill-bar")).to_have_count(0)
    at = datetime.now(school.registry.timezone) + timedelta(days=7)  # the browser has another zone
    page.fill("input[name=at]", f"{at:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Check the drill").click()
    page.get_by_role("button", name="Plan the drill").click()
    plan = page.get_by_test_id("plan")
    expect(plan).to_have_attribute("data-state", "planned")
    expect(plan).to_contain_text(f"{at:%Y-%m-%d %H:%M}")
    plan.get_by_role("button", name="Cancel this drill").click()
    expect(plan).to_have_attribute("data-state", "cancelled")
