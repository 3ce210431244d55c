"""Bad input: each message is a counted reject with its reason; good readings beside it are stored."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest

SENSOR = "campus/school-1/water/pipe"


def bad_messages(now_ms: int) -> dict[str, list[tuple[str, bytes]]]:
    """Return reason -> messages (topic, payload) that must be rejected for it."""
    return {
        "utf8": [(SENSOR, b'{"pressure": "\xff\xfe"}')],
        "json": [(SENSOR, b'{"pressure": 0.3'), (SENSOR, b"hello")],
        "not_object": [(SENSOR, b"17")],
        "empty": [(SENSOR, b"")],
        "not_finite": [(SENSOR, b'{"pressure": NaN}'), (SENSOR, b'{"pressure": Infinity}')],
        "type": [(SENSOR, b'{"pressure": "0.3"}')],
        "metric_name": [(SENSOR, b'{"no such name!": 1}')],
        "metric_reserved": [(SENSOR, b'{"tick": 1}')],
        "time_past": [(SENSOR, b'{"time": 0, "pressure": 0.3}')],
        "time_future": [(SENSOR, b'{"time": %d, "pressure": 0.3}' % (now_ms + 20 * 366 * 86_400_000))],
        "too_large": [(SENSOR, b'{"pressure": 0.3, "x": "' + b"x" * 200_000 + b'"}')],
        "kind": [("campus/school-1/weather/pipe", b'{"pressure": 0.3}')],
    }


def good(number: int) -> bytes:
    """Return a reading that must be stored."""
    return json.dumps({"time": time.time_ns() // 1_000_000, "seq": number, "pressure": number / 1_000}).encode()


def publisher(port: int) -> mqtt.Client:
    """Return a connected MQTT 5 client with its own loop."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


@pytest.mark.broker
def test_each_bad_message_is_one_counted_reject(mosquitto: Any, make_service: Any, run_twinward: Any) -> None:
    """Every kind of bad message is rejected once under its reason and listed; the service runs on, accounts balance.

    A retained alarm is a hazard that stands since an unknown time. An alarm of a clock near 1970 pages with its doubt.
    """
    client = publisher(mosquitto.port)
    client.publish("campus/school-1/smoke/old", b'{"smoke": true}', qos=1, retain=True).wait_for_publish(5)
    service = make_service(mosquitto.url)
    service.start()
    wanted = bad_messages(time.time_ns() // 1_000_000)
    sent = 0
    for messages in wanted.values():
        for topic, payload in messages:
            for body in (good(sent), payload, good(sent + 1)):
                client.publish(topic if body is payload else SENSOR, body, qos=1).wait_for_publish(5)
            sent += 2
    client.publish(SENSOR, b'{"brightness_of_paint": 4, "pressure": null}', qos=1).wait_for_publish(5)
    client.publish("campus/school-1/smoke/new", b'{"time": 7300, "smoke": true}', qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()
    admin = service.client()
    rejected = {reason: len(messages) for reason, messages in wanted.items()}

    def total_now() -> dict[str, Any]:
        total: dict[str, Any] = admin.get("/accounting").json()["total"]
        return total

    run_twinward.until(
        lambda: total_now()["stored"] == sent + 3, timeout_s=20, what="the good readings and both alarms stored"
    )
    total = total_now()
    assert total["quarantined"] == rejected
    assert total["residual"] == 0
    shown = admin.get("/quarantine", params={"limit": 1000}).json()["items"]
    assert {row["reason"] for row in shown} == set(rejected)
    read = {"site": "school-1", "sensor": "pipe", "metric": "pressure"}
    run_twinward.until(
        lambda: len(admin.get("/readings", params=read).json()["points"]) == sent, timeout_s=10, what="readings"
    )
    run_twinward.until(lambda: len(admin.get("/hazards").json()["items"]) == 2, timeout_s=10, what="both hazards")
    hazards = {hazard["place"]: hazard for hazard in admin.get("/hazards").json()["items"]}
    assert hazards["unassigned:old"]["text"]["en"].endswith("(standing, since an unknown time)")
    assert hazards["unassigned:new"]["text"]["en"].endswith("(the device's clock is wrong; time of arrival)")
    assert {(hazard["cause"], hazard["late"]) for hazard in hazards.values()} == {("fire", False)}
    assert all(hazard["paged"] for hazard in hazards.values())
    retained = admin.get("/sensors/school-1/old").json()
    assert [(row["name"], row["last_value"], row["quality"]) for row in retained["metrics"]] == [
        ("smoke", 1, "retained")
    ]
    assert retained["state"] == "hazard"
    assert service.ready()


def test_all_errors_of_a_configuration_are_reported_together(tmp_path: Path, run_twinward: Any) -> None:
    """Each error has one line with the key and the allowed values; the status is 2, without a traceback."""
    config = tmp_path / "twinward.toml"
    config.write_text("[http]\nport = 0\nprot = 1\n[mqtt]\nprotocol = '6'\n", encoding="utf-8")
    command = [*run_twinward.command, "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=run_twinward.environment)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 3
    assert any("http.port: 0 is not allowed" in line for line in lines)
    assert any("http.prot: unknown key; allowed is" in line for line in lines)
    assert any("mqtt.protocol" in line and "'auto', '5' or '3.1.1'" in line for line in lines)


@pytest.mark.broker
def test_a_taken_port_is_reported_in_one_line(mosquitto: Any, tmp_path: Path, run_twinward: Any) -> None:
    """The demo does not start on another program's port and names the option."""
    command = [*run_twinward.command, "demo", "--port", str(mosquitto.port), "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=run_twinward.environment)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        f"twinward: port {mosquitto.port} on 127.0.0.1 is taken by another program; choose another with --port"
    ]


@pytest.mark.broker
def test_the_service_waits_for_its_broker(mosquitto: Any, make_service: Any, run_twinward: Any) -> None:
    """The service runs without its broker, reports it in `/readyz`, and connects when the broker starts."""
    mosquitto.stop()
    service = make_service(mosquitto.url)
    service.spawn()

    def parts() -> dict[str, bool] | None:
        try:
            found: dict[str, bool] = httpx.get(f"{service.url}/readyz", timeout=2).json()["parts"]
        except httpx.TransportError:
            return None
        return found

    run_twinward.until(parts, timeout_s=60, what="answers without a broker")
    assert parts() is not None
    assert not (parts() or {})["broker"]
    mosquitto.start()
    run_twinward.until(service.ready, timeout_s=60, what="ready with the broker")
    client = publisher(mosquitto.port)
    client.publish(SENSOR, good(1), qos=1).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()
    admin = service.client()
    run_twinward.until(
        lambda: admin.get("/accounting").json()["total"]["stored"] == 1, timeout_s=10, what="the reading stored"
    )
    assert service.stop() == 0
