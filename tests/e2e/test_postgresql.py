"""The service with its alert database on PostgreSQL."""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as mqtt
import pytest


@pytest.mark.broker
@pytest.mark.postgresql
def test_a_smoke_alarm_becomes_a_ticket_also_after_a_database_restart(
    mosquitto: Any, make_service: Any, run_twinward: Any, postgresql_server: Any, postgresql_database: str
) -> None:
    """The service creates its tables, opens tickets before and after a restart, and its journal verifies."""
    service = make_service(mosquitto.url)
    service.environment |= {"TWINWARD_DATABASE": postgresql_database}
    service.start()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    admin = service.client()

    def places(sensor: str) -> list[str]:
        client.publish(f"campus/school-1/smoke/{sensor}", b'{"smoke": true}', qos=1).wait_for_publish(5)
        answer = admin.get("/tickets")
        return sorted(ticket["place"] for ticket in answer.json()["items"]) if answer.status_code == 200 else []

    found = run_twinward.until(lambda: places("dorm-9"), timeout_s=60, what="a ticket")
    assert found == ["unassigned:dorm-9"]
    postgresql_server.stop()
    postgresql_server.start()
    both = run_twinward.until(lambda: len(now := places("dorm-10")) == 2 and now, timeout_s=60, what="a second ticket")
    assert both == ["unassigned:dorm-10", "unassigned:dorm-9"]
    client.disconnect()
    client.loop_stop()
    assert service.stop() == 0
    status, report = service.verify("audit")
    assert (status, report["ok"]) == (0, True)
    assert not (service.data / "alerts.sqlite").exists()
