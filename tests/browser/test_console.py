"""The console in a browser, by mouse and by keyboard, against the real API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from alerts import Page as Rows
from detectors import Phase
from ingest import Count, Counts, Ledger, Sealed, empty_batch

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
SignIn = Callable[..., Page]


def do(page: Page, action: str, **fields: str) -> None:
    """Take one action on the open ticket by mouse; fill its form."""
    page.locator(f"button[data-action={action}]").click()
    fill(page, **fields)


def fill(page: Page, **fields: str) -> None:
    """Fill the open form of an action, if it has one, and submit it."""
    form = page.locator("form")
    for name, value in fields.items():
        control = form.locator(f"[name={name}]")
        if control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(value)
        elif control.get_attribute("type") == "checkbox":
            control.check()
        else:
            control.fill(value)
    if form.count():
        form.locator("button[type=submit]").click()


def expect_state(page: Page, state: str) -> None:
    """Assert that the open ticket is in this state of the closed loop."""
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", state)


def test_wrong_password_shows_an_error_and_keeps_the_form(browser: Any, school: Any) -> None:
    """A refused sign-in shows a message beside the form."""
    page = browser.new_page()
    page.goto(school.url)
    page.fill("input[name=username]", "operator")
    page.fill("input[name=password]", "not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.locator("input[name=username]")).to_be_visible()
    page.close()


def test_hazard_appears_without_reload_and_is_acknowledged_by_key(school: Any, sign_in: SignIn) -> None:
    """A hazard arrives by the event stream; the key A acknowledges it, U undoes that."""
    page = sign_in("operator")
    expect(page.get_by_test_id("connection")).to_contain_text("实时")
    expect(page.get_by_text("当前没有险情")).to_be_visible()
    school.detect(Phase.RAISE)
    row = page.get_by_test_id("hazard")
    expect(row).to_contain_text("高于报警限 0.15 dB/m")
    expect(row).to_contain_text("3号宿舍412室")
    expect(row).to_contain_text("未确认")
    page.keyboard.press("a")
    expect(row).to_contain_text("已确认")
    expect(row).to_contain_text("operator")
    page.keyboard.press("u")
    expect(row).to_contain_text("未确认")


def test_whole_loop_by_clicking_through_three_people(school: Any, sign_in: SignIn) -> None:
    """Officer assigns, fixer rectifies, a second officer accepts and closes; the fixer has no action `accept`."""
    school.detect(Phase.RAISE)
    officer = sign_in("officer")
    officer.get_by_role("navigation").get_by_text("隐患工单").click()
    officer.get_by_test_id("ticket").get_by_role("link").click()
    expect_state(officer, "graded")
    expect(officer.get_by_text("高于报警限").first).to_be_visible()
    address = officer.url.split("#")[1]
    do(officer, "assign", fixer="fixer")
    expect_state(officer, "assigned")

    fixer = sign_in("fixer")
    fixer.goto(f"{school.url}/#{address}")
    do(fixer, "take")
    expect_state(fixer, "taken")
    do(fixer, "start")
    expect_state(fixer, "rectifying")
    do(fixer, "submit", note="已清洁探测器并试烟")
    expect_state(fixer, "submitted")
    expect(fixer.locator("button[data-action=accept]")).to_have_count(0)

    school.detect(Phase.CLEAR)
    second = sign_in("officer2")
    second.goto(f"{school.url}/#{address}")
    expect(second.get_by_text("已清洁探测器并试烟")).to_be_visible()
    do(second, "accept")
    expect_state(second, "observing")
    do(second, "close", reason="cleaned")
    expect(second.get_by_role("alert")).to_contain_text("观察期")
    fill(second, override="on", note="现场确认已清洁")  # the refused form keeps its input
    expect_state(second, "closed")
    expect_state(officer, "closed")  # the first officer's page updates without a reload


def test_stale_ticket_is_reloaded_with_a_message(school: Any, sign_in: SignIn) -> None:
    """An action on a ticket that another person has changed shows a message and the new state; no input is lost."""
    school.detect(Phase.RAISE)
    page = sign_in("officer")
    page.get_by_role("navigation").get_by_text("隐患工单").click()
    page.get_by_test_id("ticket").get_by_role("link").click()
    expect_state(page, "graded")
    page.route("**/api/v1/events", lambda route: route.abort())
    page.route("**/api/v1/tickets/*/actions/*", with_old_version)
    do(page, "assign", fixer="fixer")
    expect(page.get_by_role("alert")).to_contain_text("重新读取")
    expect_state(page, "graded")
    page.unroute("**/api/v1/tickets/*/actions/*")
    page.locator("form button[type=submit]").click()
    expect_state(page, "assigned")


def with_old_version(route: Any) -> None:
    """Continue the request with the version before the last change."""
    route.continue_(headers=route.request.headers | {"if-match": '"1"'})


def test_language_switch_is_remembered(school: Any, sign_in: SignIn) -> None:
    """One key switches all texts, those of the hazard too; the choice survives a reload."""
    school.detect(Phase.RAISE)
    page = sign_in("operator")
    expect(page.get_by_test_id("hazard")).to_contain_text("烟雾浓度")
    page.keyboard.press("l")
    expect(page.locator("h1")).to_have_text("Live hazards")
    expect(page.get_by_test_id("hazard")).to_contain_text("above the alarm limit")
    page.reload()
    expect(page.locator("h1")).to_have_text("Live hazards")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_plan_shows_the_sensor_in_hazard_and_leads_to_it(school: Any, sign_in: SignIn) -> None:
    """The plan marks the sensor at its place; Enter in its list opens the sensor with its trend."""
    school.detect(Phase.RAISE)
    page = sign_in("operator")
    page.keyboard.press("4")
    expect(page.get_by_test_id("plan-canvas")).to_have_attribute("data-drawn", "hazard 1 drill 0 all 1")
    mark = page.locator('[data-sensor="smoke-412"]')
    expect(mark).to_have_attribute("aria-label", "smoke-412 · 烟感 · 险情")
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("smoke-412")
    expect(page.get_by_test_id("trend").locator("canvas")).to_be_visible()


def test_markup_in_names_and_texts_stays_text(school: Any, sign_in: SignIn) -> None:
    """Markup in a device name or in a text is shown as text and never becomes an element."""
    school.detect(Phase.RAISE, sensor=HOSTILE, text=f"{HOSTILE} raised")
    page = sign_in("operator")
    expect(page.get_by_test_id("hazard")).to_contain_text(HOSTILE)
    page.keyboard.press("3")
    page.get_by_role("link", name=HOSTILE, exact=True).click()
    expect(page.locator("h1")).to_have_text(HOSTILE)
    page.keyboard.press("4")
    expect(page.get_by_role("link", name=f"{HOSTILE} · 烟感 · 险情", exact=True)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "owned"


def test_keyboard_alone_reaches_a_hazard_and_its_ticket(school: Any, sign_in: SignIn) -> None:
    """Arrow, Enter, Tab and Escape are enough; `?` lists the keys."""
    school.detect(Phase.RAISE)
    page = sign_in("officer")
    expect(page.get_by_test_id("hazard")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("确认所选险情")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="报警原因")).to_be_visible()
    link = page.get_by_role("link", name="打开工单")
    for _ in range(30):
        page.keyboard.press("Tab")
        if link.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect_state(page, "graded")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("ticket")).to_have_count(1)


def test_unassigned_devices_are_assigned_by_hand_or_list_or_ignored(school: Any, sign_in: SignIn) -> None:
    """A list with invalid lines shows each of them and assigns nothing; the corrected list assigns."""
    for name in ("new/1", "new/2", "shop"):
        school.catalog.code("school-1", name, "smoke", wire="zigbee2mqtt", now_ns=1_790_000_000 * 10**9)
    page = sign_in("officer")
    page.keyboard.press("3")
    page.get_by_role("link", name="待分配设备").click()
    waiting = page.get_by_test_id("waiting")
    expect(waiting).to_have_text("4")  # the sensor with the hostile name among them
    expect(page.get_by_role("row", name="new/1").get_by_role("button", name="分配位置")).to_be_disabled()
    page.get_by_label("new/1 的位置").select_option(label="3号宿舍412室")
    page.get_by_role("row", name="new/1").get_by_role("button", name="分配位置").click()
    expect(waiting).to_have_text("3")
    page.locator("textarea[name=csv]").fill("sensor,place\nnew/2,attic\nnobody,d-1")
    page.locator("form button[type=submit]").click()
    expect(page.get_by_role("alert")).to_contain_text("第 2 行：school-1 没有位置 'attic'")
    expect(page.get_by_role("alert")).to_contain_text("第 3 行")
    expect(waiting).to_have_text("3")
    place = next(iter(school.registry.places))[1]
    page.locator("textarea[name=csv]").fill(f"new/2,{place}")
    page.locator("form button[type=submit]").click()
    expect(waiting).to_have_text("2")
    page.get_by_label("忽略 shop 的原因").fill("隔壁商店")
    page.get_by_role("row", name="shop").get_by_role("button", name="忽略").click()
    expect(page.get_by_test_id("ignored")).to_contain_text("隔壁商店")
    expect(waiting).to_have_text("1")
    page.keyboard.press("l")
    expect(page.locator("h1")).to_contain_text("Unassigned devices")


def open_alarms(school: Any) -> list[Any]:
    """Return the open hazards of the school."""
    actor = school.people.account("admin").actor
    return list(school.dispatch.queries.hazards(actor, site="school-1", active=True, page=Rows()))


def test_comments_of_two_people_stand_in_the_timeline_of_the_alarm(school: Any, sign_in: SignIn) -> None:
    """The second one is read without a reload; letters in the text press no key; markup stays text."""
    school.detect(Phase.RAISE)
    page, other = sign_in("operator", language="en"), sign_in("fixer")
    (hazard,) = school.dispatch.queries.hazards(
        school.people.account("admin").actor, site="school-1", active=True, page=Rows()
    )
    for one, note in ((page, "a dust cloud, 1 2 3"), (other, HOSTILE)):
        one.goto(f"{school.url}/#/hazards/{hazard.id}")
        form = one.get_by_test_id("comment-form")
        form.locator("textarea").press_sequentially(note)
        form.get_by_role("button").click()
        expect(form.locator("textarea")).to_have_value("")
    expect(page.get_by_test_id("comment")).to_have_text([HOSTILE, "a dust cloud, 1 2 3"])
    expect(other.get_by_test_id("timeline")).to_contain_text("备注")
    assert page.title() != "owned"
    (present,) = school.dispatch.queries.hazards(
        school.people.account("admin").actor, site="school-1", active=True, page=Rows()
    )
    assert present.acknowledged_by is None


def test_accounting_balances_on_screen(sign_in: SignIn) -> None:
    """The page shows the received readings and the balance with its residual of 0."""
    page = sign_in("officer")
    page.keyboard.press("5")
    expect(page.get_by_test_id("received")).to_have_text("60")
    expect(page.get_by_test_id("stored")).to_have_text("60")
    expect(page.get_by_test_id("residual")).to_have_text("0")
    expect(page.get_by_text("账目平衡")).to_be_visible()


def test_accounts_of_devices_show_the_one_with_trouble(school: Any, sign_in: SignIn) -> None:
    """Only a device with duplicates is listed until the filter is off; the sums are those of the school."""
    ledger, smoke = Ledger(), school.catalog.find("school-1", "smoke-412").code
    for name, rows in (("unstored", 3), ("duplicate", 2), ("quarantined json", 1)):
        ledger.note(name, smoke, rows)
    ledger.note("stored", school.catalog.find("school-1", HOSTILE).code)
    counts = {Count("school-1", "campus", "received"): 4, Count("school-1", "campus", "stored"): 1}
    counts |= {Count("school-1", "campus", "duplicate"): 2, Count("school-1", "campus", "quarantined", "json"): 1}
    school.log.append(Sealed(empty_batch(), [Counts(counts), ledger.drain()]))
    page = sign_in("officer")
    page.keyboard.press("5")
    table = page.get_by_test_id("devices")
    expect(table.locator("tbody tr")).to_have_count(3)
    expect(table.locator("tbody tr").first).to_contain_text("smoke-412")
    expect(table.locator("tbody tr").first).to_contain_text("JSON")
    expect(table.locator("tbody tr").last).to_contain_text("64")
    table.get_by_role("checkbox").uncheck()
    expect(table.locator("tbody tr")).to_have_count(4)
    expect(table).to_contain_text(HOSTILE)


def test_page_whose_script_does_not_load_says_so_and_tries_again(school: Any, sign_in: SignIn) -> None:
    """Without its file the page has a message in place of an empty screen, and appears once the file arrives."""
    page = sign_in("operator", language="en")
    page.route("**/assets/SensorList-*.js", lambda route: route.abort())
    page.goto(f"{school.url}/#/sensors")
    expect(page.get_by_test_id("not-loaded")).to_contain_text("did not load")
    page.unroute("**/assets/SensorList-*.js")
    expect(page.get_by_text("smoke-412").first).to_be_visible()
    expect(page.get_by_test_id("not-loaded")).to_have_count(0)
