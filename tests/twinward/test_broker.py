"""The embedded broker: both real ones take and give messages; a taken port and a broken store are told or mended."""

from __future__ import annotations

import os
import queue
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from twinward.broker import Broker, BrokerError, available, listens, start_broker


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(params=["mosquitto", "iotcore"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    """Each broker that is here, running on a free port."""
    if not available(request.param):
        pytest.skip(f"{request.param} is not installed")
    running = start_broker(_free_port(), tmp_path, prefer=request.param)
    yield running
    running.stop()


def _round_trip(url: str, payload: bytes) -> bytes:
    """Publish with QoS 1 over MQTT 5 and give back what the subscription brings."""
    got: queue.Queue[bytes] = queue.Queue()
    ready: queue.Queue[None] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = lambda _client, _data, message: got.put(message.payload)
    client.on_subscribe = lambda *_: ready.put(None)
    client.on_connect = lambda client, *_: client.subscribe("campus/+/+/+", qos=1)
    client.connect("127.0.0.1", int(url.rsplit(":", 1)[1]))
    client.loop_start()
    try:
        ready.get(timeout=10)
        client.publish("campus/s1/smoke/a", payload, qos=1).wait_for_publish(10)
        return got.get(timeout=10)
    finally:
        client.disconnect()
        client.loop_stop()


def test_message_of_half_a_megabyte_comes_back(broker: Broker) -> None:
    """MQTT 5, QoS 1, more than rumqttd's own payload limit."""
    payload = b"x" * 500_000
    assert _round_trip(broker.url, payload) == payload
    assert broker.alive()


def test_stop_frees_the_port_and_start_brings_it_back(broker: Broker) -> None:
    """Stopping twice is harmless, and the same broker can be started again."""
    port = int(broker.url.rsplit(":", 1)[1])
    broker.stop()
    broker.stop()
    assert not broker.alive()
    assert not listens(port)
    broker.start()
    assert _round_trip(broker.url, b"again") == b"again"


@pytest.mark.parametrize("kind", ["mosquitto", "iotcore"])
def test_taken_port_is_told_in_one_sentence(kind: str, tmp_path: Path) -> None:
    """The port is named, and nothing is left running."""
    if not available(kind):  # type: ignore[arg-type]
        pytest.skip(f"{kind} is not installed")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} .* is taken"):
            start_broker(port, tmp_path, prefer=kind)  # type: ignore[arg-type]


def test_garbage_store_is_moved_away_and_kept(tmp_path: Path) -> None:
    """Mosquitto ends on a store that it cannot read; the service mends that by itself."""
    if not available("mosquitto"):
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "mosquitto.db").write_bytes(b"\x00garbage" * 100)
    running = start_broker(_free_port(), tmp_path, prefer="mosquitto")
    try:
        assert _round_trip(running.url, b"1") == b"1"
        assert list(folder.glob("mosquitto.broken-*"))
    finally:
        running.stop()


def test_a_broker_that_is_killed_comes_up_again(broker: Broker, tmp_path: Path) -> None:
    """Kill -9 of its process: another one listens within seconds, and takes messages."""
    first = _pid(broker, tmp_path)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _pid(broker, tmp_path) == first or not listens(int(broker.url.rsplit(":", 1)[1])):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert _round_trip(broker.url, b"again") == b"again"


def _pid(broker: Broker, folder: Path) -> int:
    return int((folder / "broker" / f"{broker.name}.pid").read_text())


def test_the_broker_of_a_killed_service_is_taken_over(broker: Broker, tmp_path: Path) -> None:
    """It still holds the port: a service that starts on the same folder ends it and brings up its own."""
    broker._ended.set()  # type: ignore[attr-defined]  # nobody watches it any more
    port, left = int(broker.url.rsplit(":", 1)[1]), _pid(broker, tmp_path)
    second = start_broker(port, tmp_path, prefer=broker.name)  # type: ignore[arg-type]
    try:
        assert _pid(second, tmp_path) != left
        assert not broker.alive()
        assert _round_trip(second.url, b"mine") == b"mine"
    finally:
        second.stop()


def test_no_broker_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither here: one sentence with what to install."""
    monkeypatch.setattr("twinward.broker.available", lambda _kind: False)
    with pytest.raises(BrokerError, match="install Mosquitto"):
        start_broker(1, tmp_path)
