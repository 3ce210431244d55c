"""Ingest, detection and alerts in separate processes on the same logs."""

from __future__ import annotations

import subprocess
from typing import Any

import paho.mqtt.client as mqtt
import pytest


@pytest.mark.broker
def test_an_alarm_becomes_a_ticket_across_three_processes(mosquitto: Any, make_service: Any, run_twinward: Any) -> None:
    """A smoke alarm opens a ticket, sensors are listed, a second process of a role is refused, and each one stops."""
    service = make_service(mosquitto.url)
    service.start("ingest", "detect", "alert")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    admin = service.client()

    def opened() -> list[dict[str, Any]]:
        client.publish("campus/school-1/smoke/dorm-9", b'{"smoke": true}', qos=1).wait_for_publish(5)
        items: list[dict[str, Any]] = admin.get("/tickets").json()["items"]
        return items

    client.publish("campus/school-1/water/pipe", b'{"pressure": 0.3, "paint": 4}', qos=1).wait_for_publish(5)
    tickets = run_twinward.until(opened, timeout_s=40, what="a ticket")
    client.disconnect()
    client.loop_stop()
    assert [(ticket["kind"], ticket["place"]) for ticket in tickets] == [("fire", "unassigned:dorm-9")]
    sensors = run_twinward.until(
        lambda: len(rows := admin.get("/sensors").json()["items"]) == 2 and rows, timeout_s=10, what="both sensors"
    )
    assert [sensor["id"] for sensor in sensors] == ["dorm-9", "pipe"]
    assert "paint" in [metric["name"] for metric in sensors[1]["metrics"]]
    for role in ("ingest", "all"):
        command = [*run_twinward.command, "run", "--config", str(service.config), "--role", role]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        sentence = f"role ingest of the data folder {service.data} is held by process {service.processes['ingest'].pid}"
        assert (second.returncode, sentence in second.stderr, second.stderr.count("\n")) == (2, True, 1)
    assert service.stop() == 0
