"""First set-up in the browser: from an empty folder to the first reading of a device."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Browser, Page, expect

from twinward.broker import find_mosquitto

pytestmark = pytest.mark.browser

PASSWORD = "a long enough password"
START_S = 240


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Start `twinward run` on an empty folder; return its first line."""
    environ = os.environ | {"TWINWARD_DATA_DIR": str(tmp_path / "data"), "TWINWARD_HTTP_PORT": str(free_port())}
    command = [str(Path(sys.executable).with_name("twinward")), "run", "--json"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        timer = threading.Timer(START_S, process.kill)
        timer.start()
        assert process.stdout is not None
        line = process.stdout.readline()
        timer.cancel()
        yield json.loads(line) | {"folder": tmp_path / "data"}
        process.terminate()


def publish(url: str, username: str, password: str, topic: str) -> None:
    """Send one reading as the device; returns once the broker has it."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(username, password)
    host, port = url.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.loop_start()
    client.publish(topic, json.dumps({"smoke_density": 0.013}), qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


@pytest.mark.skipif(find_mosquitto() is None, reason="needs Mosquitto")
def test_a_school_is_set_up_on_screen(service: dict[str, Any], browser: Browser) -> None:
    """Administrator, school, built-in broker, device account, first message, room, plan."""
    link = service["note"].split()[1]
    folder: Path = service["folder"]
    assert (folder / "setup-link.txt").stat().st_mode & 0o777 == 0o600
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    context.add_init_script("localStorage.setItem('twinward.language', 'en')")
    page: Page = context.new_page()
    page.goto(link.rsplit("/", 1)[0] + "/wrong-code")
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto(link)
    page.reload()
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.fill("input[name=school]", "Qingzhu School")
    shot(page, "school")
    page.get_by_role("button", name="Continue").click()
    page.fill("input[name=port]", str(free_port()))
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("status")).to_have_text("The test succeeded")
    shot(page, "broker")
    page.get_by_role("button", name="Save and restart the service").click()
    page.get_by_role("button", name="Create its account").click(timeout=START_S * 1_000)
    password = page.get_by_test_id("device-password").inner_text()
    url, username, *_, topic, _message = page.get_by_test_id("account").locator("code").all_inner_texts()
    publish(url, username, password, topic)
    first = page.get_by_test_id("first-message")
    expect(first).to_contain_text("smoke-1", timeout=30_000)
    expect(first).to_contain_text("0.013")
    page.fill("input[name=room]", "Room 302")
    shot(page, "device")
    first.get_by_role("button").click()
    expect(first).to_contain_text("smoke-1 is placed in Room 302")
    first.get_by_role("button", name="Continue").click()
    expect(page.get_by_test_id("plan-surface")).to_be_visible()
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_test_id("plan-canvas")).to_have_attribute("data-drawn", "hazard 0 drill 0 all 1", timeout=30_000)
    assert "embedded = true" in (folder / "twinward.toml").read_text()
    assert not (folder / "setup-link.txt").exists()
    context.close()


def shot(page: Page, name: str) -> None:
    """Take a picture if a folder for pictures is given."""
    if folder := os.environ.get("PLAN_PICTURES"):
        page.screenshot(path=Path(folder, f"setup-{name}.png"), full_page=True)
