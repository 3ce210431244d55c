"""Embedded brokers: delivery, restart, a port in use and a broken store, with both real brokers."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from twinward.broker import (
    Accounts,
    Broker,
    BrokerError,
    available,
    broken_stores,
    find_mosquitto,
    listens,
    start_broker,
)
from twinward.broker.mosquitto import MosquittoBroker
from twinward.commands import doctor

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "mosquitto"


@pytest.fixture
def need(run_twinward: Any) -> Callable[[str], None]:
    """Skip the test without that broker, or fail it in CI."""

    def check(kind: str) -> None:
        if not available(kind):  # type: ignore[arg-type]
            run_twinward.unavailable(f"the broker {kind} is not installed")

    return check


@pytest.fixture(params=["mosquitto", "iotcore"])
def broker(
    request: pytest.FixtureRequest, tmp_path: Path, free_port: Callable[[], int], need: Callable[[str], None]
) -> Iterator[Broker]:
    """Yield each installed broker, running on a free port."""
    need(request.param)
    running = start_broker(free_port(), tmp_path, prefer=request.param)
    yield running
    running.stop()


def _round_trip(url: str, payload: bytes) -> bytes:
    """Publish with QoS 1 over MQTT 5; return the received payload."""
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


def test_message_of_half_a_megabyte_is_delivered(broker: Broker) -> None:
    """MQTT 5, QoS 1, above rumqttd's default payload limit."""
    payload = b"x" * 500_000
    assert _round_trip(broker.url, payload) == payload
    assert broker.alive()


def test_stop_frees_the_port_and_start_works_again(broker: Broker) -> None:
    """Stopping twice is harmless, and the same broker can be started again."""
    port = int(broker.url.rsplit(":", 1)[1])
    broker.stop()
    broker.stop()
    assert not broker.alive()
    assert not listens(port)
    broker.start()
    assert _round_trip(broker.url, b"again") == b"again"


@pytest.mark.parametrize("kind", ["mosquitto", "iotcore"])
def test_port_in_use_is_one_error(kind: str, tmp_path: Path, need: Callable[[str], None]) -> None:
    """The error names the port, and no process is left."""
    need(kind)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} .* is taken"):
            start_broker(port, tmp_path, prefer=kind)  # type: ignore[arg-type]


def test_garbage_store_is_moved_away_and_kept(
    tmp_path: Path, free_port: Callable[[], int], need: Callable[[str], None]
) -> None:
    """Mosquitto ends with a store that it cannot read; the service replaces the store automatically."""
    need("mosquitto")
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "mosquitto.db").write_bytes(b"\x00garbage" * 100)
    running = start_broker(free_port(), tmp_path, prefer="mosquitto")
    try:
        assert _round_trip(running.url, b"1") == b"1"
        assert list(folder.glob("mosquitto.broken-*"))
    finally:
        running.stop()


def test_a_killed_broker_restarts(broker: Broker, tmp_path: Path) -> None:
    """After kill -9 a new process listens within seconds and delivers messages."""
    first = _pid(broker, tmp_path)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _pid(broker, tmp_path) == first or not listens(int(broker.url.rsplit(":", 1)[1])):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert _round_trip(broker.url, b"again") == b"again"


def test_an_interrupt_at_the_terminal_does_not_reach_the_broker(broker: Broker, tmp_path: Path) -> None:
    """Ctrl-C signals the process group of the terminal; the service stops its broker in order."""
    assert os.getpgid(_pid(broker, tmp_path)) != os.getpgid(0)


def _pid(broker: Broker, folder: Path) -> int:
    return int((folder / "broker" / f"{broker.name}.pid").read_text())


