"""Dangers without a sensor: report by a QR sign on a phone, and the list that needs the officer."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_accessibility import AXE, RUN

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]


def test_a_visitor_reports_by_phone_and_the_officer_sees_it(school: Any, sign_in: SignIn, browser: Browser) -> None:
    """No account: form, photo, receipt, state; the officer finds it under "needs you" with its photo."""
    code = school.dispatch.place_codes.make("school-1", "room-412")
    phone = browser.new_context(viewport={"width": 390, "height": 780}, locale="zh-CN").new_page()
    phone.goto(f"{school.url}/#/report/{code}")
    expect(phone.get_by_role("heading")).to_have_text("发现隐患？立即上报")
    expect(phone.get_by_text("3号宿舍412室")).to_be_visible()
    if AXE.exists():
        phone.evaluate(AXE.read_text(encoding="utf-8"))
        assert phone.evaluate(RUN) == []
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.locator("select[name=kind]").select_option("exit_blocked")
    phone.locator("textarea").fill("门被锁住 13800138000")
    output = io.BytesIO()
    Image.new("RGB", (640, 480), "green").save(output, "JPEG")
    photo = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": output.getvalue()}
    phone.locator("input[name=photo]").set_input_files(photo)  # type: ignore[arg-type]
    phone.locator("button[type=submit]").click()
    expect(phone.get_by_test_id("receipt")).to_be_visible()
    phone.get_by_role("link", name="整改进度").click()
    expect(phone.get_by_test_id("report-state")).to_contain_text("发现")
    phone.context.close()

    officer = sign_in("officer")
    officer.goto(f"{school.url}/#/dangers")
    row = officer.get_by_test_id("danger").filter(has_text="门被锁住 ***")
    expect(row).to_contain_text("上报")
    row.get_by_role("link").click()
    expect(officer.get_by_test_id("closure")).to_contain_text("已上传整改后照片")
    expect(officer.locator("img[src^='api/v1/photos/']")).to_be_visible()
    officer.locator("button[data-action=register]").click()
    expect(officer.get_by_test_id("state")).to_have_attribute("data-state", "registered")


def test_an_officer_adds_a_danger_and_a_foreign_sign_opens_no_form(school: Any, sign_in: SignIn) -> None:
    """The form leads to the graded ticket; a changed code has a message."""
    page = sign_in("officer", language="en")
    page.goto(f"{school.url}/#/dangers/new")
    page.locator("select[name=place]").select_option("room-412")
    page.locator("select[name=kind]").select_option("building")
    page.locator("textarea").fill("railing loose")
    page.locator("button[type=submit]").click()
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "graded")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Dormitory 3, room 412: Building, wall or railing damaged")
    expect(page.get_by_text("railing loose").first).to_be_visible()
    page.goto(f"{school.url}/#/report/AAAA")
    expect(page.get_by_role("alert")).to_contain_text("not valid")
