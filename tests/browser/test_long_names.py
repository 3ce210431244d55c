"""Names of 500 characters: wall, desktop and phone keep their layout, and every action stays in view."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from detectors import Phase

from .conftest import CAMPUS, SITE, SMOKE, School

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
ZH, EN = "长" * 500, "Endless" * 71 + "end"
"""Names without a place to break the line."""
SIZES = {"wall": (1920, 1080), "desktop": (1440, 900), "phone": (390, 844)}
PAGES = (
    "hazards",
    "tickets",
    "sensors",
    "plan",
    "register",
    "riskMap",
    "dangers",
    "orders",
    "drills",
    "handover",
    "load",
    "accounting",
    f"sensors/{SITE}/{SMOKE}",
)
WIDER = """() => [...document.querySelectorAll('button, a, input, select, h1, h2, h3, p, time')]
  .filter((one) => one.checkVisibility() && !one.closest('[data-testid=plan-canvas], .skip'))
  .filter((one) => !one.classList.contains('skip') && !scrolls(one))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
  .map((one) => `${one.tagName} ${one.className} ${one.innerText.slice(0, 30)}`)
function scrolls(one) {
  for (let above = one.parentElement; above; above = above.parentElement)
    if (above !== document.body && ['auto', 'scroll', 'hidden'].includes(getComputedStyle(above).overflowX))
      return true;
  return false;
}"""
"""Elements beyond the right edge of the screen that no container scrolls or cuts."""
CUT = "() => document.documentElement.scrollWidth - innerWidth"


def named(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return tables with endless names."""
    return [row | {"name_zh": ZH, "name_en": EN} if "name_en" in row else row for row in rows]


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes) -> Iterator[School]:
    """Return a served school whose site, zone and place have endless names."""
    campus = {table: named(rows) if isinstance(rows, list) else rows for table, rows in CAMPUS.items()}
    served = School(tmp_path, sqlite_template, campus=campus)
    served.start()
    yield served
    served.stop()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_endless_names_break_no_screen(school: School, sign_in: SignIn, language: str, tmp_path: Path) -> None:
    """No page is wider than its screen; the wall shows each action of the alarm."""
    school.detect(Phase.RAISE)
    page = sign_in("officer", language=language)
    expect(page.get_by_test_id("hazard")).to_have_count(1)
    hazard = page.get_by_test_id("hazard").get_attribute("data-id")
    broken = {}
    for size in ("desktop", "phone"):
        page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
        for name in (*PAGES, f"hazards/{hazard}"):
            page.goto(f"{school.url}/#/{name}")
            page.locator("main h1, main h2").first.wait_for()
            page.wait_for_timeout(300)  # lists arrive; a later one can only widen the page
            keep(page, tmp_path, f"{size}-{language}-{name.replace('/', '-')}")
            if (wider := page.evaluate(WIDER)) or page.evaluate(CUT) > 0:
                broken[size, name] = page.evaluate(CUT), wider
    assert broken == {}
    page.set_viewport_size({"width": SIZES["wall"][0], "height": SIZES["wall"][1]})
    page.goto(f"{school.url}/#/wall")
    card = page.get_by_test_id("incident")
    expect(card).to_have_count(1)
    for button in [card.get_by_role("button").nth(nth) for nth in range(card.get_by_role("button").count())]:
        expect(button).to_be_in_viewport(ratio=1)
    keep(page, tmp_path, f"wall-{language}")
    assert page.evaluate(CUT) <= 0
    expect(page.get_by_test_id("strip")).to_be_in_viewport(ratio=1)


def keep(page: Page, folder: Path, name: str) -> None:
    """Take a picture; a folder of the environment keeps it."""
    page.screenshot(path=Path(os.environ.get("LONG_NAMES_PICTURES", folder), f"{name}.png"))
