"""Twelve tabs of a display on a real service: alarms, a frozen service, a frozen tab, revocation."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.broker]

TABS = 12
IDLE_S = 3600
"""Time without an alarm before the first one, in the long form."""
CAMPUS = '[[site]]\nid = "school-1"\nname_zh = "青竹实验学校"\nname_en = "Qingzhu School"\nsize_m = [200, 120]\n'
CALM, COVER = "text=当前没有险情", "[data-testid=cover]"
BAR = "[data-testid=incident], [data-testid=alarm-bar]"
"""Alarms on the wall, which a display opens, and on every other page."""


@pytest.fixture
def publish(mosquitto: Any) -> Iterator[Any]:
    """Return a function that publishes smoke or a quiet reading of one sensor."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()

    def send(sensor: str, payload: bytes = b'{"smoke": true}') -> None:
        client.publish(f"campus/school-1/smoke/{sensor}", payload, qos=1).wait_for_publish(5)

    yield send
    client.disconnect()
    client.loop_stop()


def open_tabs(browser: Browser, address: str) -> list[Page]:
    """Return twelve pages of one browser; the first opens the address of the display."""
    context = browser.new_context(viewport={"width": 800, "height": 600}, locale="zh-CN")
    context.set_default_timeout(30_000)
    pages = [context.new_page() for _ in range(TABS)]
    pages[0].goto(address)
    expect(pages[0].locator(CALM)).to_be_visible()
    assert pages[0].url.endswith("#/wall")  # the code is not left in the address
    for page in pages[1:]:
        page.goto(address.partition("#")[0])
    return pages


def test_twelve_tabs_show_the_present_or_are_covered(
    mosquitto: Any, make_service: Any, browser: Browser, publish: Any, request: pytest.FixtureRequest
) -> None:
    """All tabs share one stream; each follows alarms, a frozen service, its own freeze, and the end of the display."""
    service = make_service(mosquitto.url, campus=CAMPUS)
    service.start()
    admin = service.client()
    made = admin.post("/displays", json={"site": "school-1", "name": "wall"}).json()
    publish("dorm-1", b'{"smoke": false}')
    pages = open_tabs(browser, f"{service.url}/#/display/{made['code']}")
    for page in pages:
        expect(page.locator(CALM)).to_be_visible(timeout=30_000)
    if request.config.getoption("--long"):
        stay_idle(pages, publish)
    publish("dorm-1")
    for page in pages:
        expect(page.locator(BAR).filter(has_text="dorm-1")).to_be_visible(timeout=10_000)

    frozen = pages[0].context.new_cdp_session(pages[0])
    frozen.send("Page.setWebLifecycleState", {"state": "frozen"})
    publish("dorm-2")
    expect(pages[1].locator(BAR).filter(has_text="dorm-2")).to_be_visible(timeout=40_000)
    frozen.send("Page.setWebLifecycleState", {"state": "active"})
    expect(pages[0].locator(BAR).filter(has_text="dorm-2")).to_be_visible(timeout=2_000)

    service.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    for page in pages:
        expect(page.locator(COVER)).to_contain_text("起非实时", timeout=10_000)
    assert time.monotonic() - stopped < 10
    service.signal(signal.SIGCONT)
    for page in pages:  # twelve tabs read everything again
        expect(page.locator(COVER)).to_have_count(0, timeout=60_000)

    again = service.client()  # an hour ends the first session
    assert again.delete(f"/displays/{made['id']}").status_code == 204
    for page in pages:
        expect(page.locator(COVER)).to_contain_text("请登录", timeout=5_000)
    pages[0].context.close()


def stay_idle(pages: list[Page], publish: Any) -> None:
    """Let the school be quiet for an hour; every tab stays live, without a cover."""
    end_s = time.monotonic() + IDLE_S
    while time.monotonic() < end_s:
        publish("dorm-1", b'{"smoke": false}')
        for page in pages:
            expect(page.locator(COVER)).to_have_count(0)
            expect(page.locator(CALM)).to_be_visible()
        pages[0].wait_for_timeout(20_000)
