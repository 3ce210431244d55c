"""Watchdog: each stalled stage stops the dead-man signal and covers the wall within its bound."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

import alerts.notices.outbox
from alerts.api import HttpSettings
from alerts.notices.channels import NotifySettings
from alerts.notices.watchdog import MISSED
from ingest.mqtt import MqttSettings
from tests.browser.conftest import browser  # noqa: F401 - a fixture
from tests.processes import PASSWORD, Mosquitto, until
from twinward.service import Service
from twinward.settings import Settings
from twinward.standby import self_monitor

pytestmark = [pytest.mark.broker, pytest.mark.browser]

EVERY_S = 1.0
BOUND_S = MISSED * EVERY_S + 3  # the reading, the debounce of a fault, and a machine with other work
PROBE_S = 5.0
"""A probe in flight counts as returned for this time, after which a broker or an intake is known to stall."""
COVER_MS = 15_000
SITE = "school-1"
STALLED = ("intake", "log", "detect_urgent", "alert_urgent", "outbox")
CAMPUS = f'[[site]]\nid = "{SITE}"\nname_en = "Qingzhu School"\nsize_m = [200, 120]\n'


class Monitor(ThreadingHTTPServer):
    """A monitor outside that counts the pings."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pinged)
        self.pings: list[float] = []


class Pinged(BaseHTTPRequestHandler):
    """Accepts every ping."""

    server: Monitor

    def do_GET(self) -> None:
        """Record the time of a ping."""
        self.server.pings.append(time.monotonic())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@dataclass
class Running:
    """A service with its broker, its monitor outside, and a wall."""

    service: Any
    broker: Any
    monitor: Monitor
    wall: Page
    resumed: threading.Event = field(default_factory=threading.Event)

    def passes(self) -> bool:
        """Return whether synthetic alarms pass now."""
        return bool(self.service._watchdog.passes())

    def until(self, *, passes: bool, timeout_s: float) -> float:
        """Wait for that state; return the seconds."""
        begun_s = time.monotonic()
        while self.passes() != passes:
            assert time.monotonic() - begun_s < timeout_s, f"alarms pass: {not passes}"
            time.sleep(0.02)
        return time.monotonic() - begun_s

    def noticed(self, *, within_s: float) -> None:
        """Check that alarms stop within the bound, that the wall is covered, and that no ping follows."""
        assert self.until(passes=False, timeout_s=2 * within_s) <= within_s
        expect(self.wall.get_by_test_id("cover")).to_be_visible(timeout=COVER_MS)
        stopped = len(self.monitor.pings)
        self.wall.wait_for_timeout(2_000 * EVERY_S)
        assert len(self.monitor.pings) == stopped

    def recovered(self) -> None:
        """Check that alarms and pings return, and that the wall shows the present."""
        before = len(self.monitor.pings)
        self.until(passes=True, timeout_s=30)
        expect(self.wall.get_by_test_id("cover")).to_be_hidden(timeout=3 * COVER_MS)
        until(lambda: len(self.monitor.pings) > before, timeout_s=10, what="a ping")

    def hang(self, *_: Any, **__: Any) -> int:
        """Return only after the end of the test, as work that hangs without an error."""
        self.resumed.wait(60)
        return 0


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A broker for the tests of this module."""
    broker = Mosquitto(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def monitor() -> Iterator[Monitor]:
    """A running monitor outside."""
    server = Monitor()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, run_twinward: Any, module_broker: Any, monitor: Monitor
) -> Iterator[Service]:
    """A service in this process, with an interval of one second and a monitor outside."""
    folder = tmp_path_factory.mktemp("watchdog")
    pings, campus = folder / "monitors", folder / "campus.toml"
    pings.write_text(f"ping http://127.0.0.1:{monitor.server_port}/ping\n", "utf-8")
    pings.chmod(0o600)
    campus.write_text(CAMPUS, "utf-8")
    with pytest.MonkeyPatch.context() as patch:  # one fault in each test: they do not flap
        patch.setattr(self_monitor, "CALM_S", 1.0)
        patch.setattr(self_monitor, "RELAPSE_S", 0.0)
        yield from served(folder, module_broker.url, run_twinward.free_port())


def served(folder: Path, broker_url: str, port: int) -> Iterator[Service]:
    """Run the service of a folder."""
    running = Service(
        Settings(
            data_dir=folder / "data",
            campus=folder / "campus.toml",
            mqtt=MqttSettings(url=broker_url),
            http=HttpSettings(port=port),
            notify=NotifySettings(watchdog_s=EVERY_S, dead_man_file=folder / "monitors", allow_private=True),
        )
    )
    running.start()
    running.serve()
    running.people.create("operator", PASSWORD, roles=["operator"], sites=[SITE])
    yield running
    running.stop()


@pytest.fixture(scope="module")
def running(service: Service, module_broker: Any, monitor: Monitor, browser: Browser) -> Iterator[Running]:  # noqa: F811
    """The service with a wall that shows the present."""
    context = browser.new_context(viewport={"width": 1600, "height": 900}, locale="en-GB")
    wall = context.new_page()
    wall.goto(f"http://127.0.0.1:{service.settings.http.port}")
    wall.fill("input[name=username]", "operator")
    wall.fill("input[name=password]", PASSWORD)
    wall.keyboard.press("Enter")
    wall.wait_for_selector("nav")
    wall.goto(f"http://127.0.0.1:{service.settings.http.port}/#/wall")
    found = Running(service, module_broker, monitor, wall)
    found.until(passes=True, timeout_s=60)
    expect(wall.get_by_test_id("cover")).to_be_hidden(timeout=COVER_MS)
    yield found
    context.close()


def work_of(service: Any, stage: str) -> tuple[Any, str]:
    """Return object and method in which the stage does its work."""
    if stage == "intake":
        return service._subscriber, "_turn"
    if stage == "log":
        return service._subscriber, "_sink"
    if stage == "outbox":
        return service._outbox, "deliver_due"
    return next(pump for pump in service._pumps if pump.name == stage)._stage, "process"


def test_a_frozen_broker_stops_the_alarms(running: Running) -> None:
    """Alarms and pings stop within the bound, the wall says so, and all of it ends with the broker's return."""
    os.kill(running.broker.pid, signal.SIGSTOP)
    try:
        running.noticed(within_s=BOUND_S + PROBE_S)
    finally:
        os.kill(running.broker.pid, signal.SIGCONT)
    running.recovered()


