"""Alarms of a running service, decided again from copied logs in another folder, offline."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from twinward.commands.replay import replay

STATES = (
    ("smoke", "smoke"), ("heat", "env"), ("gas", "env"), ("level_high", "water"), ("forced", "gate"),
    ("tamper", "env"), ("panic", "device"), ("leak", "water"),
)  # fmt: skip
"""States that raise an alarm at once, each of a rule of its own."""


@pytest.mark.broker
def test_alarms_of_a_running_service_replay_in_another_folder(
    mosquitto: Any, make_service: Any, run_twinward: Any, tmp_path: Path
) -> None:
    """Ten alarms or more, also of fusion rules; logs and database alone, no configuration and no broker."""
    service = make_service(mosquitto.url)
    service.start()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    admin, turns = service.client(), [0]

    def hazards() -> list[dict[str, Any]]:
        turns[0] += 1
        for metric, kind in STATES:
            send(client, kind, f"{metric}-1", {metric: True, "seq": turns[0]})
        for room in range(4):
            send(client, "smoke", f"head-{room}", {"smoke_density": 0.6, "temperature": 30.0 + turns[0]})
        items: list[dict[str, Any]] = admin.get("/hazards", params={"limit": 100}).json()["items"]
        return items if len(items) >= 10 else []

    found = run_twinward.until(hazards, timeout_s=90, what="ten hazards")
    client.disconnect()
    client.loop_stop()
    assert service.stop() == 0
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ("telemetry.sqlite", "detections.sqlite", "alerts.sqlite"):
        shutil.copy(service.data / name, copy / name)
    shutil.rmtree(service.data)
    command = [*run_twinward.command, "replay", found[0]["id"], "--data", str(copy), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["same"]
    rules = set()
    for hazard in found[:10]:
        answer = replay(hazard["id"], copy)
        assert answer["same"], answer
        rules |= {finding["rule"] for finding in answer["findings"]}
    assert len(rules) >= 6, rules


def send(client: mqtt.Client, kind: str, sensor: str, body: dict[str, Any]) -> None:
    """Publish a reading."""
    client.publish(f"campus/school-1/{kind}/{sensor}", json.dumps(body).encode(), qos=1).wait_for_publish(5)
