"""Ingest, detection and alerts in processes of their own, over the same logs."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest


@pytest.fixture
def spread(mosquitto: Any, make_service: Any, run_twinward: Any) -> Iterator[tuple[Any, list[subprocess.Popen[bytes]]]]:
    """(the alert role's service, the processes of the other two roles)."""
    service = make_service(mosquitto.url)
    others = []
    for role in ("ingest", "detect"):
        command = [*run_twinward.command, "run", "--config", str(service.folder / "twinward.toml"), "--role", role]
        with (service.folder / f"{role}.log").open("wb") as log:
            others.append(subprocess.Popen(command, stdout=log, stderr=log, env=run_twinward.environment))
    service.start(role="alert")
    yield service, others
    for process in others:
        if process.poll() is None:
            process.kill()
            process.wait(10)


@pytest.mark.broker
def test_three_processes_do_what_one_does(
    mosquitto: Any, spread: tuple[Any, list[subprocess.Popen[bytes]]], run_twinward: Any
) -> None:
    """A smoke alarm becomes a ticket across three processes, and each ends when asked."""
    service, others = spread
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
    for process in others:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert service.stop() == 0
