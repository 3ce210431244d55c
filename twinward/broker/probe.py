"""Test of a connection: one MQTT session with the settings of the service, without subscriptions."""

from __future__ import annotations

import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.mqtt import MqttError, MqttSettings
from ingest.mqtt.settings import check_connection, endpoint, read_secret, tls_context

TIMEOUT_S = 8.0


def connection_fault(settings: MqttSettings) -> str:
    """Return the reason why the broker does not accept these settings, "" if it does. Blocks for 8 s at most."""
    try:
        check_connection(settings)
        address = endpoint(settings)
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{settings.client_id}-test")
        if settings.username:
            client.username_pw_set(settings.username, read_secret(settings.password_file) or None)
        if address.tls:
            client.tls_set_context(tls_context(settings))
        client.connect_timeout = TIMEOUT_S
        return _connected(client, address.host, address.port)
    except (MqttError, OSError, ValueError) as error:
        return str(error)


def _connected(client: mqtt.Client, host: str, port: int) -> str:
    answered = threading.Event()
    reasons: list[str] = []

    def on_connect(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        reasons.extend([f"消息服务器拒绝了该账号 / the broker refused the account: {code}"] if code.is_failure else [])
        answered.set()

    client.on_connect = on_connect
    client.connect(host, port, keepalive=10)
    client.loop_start()
    try:
        if not answered.wait(TIMEOUT_S):
            return f"{host}:{port} {TIMEOUT_S:g} 秒内无 MQTT 响应 / no MQTT response within {TIMEOUT_S:g} s"
        return reasons[0] if reasons else ""
    finally:
        client.disconnect()
        client.loop_stop()
