"""A night shift at 60 times speed: a smouldering fire from early finding to handover, with a kill.

A real service, broker and browser; the roster, the phones and the clock are of this test. The kill falls between the
page and its acknowledgement. Until the server is back, the clock runs at real speed: 60 times would make an hour of it.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from simulators import build_campus, campus_toml
from simulators.play.live import LivePlay
from simulators.scenarios.scenario import read_scenario
from tests.processes import PASSWORD, until
from tests.processes.fast import FastClock, FastService

pytestmark = [pytest.mark.browser, pytest.mark.broker]

SPEED = 60
SECOND_NS = 1_000_000_000
BEGIN = datetime.fromisoformat("2026-11-03T02:03:00+08:00")
ONSET = datetime.fromisoformat("2026-11-03T01:48:20+08:00")
GLOW_S = 545 * 4.22
"""Seconds from the onset to a smoke of 0.15 dB/m (3.4 %/m) in the room: tau * ln(3.4 / 0.05)."""
TAKEN = datetime.fromisoformat("2026-11-03T02:11:20+08:00")
KILL = datetime.fromisoformat("2026-11-03T02:10:00+08:00")
SCENARIO = """
id = "night"
name_zh = "夜班"
name_en = "Night shift"
text_zh = "一间宿舍阴燃。"
text_en = "A dormitory room smoulders."
rule = "harm_at is the first moment at which the room's smoke passes 0.3 dB/m"
start = "2026-11-03T02:03:00+08:00"
duration_s = 7200
history_s = 3600
[[effect]]
model = "smoulder"
zone = "dormitory"
at_s = {at_s}
tau_s = [545, 546]
cap_percent_m = 15
burns_s = 20000
co_lead_s = [200, 201]
neighbour_s = [300, 301]
neighbour_share = 0.2
"""
PERSONS = ("zhou", "li", "wang")
ROSTER: dict[str, Any] = {
    "person": [
        {"id": name, "name_zh": zh, "account": account, "contacts": {"app": channel}}
        for name, zh, account, channel in (
            ("zhou", "值班员周", "operator", "people-1"),
            ("li", "宿管李", "", "people-2"),
            ("wang", "副安全员王", "", "people-3"),
        )
    ],
    "post": [{"id": "room"}, {"id": "dorm", "name_zh": "宿舍值班", "deputies": ["wang"]}],
    "shift": [
        {"post": "room", "begin": "00:00", "end": "00:00", "persons": ["zhou"]},
        {"post": "dorm", "begin": "00:00", "end": "00:00", "persons": ["li"]},
    ],
    "chain": [
        {
            "id": "fire", "kinds": ["fire"], "verify_posts": ["dorm"], "confirm_s": 240,
            "steps": [{"wait_s": 1200, "posts": ["room", "dorm"]}, {"wait_s": 1200, "deputies": ["dorm"]}],
        }
    ],
}  # fmt: skip


@dataclass
class Phones:
    """Phones of the persons: each message with its real arrival time."""

    got: list[tuple[str, float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                got.append((self.path.strip("/"), time.monotonic(), f"{body['title']}\n{body['message']}"))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def of(self, name: str, text: str = "") -> list[str]:
        """Return the messages to a person that contain a text; none of the service about itself, no orders."""
        mine = [message for who, _, message in self.got if who == name and text in message]
        return [message for message in mine if not any(word in message for word in ("预警系统自身", "紧急疏散"))]

    def got_order(self, name: str) -> list[str]:
        """Return the orders to a person."""
        return [message for who, _, message in self.got if who == name and "紧急疏散" in message]


@pytest.fixture
def phones() -> Iterator[Phones]:
    """Return running phones."""
    made = Phones()
    yield made
    made.server.shutdown()
    made.server.server_close()


@dataclass
class Night:
    """The running night. clock: of service and simulator."""

    clock: FastClock
    service: FastService
    play: LivePlay
    phones: Phones


@pytest.fixture
def night(tmp_path: Path, mosquitto: Any, phones: Phones) -> Iterator[Night]:
    """Return a running night, whose clock shows the begin once the service is ready and the history is sent."""
    campus = build_campus(sensors=60, seed=3)
    people = tmp_path / "people"
    people.touch(mode=0o600)
    port = phones.server.server_address[1]
    people.write_text("".join(f"json://127.0.0.1:{port}/{name}\n" for name in PERSONS))
    extra = f'[notify]\napprise_file = "{people}"\nlink_url = "https://alarm.school.example"\n'
    service = FastService(tmp_path, mosquitto.url, campus=campus_toml(campus), extra=extra)
    begin_ns = int(BEGIN.timestamp()) * SECOND_NS
    service.clock_file = tmp_path / "clock"
    clock = FastClock(service.clock_file, begin_ns)
    service.start()
    admin = service.client()
    for name in ("operator", "operator2"):
        account = {"username": name, "password": PASSWORD, "roles": ["operator"], "sites": ["school-1"]}
        assert admin.post("/users", json=account).status_code == 201
    written = admin.put("/rosters/school-1", json=ROSTER, headers={"If-None-Match": "*"})
    assert written.is_success, written.text
    text = SCENARIO.format(at_s=ONSET.timestamp() - clock() / 1e9)
    scenario = read_scenario(tomllib.loads(text), source="night", text=text)
    play = LivePlay(campus, scenario, mosquitto.url, speed=SPEED, clock_ms=lambda: clock() / 1e6)
    play.start()
    assert play.live.wait(60)
    until(lambda: _stored(admin), timeout_s=60, what="the history is stored")
    clock.run(SPEED)
    yield Night(clock, service, play, phones)
    play.stop()
    service.end()


def _stored(client: httpx.Client) -> bool:
    """Return whether the service has stored the history."""
    account = client.get("/accounting").json()
    return bool(account["total"]["stored"] > HISTORY_MIN and account["lag"]["store"] == 0)


HISTORY_MIN = 15_000
"""Readings of the history at least."""


def sign_in(browser: Browser, url: str, username: str) -> Page:
    """Return the live wall of a person."""
    page = browser.new_context(viewport={"width": 1600, "height": 900}).new_page()
    page.add_init_script("localStorage.setItem('twinward.language', 'en')")
    page.set_default_timeout(30_000)
    page.goto(url)
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("nav")
    page.goto(f"{url}/#/wall")
    return page


def local(time_ns: float) -> str:
    """Return a time of the night as people read it."""
    return datetime.fromtimestamp(time_ns / 1e9, BEGIN.tzinfo).strftime("%H:%M:%S")


def test_a_night_shift_from_the_early_finding_to_the_handover(
    night: Night, browser: Browser, record_property: Callable[[str, Any], None]
) -> None:
    """One incident, nothing lost or repeated by a kill; acknowledgement, deputy, order, timeline, handover."""
    service, phones, clock = night.service, night.phones, night.clock
    wall = sign_in(browser, service.url, "operator")
    wait = lambda seconds: wall.wait_for_timeout(1000 * seconds)  # noqa: E731 - the page goes on meanwhile
    card = wall.get_by_test_id("incident")
    expect(card).to_have_count(1, timeout=30_000)
    admin = service.client()
    (found,) = [one for one in admin.get("/hazards").json()["items"] if _is_fire(one)]
    at = found["opened_at"]
    found_ns = datetime.fromisoformat(at).timestamp() * 1e9
    limit_ns = (ONSET.timestamp() + GLOW_S) * 1e9
    record_property("finding", local(found_ns))
    assert limit_ns - found_ns >= 600e9, (local(found_ns), local(limit_ns))
    until(lambda: phones.of("li", "look at the place"), timeout_s=20, what="the request to look")
    until(lambda: phones.of("zhou"), timeout_s=30, what="the page")
    clock.wait_until(int(KILL.timestamp()) * SECOND_NS, meanwhile=wait)
    paged = {name: phones.of(name) for name in PERSONS}
    clock.run(1)
    service.kill()
    # before the new start: a service that is soon back leaves no time for the cover
    expect(wall.get_by_test_id("cover")).to_be_visible(timeout=10_000)
    service.spawn()
    until(service.ready, timeout_s=90, what="ready after the kill")
    expect(wall.get_by_test_id("cover")).to_have_count(0, timeout=20_000)
    expect(card).to_have_count(1)
    wait(2)
    assert {name: phones.of(name) for name in PERSONS} == paged, "a page was lost or repeated"
    clock.wait_until(int(TAKEN.timestamp()) * SECOND_NS, meanwhile=wait)
    wall.keyboard.press("a")
    expect(card).to_contain_text("Taken by operator")
    taken_s, before = time.monotonic(), len(phones.got)
    (link,) = re.findall(r"/take/(\S+)", phones.of("li", "take the alarm")[0])
    accepted = httpx.post(f"{service.url}/api/v1/links/{link}", json={"person": "li", "action": "take"})
    assert accepted.json()["reason"] == "held", accepted.text
    clock.run(SPEED)
    until(lambda: phones.of("wang"), timeout_s=20, what="the deputy")  # nobody has confirmed
    late = [text for who, at, text in phones.got[before:] if who != "wang" and at > taken_s + 2]
    assert not [text for text in late if "taken by" not in text], late
    _confirmed(wall, phones)
    assert len(phones.of("zhou")) <= 3, phones.of("zhou")
    hand_over(wall, sign_in(browser, service.url, "operator2"), service.url)
    (fire,) = [
        one for one in service.client().get("/hazards", params={"state": "all"}).json()["items"] if _is_fire(one)
    ]
    assert fire["id"] == found["id"]
    assert service.stop() == 0
    for chain in ("log", "audit"):
        status, report = service.verify(chain)
        assert (status, report["ok"]) == (0, True), report


def _confirmed(wall: Page, phones: Phones) -> None:
    """Confirm the alarm, call the fire line, order the evacuation: keys 1, 2, 3, 3; then read the page of the alarm."""
    card = wall.get_by_test_id("incident")
    expect(card).to_contain_text("Unacknowledged")
    wall.keyboard.press("1")
    expect(card).to_contain_text("Taken by operator")
    wall.keyboard.press("2")
    wall.keyboard.press("3")
    wall.keyboard.press("3")
    expect(wall.get_by_test_id("order-bar")).to_contain_text("Evacuation: Dormitory")
    until(lambda: phones.got_order("li"), timeout_s=10, what="the order")
    wall.get_by_test_id("incident").get_by_role("link").click()
    expect(wall.get_by_test_id("call-script")).to_contain_text("floor")
    timeline = wall.get_by_test_id("timeline")
    for word in (
        "Asked to look",
        "Acknowledged",
        "Not confirmed",
        "Confirmed",
        "Fire line called",
        "Evacuation ordered",
    ):
        expect(timeline).to_contain_text(word)


def hand_over(wall: Page, second: Page, url: str) -> None:
    """Sign the sheet of the shift, and let the second person take over."""
    wall.goto(f"{url}/#/handover")
    sheet = wall.get_by_test_id("sheet")
    expect(sheet).to_contain_text("Dormitory")
    expect(sheet).to_contain_text("Evacuation ordered")
    wall.get_by_test_id("give").click()
    second.goto(f"{url}/#/handover")
    second.get_by_test_id("take").click()
    expect(second.get_by_test_id("last")).to_contain_text("operator to operator2")


def _is_fire(hazard: dict[str, Any]) -> bool:
    return bool(hazard["kind"] == "fire")
