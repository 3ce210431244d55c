"""Listening address of the embedded broker: every address with accounts, loopback alone without them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from ingest.mqtt import MqttSettings
from twinward.broker import EVERY, LOOPBACK, BrokerError, available, bind_fault, check_host, own_address, start_embedded
from twinward.broker.listening import device_address
from twinward.broker.mosquitto import MosquittoBroker
from twinward.broker.settings import BrokerSettings

REFUSED = 135


def answer(host: str, port: int) -> int:
    """Return the broker's answer to a client without an account."""
    answers: list[int] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
    client.on_connect = lambda _client, _data, _flags, code, _properties: answers.append(code.value)
    client.connect(host, port)
    while not answers and client.loop(1) == mqtt.MQTT_ERR_SUCCESS:
        pass
    return answers[0]


@pytest.mark.broker
@pytest.mark.parametrize("host", [LOOPBACK, EVERY, "127.0.0.7"])
def test_the_plain_port_asks_for_an_account_on_each_address(
    tmp_path: Path, free_port: Any, run_twinward: Any, host: str
) -> None:
    """Loopback stays; the chosen address is added; nobody gets in without an account."""
    if not available("mosquitto"):
        run_twinward.unavailable("the broker mosquitto is not installed")
    settings = BrokerSettings(embedded=True, host=host, port=free_port())
    broker = start_embedded(settings, MqttSettings(), tmp_path)
    try:
        for address in {LOOPBACK, own_address() if host == EVERY else host}:
            assert answer(address, settings.port) == REFUSED
        if host == LOOPBACK:
            with pytest.raises(OSError, match="refused"):
                answer("127.0.0.7", settings.port)
    finally:
        broker.stop()


def test_without_accounts_only_loopback_is_allowed(tmp_path: Path) -> None:
    """The broker of the demo accepts everybody, and so no other machine."""
    with pytest.raises(BrokerError, match=LOOPBACK):
        MosquittoBroker(1883, tmp_path, host=EVERY)


@pytest.mark.parametrize("host", ["", "broker.school", "::1", "10.0.0", "10.0.0.256"])
def test_anything_but_an_address_is_refused(host: str) -> None:
    """The message has the value and the allowed ones."""
    with pytest.raises(BrokerError, match=r"allowed are 127\.0\.0\.1, 0\.0\.0\.0"):
        check_host(host)


def test_an_address_of_another_machine_and_a_taken_port_are_faults() -> None:
    """Both languages name the address; devices get an address that they can reach."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        taken = bind_fault(LOOPBACK, listening.getsockname()[1])
    assert "无法使用" in taken
    assert "cannot be used" in taken
    assert "192.0.2.7" in bind_fault("192.0.2.7", 0)
    assert bind_fault(LOOPBACK, 0) == ""
    assert device_address(EVERY) == own_address() != EVERY
    assert device_address(LOOPBACK) == LOOPBACK
