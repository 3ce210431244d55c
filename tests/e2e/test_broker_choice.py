"""Choice of a broker on screen: the former one returns after a failure within the trial."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest

from tests.processes.ports import free_port
from tests.processes.servers import Mosquitto
from tests.processes.service import ENVIRONMENT, PASSWORD, sign_in, twinward
from tests.processes.waiting import until
from twinward.settings import SETTINGS_FILE

START_S = 240


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Mosquitto]:
    """Return another broker, which runs."""
    folder = tmp_path / "second"
    folder.mkdir()
    broker = Mosquitto(folder)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """Start the service on an empty folder, without a configuration file; return its address."""
    port = free_port()
    own = {"TWINWARD_DATA_DIR": str(tmp_path / "data"), "TWINWARD_HTTP_PORT": str(port)}
    environ = ENVIRONMENT | own | {"TWINWARD_ADMIN_PASSWORD": PASSWORD}
    with (tmp_path / "service.log").open("wb") as log:
        process = subprocess.Popen(twinward("run"), stdout=log, stderr=log, env=environ, cwd=tmp_path)
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        assert process.wait(60) == 0


def publish(broker: Mosquitto) -> None:
    """Send one reading."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish("campus/school-1/water/pipe", b'{"pressure": 0.3}', qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def state(admin: httpx.Client) -> dict[str, Any]:
    """Return the state of the broker; {} while the service starts again."""
    try:
        answer = admin.get("/setup")
        found: dict[str, Any] = answer.json()["broker"] if answer.status_code == httpx.codes.OK else {}
    except httpx.TransportError:
        return {}
    return found


def connected(admin: httpx.Client, broker: Mosquitto) -> dict[str, Any] | None:
    """Return the state while the service is connected to this broker."""
    found = state(admin)
    return found if found.get("url") == broker.url and found.get("connected") else None


@pytest.mark.broker
def test_a_broker_that_ends_within_its_trial_is_given_up(
    mosquitto: Any, second: Mosquitto, service: str, tmp_path: Path
) -> None:
    """The former broker returns, its waiting readings arrive, the reason is on screen and in the audit."""
    until(lambda: _answers(service), timeout_s=START_S, what="the service")
    admin = sign_in(service, "admin", PASSWORD)
    chosen = {"embedded": False, "url": mosquitto.url}
    assert admin.put("/setup/broker", json=chosen).json() == {"problem": ""}
    until(lambda: connected(admin, mosquitto), timeout_s=START_S, what="a session with the first broker")
    settings = (tmp_path / "data" / SETTINGS_FILE).read_text("utf-8")
    absent = {"embedded": False, "url": f"mqtt://127.0.0.1:{free_port()}"}
    assert admin.put("/setup/broker", json=absent).json()["problem"]  # not stored: no trial
    assert admin.put("/setup/broker", json={"embedded": False, "url": second.url}).json() == {"problem": ""}
    second.kill()
    publish(mosquitto)  # waits in the session of the former broker
    found = until(
        lambda: (now := connected(admin, mosquitto)) and now["fault"] and now,
        timeout_s=START_S,
        what="the former broker",
    )
    assert "45 s" in found["fault"]
    assert (tmp_path / "data" / SETTINGS_FILE).read_text("utf-8") == settings
    until(lambda: admin.get("/sensors").json()["items"], timeout_s=60, what="the reading that waited")
    kinds = [one["kind"] for one in admin.get("/audit", params={"limit": 100}).json()["items"]]
    assert kinds.count("setup.broker_chosen") == 2
    assert kinds.count("setup.broker_given_up") == 1


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
