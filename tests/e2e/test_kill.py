"""SIGKILL under load: no loss, no duplicate, one ticket; both chains detect any change."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

READINGS = 20_000
SENSORS = 10
KILLS = 5
RATE = 2_000


def publish(port: int, done: threading.Event) -> None:
    """Publish the numbered readings at QoS 1 at a steady rate, with one smoke alarm among them."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", port)
    client.loop_start()
    started = time.monotonic()
    last = None
    for number in range(READINGS):
        if number % 100 == 0:
            time.sleep(max(0.0, started + number / RATE - time.monotonic()))
        payload = {"time": time.time_ns() // 1_000_000, "seq": number, "pressure": number / 1000}
        last = client.publish(f"campus/school-1/water/pipe-{number % SENSORS}", json.dumps(payload), qos=1)
        if number == READINGS // 2:
            client.publish("campus/school-1/smoke/dorm-1", '{"smoke": true, "seq": 1}', qos=1)
    assert last is not None
    last.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()
    done.set()


def values(client: Any, sensor: str) -> list[float]:
    """Return every stored value of the sensor in order of time."""
    window = {"from": (time.time_ns() // 1_000_000) - 3_600_000, "to": (time.time_ns() // 1_000_000) + 3_600_000}
    query = {"site": "school-1", "sensor": sensor, "metric": "pressure", **window}
    return [point[1] for point in client.get("/readings", params=query).json()["points"]]


def change_one_byte(path: Path, table: str, column: str) -> None:
    """Change one byte of one stored row."""
    with sqlite3.connect(path) as database:
        row, value = database.execute(
            f"SELECT rowid, {column} FROM {table} ORDER BY rowid LIMIT 1 OFFSET 1"  # noqa: S608 - names of this test
        ).fetchone()
        raw = bytearray(value if isinstance(value, bytes) else value.encode())
        raw[len(raw) // 2] ^= 1
        altered = bytes(raw) if isinstance(value, bytes) else raw.decode("utf-8", "replace")
        database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (altered, row))  # noqa: S608 - as above
    database.close()


@pytest.mark.broker
def test_five_kills_cause_no_loss_or_duplicate(
    mosquitto: Any, make_service: Any, run_twinward: Any, record_property: Any
) -> None:
    """20,000 QoS 1 readings and five kills at random times: every reading once, one ticket, valid chains."""
    seed = random.SystemRandom().randrange(1 << 30)
    record_property("seed", seed)
    moments = random.Random(seed)  # noqa: S311 - chooses moments, not keys
    service = make_service(mosquitto.url)
    service.start()
    done = threading.Event()
    sender = threading.Thread(target=publish, args=(mosquitto.port, done))
    sender.start()
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.3, 2.0))
        service.kill()
        service.spawn()
        time.sleep(moments.uniform(0.5, 1.5))
    sender.join(90)
    assert done.is_set()
    run_twinward.until(service.ready, timeout_s=30, what="ready after the kills")
    client = service.client()
    run_twinward.until(
        lambda: sum(len(values(client, f"pipe-{index}")) for index in range(SENSORS)) >= READINGS,
        timeout_s=60,
        what="all readings stored",
    )
    for index in range(SENSORS):
        wanted = [number / 1000 for number in range(index, READINGS, SENSORS)]
        assert sorted(values(client, f"pipe-{index}")) == wanted
    tickets = client.get("/tickets").json()["items"]
    assert [ticket["kind"] for ticket in tickets] == ["fire"]
    assert client.get("/accounting").json()["total"]["residual"] == 0
    assert service.stop() == 0
    check_chains(service)


def check_chains(service: Any) -> None:
    """Check that both chains verify, and that each detects one changed byte."""
    for chain, file, table, column in (
        ("log", "telemetry.sqlite", "entries", "block"),
        ("audit", "alerts.sqlite", "journal", "body"),
    ):
        status, report = service.verify(chain)
        assert (status, report["ok"]) == (0, True), report
        change_one_byte(service.data / file, table, column)
        status, report = service.verify(chain)
        assert (status, report["ok"]) == (1, False), report