@pytest.mark.parametrize("stage", STALLED)
def test_a_stage_that_hangs_stops_the_alarms(running: Running, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage hangs in its work, without any error; the alarms of a service that works again pass."""
    owner, name = work_of(running.service, stage)
    work, running.resumed = getattr(owner, name), threading.Event()

    def stalling(*arguments: Any, **options: Any) -> Any:
        running.hang()
        return work(*arguments, **options)

    monkeypatch.setattr(owner, name, stalling)
    try:
        running.noticed(within_s=BOUND_S)
    finally:
        running.resumed.set()
        monkeypatch.undo()
    running.recovered()


def test_an_outbox_that_does_nothing_is_a_red_fault(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last station returns without work: the fault names the path of alarms."""
    monkeypatch.setattr(running.service._outbox, "deliver_due", lambda *_: 0)
    running.noticed(within_s=BOUND_S)
    assert "alarm_path" in {fault.part for fault in running.service._standby.faults}
    monkeypatch.undo()
    running.recovered()


def test_a_worker_of_another_channel_that_hangs_stops_the_signal(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Synthetic alarms still pass by their own channel; the fault of the outbox covers the wall and stops the pings."""
    monkeypatch.setattr(alerts.notices.outbox, "STALLED_S", 1.5)
    deliver, running.resumed = running.service._outbox.deliver_due, threading.Event()
    monkeypatch.setattr(
        running.service._outbox,
        "deliver_due",
        lambda now_ns, channel: deliver(now_ns, channel) if channel else running.hang(),
    )
    try:
        expect(running.wall.get_by_test_id("cover")).to_be_visible(timeout=COVER_MS)
        assert running.passes()
        assert "outbox" in {fault.part for fault in running.service._standby.faults}
        stopped = len(running.monitor.pings)
        running.wall.wait_for_timeout(2_000 * EVERY_S)
        assert len(running.monitor.pings) == stopped
    finally:
        running.resumed.set()
        monkeypatch.undo()
    running.recovered()