def test_the_broker_of_a_killed_service_is_replaced(broker: Broker, tmp_path: Path) -> None:
    """It still has the port: a service that starts on the same folder stops it and starts its own."""
    broker._ended.set()  # type: ignore[attr-defined]  # without supervision
    port, left = int(broker.url.rsplit(":", 1)[1]), _pid(broker, tmp_path)
    second = start_broker(port, tmp_path, prefer=broker.name)  # type: ignore[arg-type]
    try:
        assert _pid(second, tmp_path) != left
        assert not broker.alive()
        if isinstance(broker, MosquittoBroker):
            assert broker._saver is not None
            assert broker._saver.wait(5) == 0  # it ended with its broker
        assert _round_trip(second.url, b"mine") == b"mine"
    finally:
        second.stop()


def test_no_installed_broker_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without both the error names the packages to install."""
    monkeypatch.setattr("twinward.broker.available", lambda _kind: False)
    with pytest.raises(BrokerError, match="install Mosquitto"):
        start_broker(1, tmp_path)


@pytest.fixture
def mosquitto_here(
    tmp_path: Path, free_port: Callable[[], int], need: Callable[[str], None]
) -> Iterator[MosquittoBroker]:
    """Return an embedded Mosquitto of this folder, not started."""
    need("mosquitto")
    made = MosquittoBroker(free_port(), tmp_path)
    yield made
    made.stop()


def test_a_broken_store_is_reported(
    mosquitto_here: MosquittoBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One log line has the file's name, and `doctor` reports it until the file is deleted."""
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "mosquitto.db").write_bytes(b"\x00garbage" * 100)
    assert doctor.check_broken_stores(tmp_path).ok
    mosquitto_here.start()
    (kept,) = broken_stores(tmp_path)
    assert kept.read_bytes() == b"\x00garbage" * 100
    assert [str(kept) in record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [True]
    finding = doctor.check_broken_stores(tmp_path)
    assert not finding.ok
    assert str(kept) in finding.text_en
    assert str(kept) in finding.text_zh
    kept.unlink()
    assert doctor.check_broken_stores(tmp_path).ok


@pytest.mark.parametrize("content", [b"", b"\x00mosquitto db"], ids=["empty", "cut"])
def test_an_unusable_store_is_moved_away_and_kept(
    content: bytes, mosquitto_here: MosquittoBroker, tmp_path: Path
) -> None:
    """An empty or truncated store is moved away and kept, and the broker runs."""
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "mosquitto.db").write_bytes(content)
    mosquitto_here.start()
    assert [kept.read_bytes() for kept in broken_stores(tmp_path)] == [content]
    assert mosquitto_here.alive()


def test_a_port_in_use_keeps_the_store(mosquitto_here: MosquittoBroker, tmp_path: Path) -> None:
    """With its port in use after an end, the store stays and is used once the port is free."""
    mosquitto_here.start()
    store, port = tmp_path / "broker" / "mosquitto.db", int(mosquitto_here.url.rsplit(":", 1)[1])
    _until(store.exists)
    mosquitto_here.stop()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(BrokerError, match="is taken by another program"):
            mosquitto_here.start()
        assert store.exists()
    mosquitto_here.start()
    assert not broken_stores(tmp_path)


