"""Pages of posts and accounts: gaps, training, a person who leaves, own password, lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts import Actor
from tests.browser.conftest import PASSWORD, SITE, School
from tests.browser.test_register import AXE, review

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
ADMIN = Actor("admin", frozenset(("admin",)))
PERSONS = (("li", "fixer", "李娜", "Li Na"), ("wu", "fixer2", "吴强", "Wu Qiang"), ("he", "officer", "何平", "He Ping"))
NEW_PASSWORD = "another long enough password"


def roster(*deputies: str) -> dict[str, Any]:
    """Return a roster with the post of the dormitory and its deputies; Li Na has the shift."""
    return {
        "person": [
            {"id": name, "account": account, "name_zh": zh, "name_en": en, "contacts": {"sms": "+8613800000000"}}
            for name, account, zh, en in PERSONS
        ],
        "post": [{"id": "dorm", "name_zh": "宿舍值班", "name_en": "Dormitory duty", "deputies": [*deputies]}],
        "shift": [{"post": "dorm", "begin": "19:00", "end": "07:00", "persons": ["li"]}],
    }


@pytest.fixture
def staffed(school: School) -> School:
    """Return a school with a second fixer and a post without a deputy."""
    school.people.create("fixer2", PASSWORD, roles=["fixer"], sites=[SITE], by="admin")
    school.dispatch.escalating.rosters.put(ADMIN, SITE, roster(), version=None)
    return school


def opened(page: Page, screen: str) -> Page:
    """Open a page from the menu, with axe."""
    if AXE.exists():
        page.evaluate(AXE.read_text(encoding="utf-8"))
    page.locator(f"nav a[href='#/{screen}']").click()
    return page


def test_a_post_without_a_deputy_is_a_gap_until_it_has_one(staffed: School, sign_in: SignIn) -> None:
    """The page names the gap, then person and deputy of the post."""
    page = opened(sign_in("officer", language="en"), "posts")
    gaps, post = page.get_by_test_id("gaps"), page.get_by_test_id("post")
    expect(gaps).to_contain_text("post Dormitory duty has no deputy")
    expect(post).to_contain_text("Li Na")
    review(page, "posts")
    staffed.dispatch.escalating.rosters.put(ADMIN, SITE, roster("wu"), version=1)
    page.reload()
    expect(post).to_contain_text("Wu Qiang")
    expect(gaps).not_to_contain_text("Dormitory duty")


@pytest.mark.usefixtures("staffed")
def test_a_course_has_a_name_in_each_language_and_its_person_is_reminded(sign_in: SignIn) -> None:
    """The officer makes course and record; the list of work names the person, who has it as own work, too."""
    page = opened(sign_in("officer"), "posts")
    page.fill("input[name=course_zh]", "灭火器使用")
    page.fill("input[name=course_en]", "Use of extinguishers")
    form = page.locator("form", has=page.locator("input[name=course_en]"))
    form.locator("input").first.fill("fire-101")
    form.locator("select[multiple]").select_option("dorm")
    form.locator("button[type=submit]").click()
    rows = page.get_by_test_id("training").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("灭火器使用")
    held = (datetime.now(UTC) - timedelta(days=355)).date().isoformat()
    record = page.locator("form", has=page.locator("input[type=date]"))
    record.locator("input[type=date]").fill(held)
    record.locator("button[type=submit]").click()
    expect(rows).to_have_attribute("data-state", "due")
    page.get_by_role("button", name="English").click()
    expect(rows).to_contain_text("Use of extinguishers")
    opened(page, "needsYou")
    need = page.get_by_test_id("need").filter(has_text="Li Na")
    expect(need).to_contain_text("Use of extinguishers")
    review(page, "needs-you-training")
    own = opened(sign_in("fixer", language="en"), "needsYou")
    expect(own.get_by_test_id("need")).to_have_count(1)
    expect(own.get_by_test_id("need")).to_contain_text("Li Na · Use of extinguishers")
    other = opened(sign_in("fixer2", language="en"), "needsYou")
    expect(other.get_by_test_id("needs-count")).to_contain_text("othing")


@pytest.mark.usefixtures("staffed")
def test_an_administrator_makes_accounts_and_staffs_posts(sign_in: SignIn) -> None:
    """By the screen alone: an account of a known name is refused, the new one signs in, and its post has a person."""
    page = opened(sign_in("admin", language="en"), "accounts")
    form = page.get_by_test_id("new-account")
    make = form.get_by_role("button", name="Make the account")
    for username in ("fixer", "zhao.min"):
        form.locator("input[name=account]").fill(username)
        form.locator("input[name=person_name]").fill("Zhao Min")
        form.locator("input[name=first_password]").fill(PASSWORD)
        form.locator("input[value=fixer]").set_checked(True)
        make.click()
        expect(form).to_contain_text("is in use" if username == "fixer" else "Account Zhao Min (zhao.min) made")
    review(page, "accounts-new")
    opened(page, "posts")
    staff(page, "*", {"person": "zhao.min", "deputy": "li"}, name="Kitchen safety", phone="+8613800000001")
    post = page.get_by_test_id("post").filter(has_text="Kitchen safety")
    expect(post).to_contain_text("Zhao Min")
    expect(post).to_contain_text("Li Na")
    staff(page, "dorm", {"deputy": "zhao.min"})
    expect(page.get_by_test_id("post").filter(has_text="Dormitory duty")).to_contain_text("Zhao Min")
    expect(page.get_by_test_id("gaps")).not_to_contain_text("Dormitory duty")
    review(page, "posts-form")
    officer = opened(sign_in("officer", language="en"), "posts")
    expect(officer.get_by_test_id("post-form")).to_have_count(0)
    person = sign_in("zhao.min", language="en")
    expect(person.locator("nav")).to_be_visible()


def test_a_school_without_a_roster_gets_its_first_post_by_the_screen(school: School, sign_in: SignIn) -> None:
    """The first post makes the roster; a telephone is required, because somebody must be reached."""
    page = opened(sign_in("admin", language="en"), "posts")
    staff(page, "*", {"person": "officer"}, name="Gate", phone="none")
    assert page.locator("input[name=phone]").evaluate("one => one.validity.patternMismatch")
    staff(page, "*", {"person": "officer"}, name="Gate", phone="13800000001")
    expect(page.get_by_test_id("post")).to_contain_text("Gate")
    stored = school.dispatch.escalating.rosters.get(ADMIN, SITE)
    assert [one["deputies"] for one in stored.table["post"]] == [["officer"]]


def staff(page: Page, post: str, persons: dict[str, str], *, name: str = "", phone: str = "") -> None:
    """Fill and send the form of a post."""
    page.locator("select[name=post]").select_option(post)
    if name:
        page.locator("input[name=post_en]").fill(name)
    for field, person in persons.items():
        page.locator(f"select[name={field}]").select_option(person)
    if phone:
        page.locator("input[name=phone]").fill(phone)
    page.get_by_test_id("post-form").get_by_role("button", name="Save").click()


def test_a_leaver_hands_over_posts_and_zones(staffed: School, sign_in: SignIn) -> None:
    """The administrator sees the moved work, and the part of the campus file with the name of the leaver."""
    staffed.dispatch.escalating.rosters.put(ADMIN, SITE, roster("wu"), version=1)
    page = opened(sign_in("admin", language="en"), "accounts")
    page.locator("select[name=leaver]").select_option("fixer")
    page.locator("select[name=successor]").select_option("fixer2")
    page.get_by_role("button", name="Hand over", exact=True).click()
    handed = page.get_by_test_id("handed")
    expect(handed).to_contain_text("posts 1, zones 1")
    expect(handed).to_contain_text("fixer2 has taken over")
    expect(handed).to_contain_text("change fixer of [[zone]] dorm-3 in the campus file")
    review(page, "accounts")
    page.locator("select[name=leaver]").select_option("fixer")
    page.get_by_role("button", name="end the account").click()
    expect(page.get_by_test_id("account").filter(has_text="fixer2")).to_have_count(1)
    opened(page, "posts")
    expect(page.get_by_test_id("post")).to_contain_text("Wu Qiang")
    expect(page.get_by_test_id("post")).not_to_contain_text("Li Na")
    expect(page.get_by_test_id("gaps").locator("li[data-kind=zone]")).to_contain_text("fixer2 has taken over")
    assert not staffed.people.account("fixer").active


def test_a_locked_account_cannot_sign_in_until_it_is_unlocked(staffed: School, sign_in: SignIn) -> None:
    """Its open page returns to the sign-in; the service refuses the right password meanwhile."""
    person = sign_in("operator", language="en")
    page = opened(sign_in("admin", language="en"), "accounts")
    row = page.get_by_test_id("account").filter(has_text="operator")
    row.get_by_role("button", name="Lock").click()
    expect(row.get_by_role("button", name="Unlock")).to_be_visible()
    person.goto(f"{staffed.url}/#/tickets")
    person.reload()
    enter(person, "operator", PASSWORD)
    expect(person.get_by_role("alert")).to_be_visible()
    expect(person.locator("nav")).to_have_count(0)
    row.get_by_role("button", name="Unlock").click()
    expect(row.get_by_role("button", name="Lock")).to_be_visible()
    enter(person, "operator", PASSWORD)
    expect(person.locator("nav")).to_be_visible()


@pytest.mark.usefixtures("staffed")
def test_a_person_changes_the_own_password(sign_in: SignIn) -> None:
    """A weak one is refused with its reason in the language of the page; then the old one is refused."""
    page = opened(sign_in("operator"), "accounts")
    review(page, "accounts-own")
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=new_password]", "short")
    page.locator("form button[type=submit]").click()
    expect(page.get_by_role("alert")).to_contain_text("个字符")
    page.fill("input[name=new_password]", NEW_PASSWORD)
    page.locator("form button[type=submit]").click()
    expect(page.locator("input[name=username]")).to_be_visible()
    enter(page, "operator", PASSWORD)
    expect(page.get_by_role("alert")).to_be_visible()
    enter(page, "operator", NEW_PASSWORD)
    expect(page.locator("nav")).to_be_visible()


def enter(page: Page, username: str, password: str) -> None:
    """Fill the sign-in form and send it."""
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")
