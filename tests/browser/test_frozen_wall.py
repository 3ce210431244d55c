"""Frozen list of the live wall: the end of the alarms that it shows, and the key after it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from detectors import Phase
from tests.browser.test_wall import SignIn, on_wall, seen

pytestmark = pytest.mark.browser

CHOSEN = "[data-testid=incident][aria-current=true]"
IN_USE = "setInterval(() => dispatchEvent(new PointerEvent('pointermove')), 200)"
"""Script of a person who never rests: the list stays frozen."""
HASTY = """
const chosen = () => document.querySelector('[data-testid=incident][aria-current=true]')?.dataset.id;
const before = chosen();
const turn = setInterval(() => {
  if (!chosen() || chosen() === before) return;
  clearInterval(turn);
  setTimeout(() => dispatchEvent(new KeyboardEvent('keydown', {key: 'a'})), 100);
}, 10);
"""
"""Script of a person whose key comes 0.1 s after the selection has moved."""


def acknowledged(page: Page) -> None:
    """Acknowledge the selected alarm by its key."""
    seen(page)
    page.keyboard.press("a")
    expect(page.locator(CHOSEN)).to_contain_text("Taken by operator")


def test_new_alarm_is_shown_on_a_used_wall_whose_alarms_have_ended(school: Any, sign_in: SignIn) -> None:
    """Nothing that stands is frozen: the quiet state comes at once, and so does the card of the next fire."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    school.detect(Phase.RAISE)
    expect(page.locator(CHOSEN)).to_have_count(1)
    page.evaluate(IN_USE)
    acknowledged(page)
    school.detect(Phase.CLEAR)
    expect(page.get_by_test_id("quiet")).to_be_visible()
    school.detect(Phase.RAISE, sensor="smoke-9")
    expect(page.locator(CHOSEN)).to_contain_text("Unacknowledged")
    expect(page.get_by_test_id("above")).to_have_count(0)
    acknowledged(page)


def test_end_of_the_only_shown_alarm_selects_the_waiting_one_and_ignores_a_hasty_key(
    school: Any, sign_in: SignIn
) -> None:
    """The frozen list is released; a key within a second does not acknowledge the alarm that nobody has seen."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    school.detect(Phase.RAISE)
    expect(page.locator(CHOSEN)).to_have_count(1)
    page.evaluate(IN_USE)
    acknowledged(page)
    school.detect(Phase.RAISE, sensor="smoke-9")
    expect(page.get_by_test_id("above")).to_have_text("1 new above")
    page.evaluate(HASTY)
    school.detect(Phase.CLEAR)
    expect(page.get_by_text("The selection has just moved")).to_be_visible()
    expect(page.locator(CHOSEN)).to_contain_text("Unacknowledged")
    acknowledged(page)


@pytest.mark.parametrize("last", ["shown", "above"])
def test_end_of_the_selected_alarm_passes_the_keys_to_the_one_that_waits(
    school: Any, sign_in: SignIn, last: str
) -> None:
    """Also in a frozen list with a standing card, and if only an alarm that this list does not show waits."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    cards, above = page.get_by_test_id("incident"), page.get_by_test_id("above")
    school.detect(Phase.RAISE, sensor="smoke-8")
    expect(cards).to_have_count(1)
    if last == "above":
        acknowledged(page)
    school.detect(Phase.RAISE)
    expect(cards).to_have_count(2)
    page.get_by_role("link", name="Dormitory 3, room 412: Fire").focus()
    acknowledged(page)
    page.evaluate(IN_USE)
    if last == "above":
        school.detect(Phase.RAISE, sensor="smoke-9")
        expect(above).to_have_text("1 new above")
    before = page.locator(CHOSEN).get_attribute("data-id")
    school.detect(Phase.CLEAR)
    expect(page.locator(CHOSEN)).not_to_have_attribute("data-id", str(before))
    expect(page.locator(CHOSEN)).to_contain_text("Unacknowledged")
    expect(above).to_have_count(0)
    acknowledged(page)


def test_rested_list_selects_the_alarm_that_waits(school: Any, sign_in: SignIn) -> None:
    """A fire that came while the list was in use takes the selection from an acknowledged one after 10 s of rest."""
    page = sign_in("operator", language="en")
    on_wall(school, page)
    school.detect(Phase.RAISE)
    expect(page.locator(CHOSEN)).to_have_count(1)
    acknowledged(page)
    school.detect(Phase.RAISE, sensor="smoke-9")
    expect(page.locator(CHOSEN)).to_contain_text("Unacknowledged")
