"""The service with its log on a NATS server, which is killed and started again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from tests.processes import Nats


@pytest.mark.broker
def test_a_smoke_alarm_becomes_a_ticket_also_after_a_kill_of_the_log_server(
    mosquitto: Any, make_service: Any, run_twinward: Any, tmp_path: Path
) -> None:
    """Readings reach tickets through the stream before and after the kill; the log verifies, and no file has it."""
    nats = Nats(tmp_path / "nats")
    nats.start()
    service = make_service(mosquitto.url)
    service.environment |= {"TWINWARD_LOG_URL": f"{nats.url}/school"}
    service.start()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    admin = service.client()

    def places() -> list[str]:
        answer = admin.get("/tickets")
        return sorted(ticket["place"] for ticket in answer.json()["items"]) if answer.status_code == 200 else []

    def smoke(sensor: str) -> None:
        client.publish(f"campus/school-1/smoke/{sensor}", b'{"smoke": true}', qos=1).wait_for_publish(10)

    try:
        smoke("dorm-9")
        run_twinward.until(lambda: places() == ["unassigned:dorm-9"], timeout_s=90, what="a ticket")
        nats.kill()
        smoke("dorm-10")
        nats.start()
        both = ["unassigned:dorm-10", "unassigned:dorm-9"]
        run_twinward.until(lambda: places() == both, timeout_s=120, what="a second ticket")
        assert service.stop() == 0
        status, report = service.verify("log")
        assert (status, report["ok"], report["end_checked"]) == (0, True, True)
        assert report["entries"] >= 2
        assert not (service.data / "telemetry.sqlite").exists()
    finally:
        client.disconnect()
        client.loop_stop()
        nats.stop()


@pytest.mark.broker
@pytest.mark.postgresql
def test_a_second_node_takes_the_log_over(
    mosquitto: Any, make_service: Any, run_twinward: Any, nats_server: Any, postgresql_database: str
) -> None:
    """Three processes of one node are killed; the standby opens a ticket, keeps the former one, and verifies all."""
    first, second = make_service(mosquitto.url), make_service(mosquitto.url)
    for service in (first, second):
        service.environment |= {
            "TWINWARD_LOG_URL": f"{nats_server.url}/takeover",
            "TWINWARD_DATABASE": postgresql_database,
        }
    first.start("ingest", "detect", "alert")
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()

    def ticket(service: Any, sensor: str) -> list[str]:
        client.publish(f"campus/school-1/smoke/{sensor}", b'{"smoke": true}', qos=1).wait_for_publish(10)
        admin = service.client()

        def places() -> list[str]:
            answer = admin.get("/tickets")
            found = [item["place"] for item in answer.json()["items"]] if answer.status_code == 200 else []
            return sorted(found) if f"unassigned:{sensor}" in found else []

        return list(run_twinward.until(places, timeout_s=90, what="a ticket"))

    try:
        assert ticket(first, "dorm-9") == ["unassigned:dorm-9"]
        second.spawn()
        run_twinward.until(lambda: "standby: node" in second.log.read_text(encoding="utf-8"), timeout_s=90, what="wait")
        for role in ("ingest", "detect", "alert"):
            first.kill(role)
        run_twinward.until(second.ready, timeout_s=120, what="the takeover")
        assert ticket(second, "dorm-10") == ["unassigned:dorm-10", "unassigned:dorm-9"]
        assert second.stop() == 0
        status, report = second.verify("log")
        assert (status, report["ok"]) == (0, True)
        assert report["entries"] >= 2
    finally:
        client.disconnect()
        client.loop_stop()
