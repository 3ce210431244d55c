"""Accounts at the embedded broker, with a real service and a real Mosquitto."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest

SITE = "s1"
CAMPUS = f"""
[[site]]
id = "{SITE}"
name_zh = "学校"
name_en = "School"
"""
REFUSED = (134, 135)  # MQTT 5.0, 3.2.2.2: bad user name or password, not authorized


class Device:
    """A client of the broker with an account, or without one."""

    def __init__(self, port: int, name: str = "", password: str = "", *, client_id: str = "") -> None:
        self.reason: Any = None
        self.received: list[str] = []
        self.gone = threading.Event()
        self._answered = threading.Event()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        if name:
            self.client.username_pw_set(name, password)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.gone.set()
        self.client.on_message = lambda _client, _data, message: self.received.append(message.topic)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._answered.wait(10)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.reason = reason.value
        self._answered.set()

    def publish(self, sensor: str, number: int) -> None:
        """Publish a numbered reading at QoS 1 and wait for the broker's answer."""
        body = json.dumps({"seq": number, "level": number / 100})
        self.client.publish(f"campus/{SITE}/water/{sensor}", body, qos=1).wait_for_publish(5)

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


def refused(port: int, name: str = "", password: str = "") -> bool:
    """Return whether the broker refuses the account."""
    device = Device(port, name, password)
    device.close()
    return device.reason in REFUSED


@pytest.fixture
def secured(make_service: Any, free_port: Any) -> Iterator[tuple[Any, int]]:
    """A running service with an embedded broker, and the broker's port."""
    port = free_port()
    extra = f"[broker]\nembedded = true\nport = {port}\n[intake]\nstrict = true\n"
    service = make_service("mqtt://127.0.0.1:1", campus=CAMPUS, extra=extra)
    service.start()
    yield service, port
    assert service.stop() == 0


def devices(service: Any, run_twinward: Any, *arguments: str) -> dict[str, Any]:
    """Run `twinward devices` with these arguments; return its result."""
    command = [*run_twinward.command, "devices", *arguments, "--config", service.config, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=service.environment)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.broker
def test_a_device_speaks_for_itself_only(secured: Any, run_twinward: Any) -> None:
    """Anonymous, foreign topic, foreign subscription, the service's client id, old password, revoked account."""
    service, port = secured
    until = run_twinward.until
    added = {name: devices(service, run_twinward, "add", name, "--site", SITE) for name in ("a", "b")}
    assert all(row["broker"] == "the broker has read the accounts" for row in added.values())
    client = service.client()

    def stored(sensor: str) -> int:
        rows = client.get("/sensors", params={"site": SITE}).json()["items"]
        if sensor not in {row["id"] for row in rows}:
            return 0
        now_ms = time.time_ns() // 1_000_000
        window = {"from": now_ms - 3_600_000, "to": now_ms + 3_600_000}
        query = {"site": SITE, "sensor": sensor, "metric": "level", **window}
        return len(client.get("/readings", params=query).json()["points"])

    assert refused(port)  # anonymous
    assert refused(port, "a", added["b"]["password"])
    for n in range(100):  # Mosquitto 2.0.11 itself closes the connection after each denied message
        liar = Device(port, "b", added["b"]["password"])
        liar.client.on_publish = lambda client, *_: client.disconnect()
        liar.client.publish(f"campus/{SITE}/water/a", json.dumps({"seq": n, "level": 1}), qos=1)
        assert liar.gone.wait(5)
        liar.close()
    b = Device(port, "b", added["b"]["password"])
    b.client.subscribe([("#", 1), ("+/#", 1), ("$SYS/#", 1)])
    b.publish("b", 0)
    until(lambda: stored("b") == 1, timeout_s=10, what="reading of b")
    assert stored("a") == 0  # 0 of 100 arrived; a later reading of b, an unknown sensor of the site, did

    a = Device(port, "a", added["a"]["password"])
    reader = b
    for n in range(20):  # b asks for the client id of the service before each reading of a, and for every topic
        b = Device(port, "b", added["b"]["password"], client_id="twinward")
        b.client.subscribe("#", 1)
        a.publish("a", n)
        assert b.received == reader.received == []
        b.close()
    until(lambda: stored("a") == 20, timeout_s=10, what="20 of 20 readings of a")
    assert service.ready()

    password = devices(service, run_twinward, "add", "gateway", "--prefix", "campus/s2")["password"]
    gateway = Device(port, "gateway", password)
    gateway.client.publish("campus/s2/smoke/c", '{"seq": 1, "smoke": true}', qos=1).wait_for_publish(5)
    gateway.close()
    until(
        lambda: client.get("/accounting").json()["total"]["quarantined"] == {"site_unknown": 1},
        timeout_s=10,
        what="a quarantined message of an unregistered site",
    )

    until(
        lambda: (
            "foreign_messages"
            in {row["kind"] for row in client.get("/hazards", params={"state": "all"}).json()["items"]}
        ),
        timeout_s=10,
        what="a finding about the foreign identity",
    )
    fresh = devices(service, run_twinward, "rotate", "a")["password"]
    assert a.gone.wait(5)
    assert refused(port, "a", added["a"]["password"])
    a = Device(port, "a", fresh)
    assert a.reason == 0
    devices(service, run_twinward, "revoke", "a")
    assert a.gone.wait(5)
    assert refused(port, "a", fresh)
    until(service.ready, timeout_s=5, what="a service that kept its session")
    check_files(service, fresh)


def check_files(service: Any, password: str) -> None:
    """Check that the files of the broker have mode 0600 and contain no password of a device."""
    for name in ("accounts.json", "passwords", "acl", "service.password"):
        path = service.data / "broker" / name
        assert path.stat().st_mode & 0o777 == 0o600
        assert password not in path.read_text(encoding="utf-8")


@pytest.mark.broker
def test_a_taken_session_is_reported_and_reconnected_at_once(
    mosquitto: Any, make_service: Any, run_twinward: Any
) -> None:
    """At a broker that binds no client ids, another client takes the session four times; readings go on."""
    service = make_service(mosquitto.url)
    service.start()
    client, device, faults = service.client(), Device(mosquitto.port), set[str]()
    assert client.get("/condition").json()["faults"] == []
    for n in range(16):
        if n % 4 == 1:  # more than a second between two takeovers, as of a client that reconnects
            Device(mosquitto.port, client_id="twinward")
        time.sleep(0.25)
        device.publish("a", n)
        faults |= {fault["part"] for fault in client.get("/condition").json()["faults"]}
    run_twinward.until(
        lambda: client.get("/accounting").json()["total"]["stored"] >= 16, timeout_s=10, what="16 of 16 readings"
    )
    assert faults == {"session"}
    device.close()
