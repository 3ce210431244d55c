"""Choice of a school in the header of a bureau: a list is searched, and a few schools are listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CAMPUS, PASSWORD, SITE, School

pytestmark = pytest.mark.browser

NUMBERS = range(1, 41)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[School]:
    """Return a served district with forty further schools."""
    further = [
        {"id": f"far-{one}", "name_zh": f"远郊{one}小学", "name_en": f"Primary school {one}", "size_m": [100, 100]}
        for one in NUMBERS
    ]
    campus = CAMPUS | {"site": [*CAMPUS["site"], *further]}
    served = School(tmp_path_factory.mktemp("district"), sqlite_template, campus=campus)
    served.people.create("bureau", PASSWORD, roles=["district"], sites=[SITE, *(one["id"] for one in further)])
    served.start()
    yield served
    served.stop()


def test_a_bureau_finds_a_school_by_letters(school: School, sign_in: Callable[..., Page]) -> None:
    """Letters that fit one school choose it, those of several or none change nothing; all schools can be chosen."""
    page = sign_in("bureau", language="en")
    page.goto(f"{school.url}/#/plan")
    field = page.get_by_test_id("school-search")
    kept = lambda: page.evaluate("localStorage.getItem('twinward.site')")  # noqa: E731 - read again at each step

    def search(text: str) -> None:
        field.focus()
        field.fill(text)
        page.keyboard.press("Enter")
        field.blur()

    search("school 37")
    expect(field).to_have_value("Primary school 37 (far-37)")
    assert kept() == "far-37"
    for text in ("Primary", "nothing like it", ""):
        search(text)
        expect(field).to_have_value("Primary school 37 (far-37)")
    search("Primary school 3 (far-3)")
    expect(field).to_have_value("Primary school 3 (far-3)")
    page.goto(f"{school.url}/#/hazards")
    search("All schools (41)")
    expect(field).to_have_value("All schools (41)")
    assert kept() == "far-3"


def test_a_few_schools_are_a_list(school: School, sign_in: Callable[..., Page]) -> None:
    """An account of two schools chooses from a list."""
    del school
    page: Any = sign_in("district", language="en")
    expect(page.locator("header select option")).to_have_count(3)
    expect(page.get_by_test_id("school-search")).to_have_count(0)
