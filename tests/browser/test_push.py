"""Web Push in the console: a browser registers, shows an alarm, and leaves at the sign-out.

Chromium has no push service here. A script stands for its subscription, with real keys, and the test delivers the
message that it decrypted to the service worker.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from alerts import Notice
from alerts.notices.channels import connect
from alerts.notices.channels.web_push import WebPushChannel, WebPushSettings
from tests.alerts.notices.channels.browsers import Browser
from tests.alerts.notices.channels.conftest import BODY, HttpPeer, serving
from tests.browser.conftest import PASSWORD, School

pytestmark = pytest.mark.browser

SUBSCRIBE = """
PushManager.prototype.subscribe = async (options) => {
  window.applicationKey = options.applicationServerKey;
  const given = GIVEN;
  return { toJSON: () => ({ endpoint: given.endpoint, keys: given }) };
};
"""


@pytest.fixture
def push_service() -> Iterator[HttpPeer]:
    """Run a server that takes every message."""
    with serving() as server:
        server.answer = lambda *_: (201, b"")
        yield server


@pytest.fixture
def channel() -> WebPushChannel:
    """Return the channel of the school."""
    return WebPushChannel(WebPushSettings(name="push", contact="safety@school.example", allow_private=True))


@pytest.fixture
def school(tmp_path: Path, sqlite_template: bytes, channel: WebPushChannel) -> Iterator[School]:
    """Return a served school with Web Push."""
    served = School(tmp_path, sqlite_template, channels=[channel])
    connect([channel], served.dispatch.acknowledgements, served.people.push_devices)
    served.start()
    yield served
    served.stop()


def entered(browser: Chromium, school: School, subscription: Any) -> Page:
    """Return the page of the accounts in a browser that permits notifications and has this subscription."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, permissions=["notifications"])
    context.set_default_timeout(30_000)
    context.add_init_script(SUBSCRIBE.replace("GIVEN", json.dumps(subscription)))
    context.add_init_script("localStorage.setItem('twinward.language', 'en')")
    page = context.new_page()
    page.goto(school.url)
    page.fill("input[name=username]", "officer")
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.locator("nav a[href='#/accounts']").click()
    return page


def test_a_browser_receives_alarms_until_its_person_signs_out(
    browser: Chromium, school: School, channel: WebPushChannel, push_service: HttpPeer
) -> None:
    """Registration, encrypted message, notification of the service worker, and no message after the sign-out."""
    own, devices = Browser(push_service.url("/phone")), school.people.push_devices
    page = entered(browser, school, own.subscription())
    box = page.get_by_test_id("push")
    expect(box).to_contain_text("No browser of yours receives alarms.")
    box.locator("input[name=browser]").fill("duty phone")
    box.get_by_role("button", name="Receive alarms here").click()
    expect(box).to_contain_text("duty phone (this browser)")
    assert page.evaluate("window.applicationKey") == channel.application_key()
    body = BODY | {"to": {"address": "officer"}, "reply": {"link": "https://alarm.school.example/l/token"}}
    page_out = Notice.pending("msg_1", channel="push", type="hazard.opened", body=body, at_ns=time.time_ns())
    assert channel.deliver(page_out).delivered
    message = own.read(push_service.requests[0][2])
    assert shown(page, message, school.url) == [[message["title"], message["text"], message["alarm"]]]
    later = message | {"text": "cleared"}
    assert shown(page, later, school.url) == [[message["title"], "cleared", message["alarm"]]]
    page.reload()
    expect(page.get_by_test_id("push")).to_contain_text("duty phone (this browser)")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("input[name=username]")).to_be_visible()
    assert devices.of("officer") == ()
    assert not channel.deliver(page_out).delivered
    page.context.close()


def shown(page: Page, message: dict[str, Any], url: str) -> list[list[str]]:
    """Deliver a message to the service worker; return title, text and tag of the notifications that it then shows."""
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    session = page.context.new_cdp_session(page)
    found = list[str]()
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(one["registrationId"] for one in event["registrations"] if not one["isDeleted"]),
    )
    session.send("ServiceWorker.enable")
    deadline_s = time.monotonic() + 20
    while not found:
        assert time.monotonic() < deadline_s, "no registration of a service worker"
        page.wait_for_timeout(50)
    given = {"origin": url, "registrationId": found[-1], "data": json.dumps(message)}
    session.send("ServiceWorker.deliverPushMessage", given)
    read = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
        .map((one) => [one.title, one.body, one.tag])"""
    notifications: list[list[str]] = []
    while not any(one[1] == message["text"] for one in notifications):
        assert time.monotonic() < deadline_s, notifications
        page.wait_for_timeout(50)
        notifications = page.evaluate(read)
    session.detach()
    return notifications