def test_a_broker_that_cannot_start_keeps_its_store(
    mosquitto_here: MosquittoBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is the cause only if Mosquitto starts without it."""
    store = tmp_path / "broker" / "mosquitto.db"
    store.parent.mkdir()
    store.write_bytes(b"a store")
    monkeypatch.setattr("twinward.broker.mosquitto.find_mosquitto", lambda: "/bin/false")
    with pytest.raises(BrokerError, match="ended with code 1"):
        mosquitto_here.start()
    assert store.read_bytes() == b"a store"
    assert not broken_stores(tmp_path)


def test_a_saver_that_was_killed_is_replaced(mosquitto_here: MosquittoBroker) -> None:
    """A new saver starts within a second and ends with the broker."""
    mosquitto_here.start()
    first = mosquitto_here._saver
    assert first is not None
    first.kill()
    _until(lambda: mosquitto_here._saver is not first and mosquitto_here._saver is not None)
    second = mosquitto_here._saver
    assert second is not None
    assert second.poll() is None
    mosquitto_here.stop()
    assert second.poll() is not None


@pytest.mark.parametrize(
    "setting",
    [
        "set_tcp_nodelay",
        "max_queued_messages",
        "max_queued_bytes",
        "max_inflight_messages",
        "message_size_limit",
        "persistent_client_expiration",
        "persistence",
        "autosave_interval",
        "connection_messages",
    ],
)
def test_the_example_for_an_own_broker_agrees_with_the_embedded_one(setting: str, tmp_path: Path) -> None:
    """Measurements with one hold for the other."""
    example = _settings((DEPLOY / "mosquitto.conf").read_text(encoding="utf-8"))
    broker = MosquittoBroker(1883, tmp_path)
    broker._folder.mkdir()
    broker._configure()
    embedded = _settings((tmp_path / "broker" / "mosquitto.conf").read_text(encoding="utf-8"))
    assert example[setting] == embedded[setting]


def test_the_example_for_an_own_broker_starts_and_keeps_strangers_out(
    tmp_path: Path, free_port: Callable[[], int], need: Callable[[str], None]
) -> None:
    """A real Mosquitto accepts the file (with other paths, without TLS); a device can write only its own topic."""
    need("mosquitto")
    text, port = (DEPLOY / "mosquitto.conf").read_text(encoding="utf-8"), free_port()
    text = text[text.index("listener 1883") :].replace("listener 1883", f"listener {port}")
    for folder in ("/etc/mosquitto", "/var/lib/mosquitto", "/run/mosquitto", "/var/log/mosquitto"):
        text = text.replace(folder, str(tmp_path))
    accounts = Accounts(tmp_path / "twinward", "twinward")
    passwords = {"d1": accounts.add("d1", site="s1"), "twinward": accounts.password_file.read_text().strip()}
    (tmp_path / "conf").write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
    process = subprocess.Popen([find_mosquitto() or "", "-c", tmp_path / "conf"], stderr=subprocess.DEVNULL)
    try:
        _until(lambda: listens(port))
        assert (tmp_path / "mosquitto.pid").read_text().strip() == str(process.pid)
        assert _received(port, passwords) == ["campus/s1/smoke/d1"]
    finally:
        process.terminate()
        process.wait(10)


def _received(port: int, passwords: dict[str, str]) -> list[str]:
    """Return the messages that the service receives: of a device on its own and a foreign topic, and of a stranger."""
    came: list[str] = []
    service, device, stranger = (mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5) for _ in range(3))
    service.on_message = lambda _client, _data, message: came.append(message.topic)
    service.on_connect = lambda client, *_: client.subscribe("campus/#", qos=1)
    service.username_pw_set("twinward", passwords["twinward"])
    device.username_pw_set("d1", passwords["d1"])
    ready: queue.Queue[None] = queue.Queue()
    service.on_subscribe = lambda *_: ready.put(None)
    for client in (service, stranger):
        client.connect("127.0.0.1", port)
        client.loop_start()
    ready.get(timeout=10)
    stranger.publish("campus/s1/smoke/d3", b"{}", qos=1)
    gone: queue.Queue[None] = queue.Queue()
    liar = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
    liar.username_pw_set("d1", passwords["d1"])
    liar.on_connect = lambda client, *_: client.publish("campus/s1/smoke/d2", b"{}", qos=1)
    liar.on_publish = lambda client, *_: client.disconnect()
    liar.on_disconnect = lambda *_: gone.put(None)
    for client in (liar, device):  # Mosquitto 2.0.11 itself closes the connection after a denied message
        client.connect("127.0.0.1", port)
        client.loop_start()
        if client is liar:
            gone.get(timeout=10)
    device.publish("campus/s1/smoke/d1", b"{}", qos=1).wait_for_publish(10)
    _until(lambda: came)
    for client in (service, device, stranger, liar):
        client.disconnect()
        client.loop_stop()
    return came


def _settings(text: str) -> dict[str, str]:
    lines = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in lines}


def _until(condition: Callable[[], object], *, timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
