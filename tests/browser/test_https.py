"""Sign-in over TLS with a one-time code, and a display, in Chromium on a real service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.people.one_time_codes import STEP_S, code
from twinward.commands.certificate import make_certificate

pytestmark = [pytest.mark.browser, pytest.mark.broker]

CAMPUS = '[[site]]\nid = "school-1"\nname_zh = "青竹实验学校"\nname_en = "Qingzhu School"\nsize_m = [200, 120]\n'
CALM = "text=No open hazards"


@pytest.fixture
def service(tmp_path: Path, make_service: Any, mosquitto: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a running service with HTTPS, whose administrators need a one-time code."""
    made = make_certificate(["127.0.0.1"], folder=tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", made["authority"])
    extra = f'certificate = "{made["certificate"]}"\nkey = "{made["key"]}"\n[people]\nsecond_factor = ["admin"]\n'
    running = make_service(mosquitto.url, campus=CAMPUS, extra=extra)
    running.url = running.url.replace("http:", "https:")
    running.start()
    yield running
    running.stop()


def opened(browser: Browser, address: str) -> Page:
    """Return a page of a new browser profile that accepts the school's own authority."""
    context = browser.new_context(ignore_https_errors=True, locale="en-GB")
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(address)
    return page


def sign_in(page: Page, service: Any) -> None:
    """Enter the administrator's password, enrol an authenticator, and continue past the recovery codes."""
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(service.environment["TWINWARD_ADMIN_PASSWORD"])
    page.get_by_role("button", name="Sign in").click()
    secret = page.locator("form code").inner_text()
    page.locator("input[name=code]").fill(code(secret, int(time.time()) // STEP_S))
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-testid=recovery] li")).not_to_have_count(0)
    page.locator("[data-testid=recovery] button").click()


def test_an_administrator_signs_in_and_makes_a_display(service: Any, browser: Browser) -> None:
    """The session cookie is Secure, HttpOnly and SameSite=Strict; the display shows its school without a person."""
    page = opened(browser, service.url)
    sign_in(page, service)
    expect(page.locator(CALM)).to_be_visible()
    cookies = [cookie for cookie in page.context.cookies() if cookie["httpOnly"]]
    assert cookies
    assert all(cookie["secure"] and cookie["sameSite"] == "Strict" for cookie in page.context.cookies())
    kept = page.evaluate("JSON.stringify([sessionStorage, localStorage, document.cookie])")
    assert all(cookie["value"] not in kept for cookie in cookies)
    page.goto(f"{service.url}/#/displays")
    page.locator("input[name=name]").fill("gatehouse")
    page.locator("form button[type=submit]").click()
    address = page.locator("[data-testid=display-code] code").inner_text()
    wall = opened(browser, address)
    expect(wall.locator(CALM)).to_be_visible()
    expect(wall.locator("text=Qingzhu School").first).to_be_visible()
    assert wall.url.endswith("#/wall")
    page.locator("[data-testid=display] button").click()
    expect(wall.locator("[data-testid=cover]")).to_be_visible(timeout=5_000)
    for one in (page, wall):
        one.context.close()
