"""Subscriber with a real Mosquitto: no acknowledged loss, no duplicate, recovery from every failure."""

from __future__ import annotations

import logging
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest import Catalog, Counts, Intake, Sealed, residual
from ingest.mqtt import MqttSettings, PlainRefused, SecretUnreadable, Subscriber

CONSUMER = Path(__file__).with_name("consumer.py")
ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.broker


class Shelf:
    """A sink in memory that can fail on demand."""

    def __init__(self) -> None:
        self.sealed: list[Sealed] = []
        self.failing: Exception | None = None
        self.refused = 0

    def __call__(self, sealed: Sealed, /) -> None:
        """Store the batch, or raise the configured error for one with readings of devices."""
        if self.failing is not None and (sealed.batch.sensor > 0).any():
            self.refused += 1
            raise self.failing
        self.sealed.append(sealed)

    def values(self) -> list[float]:
        """Return every stored value but the clock's."""
        return [value for sealed in self.sealed for value in sealed.batch.value[sealed.batch.sensor > 0].tolist()]

    def balance(self) -> bool:
        """Return whether the accounts of all batches balance."""
        return not any(left for sealed in self.sealed for left in residual(sealed.of(Counts).rows).values())


def until(condition: Callable[[], object], *, timeout_s: float = 20) -> None:
    """Wait for a condition; fail the test on timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def publisher(mosquitto: Any) -> Iterator[paho.Client]:
    """A device gateway with an unbounded queue that survives the broker's restart."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "gateway", protocol=paho.MQTTv5)
    client.max_inflight_messages_set(200)
    client.reconnect_delay_set(1, 1)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def service(mosquitto: Any) -> Iterator[Callable[..., tuple[Subscriber, Shelf]]]:
    """Start subscribers; stop them after the test."""
    running: list[Subscriber] = []

    def start(**options: Any) -> tuple[Subscriber, Shelf]:
        shelf = Shelf()
        settings = MqttSettings(**{"url": mosquitto.url, **options})
        subscriber = Subscriber(settings, Intake(Catalog()), shelf, time.time_ns)
        subscriber.start()
        running.append(subscriber)
        return subscriber, shelf

    yield start
    for subscriber in running:
        subscriber.stop()
        assert not subscriber.status()["alive"]


def publish(client: paho.Client, numbers: range, *, qos: int = 1) -> None:
    """Publish readings with their number as value and a seq; return when the broker has accepted all."""
    until(client.is_connected)
    published = [
        client.publish(f"campus/s1/env/d{n % 7}", b'{"seq": %d, "people_in_total": %d}' % (n, n), qos=qos)
        for n in numbers
    ]
    for info in published:
        info.wait_for_publish(20)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_every_message_is_stored_once_and_acknowledged(
    service: Callable[..., tuple[Subscriber, Shelf]], publisher: paho.Client, protocol: str
) -> None:
    """QoS 0, 1 and 2 arrive; nothing stays unacknowledged; the status is healthy."""
    subscriber, shelf = service(protocol=protocol)
    until(lambda: subscriber.status()["healthy"])
    publish(publisher, range(1000))
    publish(publisher, range(1000, 1100), qos=0)
    publish(publisher, range(1100, 1200), qos=2)
    until(lambda: len(shelf.values()) >= 1200)
    assert sorted(shelf.values()) == list(range(1200))
    until(lambda: subscriber.status()["acknowledged_total"] >= 1100)
    status = subscriber.status()
    assert (status["unacked"], status["errors"], status["protocol"]) == (0, 0, protocol)
    assert shelf.balance()


def test_the_will_publishes_offline_and_a_connection_online(
    service: Callable[..., tuple[Subscriber, Shelf]], publisher: paho.Client, mosquitto: Any
) -> None:
    """campus/_service/<id>/status is retained: online while connected, offline after a clean end."""
    seen: list[bytes] = []
    publisher.on_message = lambda _client, _data, message: seen.append(message.payload)
    publisher.subscribe("campus/_service/+/status", 1)
    subscriber, _ = service(client_id="north")
    until(lambda: seen[-1:] == [b"online"])
    subscriber.stop()
    until(lambda: seen[-1:] == [b"offline"])
    process = consumer(mosquitto.url, mosquitto.folder / "will.db")
    until(lambda: seen[-1:] == [b"online"])
    process.kill()
    process.wait(10)
    until(lambda: seen[-1:] == [b"offline"])


def test_a_failing_sink_acknowledges_nothing_and_recovers(
    service: Callable[..., tuple[Subscriber, Shelf]],
    publisher: paho.Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """During a full disk there is no PUBACK and one log line; afterwards every reading is stored once."""
    subscriber, shelf = service(keepalive_s=5, receive_max=1_000)
    until(lambda: subscriber.status()["connected"])
    shelf.failing = sqlite3.OperationalError("database or disk is full")
    publish(publisher, range(3000))
    until(lambda: shelf.refused >= 6)
    status = subscriber.status()
    assert status["acknowledged_total"] == 0
    assert (status["connected"], status["healthy"], status["sink_blocked"]) == (True, False, True)
    assert 0 < status["unacked"] <= 2000
    shelf.failing = None
    until(lambda: len(shelf.values()) >= 3000)
    assert sorted(shelf.values()) == list(range(3000))
    until(lambda: subscriber.status()["healthy"])
    assert [r.message for r in caplog.records if "rejects readings" in r.message] == [
        "the log rejects readings: database or disk is full; nothing is acknowledged, retrying"
    ]


def test_a_long_failing_sink_keeps_the_connection_alive(
    service: Callable[..., tuple[Subscriber, Shelf]], publisher: paho.Client
) -> None:
    """A pause of reading longer than the keepalive does not close the connection."""
    subscriber, shelf = service(keepalive_s=5, receive_max=10)
    until(lambda: subscriber.status()["connected"])
    shelf.failing = OSError("no space left on device")
    publish(publisher, range(200))
    time.sleep(9)
    shelf.failing = None
    until(lambda: len(shelf.values()) >= 200)
    assert subscriber.status()["connects_total"] == 1
    assert sorted(shelf.values()) == list(range(200))


def test_a_restarted_broker_is_found_again_and_nothing_is_lost(
    service: Callable[..., tuple[Subscriber, Shelf]],
    publisher: paho.Client,
    mosquitto: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The broker stops twice: one log line for each outage, and each reading is stored once."""
    caplog.set_level(logging.INFO, "ingest.mqtt")
    subscriber, shelf = service()
    for round_ in range(2):
        until(lambda: subscriber.status()["connected"])
        publish(publisher, range(round_ * 1000, round_ * 1000 + 500))
        mosquitto.stop()
        until(lambda: not subscriber.status()["connected"])
        assert not subscriber.status()["healthy"]
        time.sleep(0.7)
        mosquitto.start()
        publish(publisher, range(round_ * 1000 + 500, round_ * 1000 + 1000))
    until(lambda: len(shelf.values()) >= 2000)
    assert sorted(shelf.values()) == list(range(2000))
    assert subscriber.status()["connects_total"] == 3
    assert sum("no broker at" in record.message for record in caplog.records) <= 2


def test_repeated_broker_restarts_reconnect_without_growing_backoff(
    service: Callable[..., tuple[Subscriber, Shelf]], mosquitto: Any
) -> None:
    """Backoff does not grow from one outage to the next, because alarms wait as long."""
    subscriber, _ = service()
    found_s = []
    for _ in range(8):
        until(lambda: subscriber.status()["connected"])
        mosquitto.kill()
        until(lambda: not subscriber.status()["connected"])
        mosquitto.start()
        began_s = time.monotonic()
        until(lambda: subscriber.status()["connected"], timeout_s=30)
        found_s.append(time.monotonic() - began_s)
    assert max(found_s) < 4


def test_a_missing_broker_is_one_line_and_no_error(mosquitto: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A start before the broker logs one line and connects when the broker starts."""
    mosquitto.stop()
    subscriber = Subscriber(MqttSettings(url=mosquitto.url), Intake(Catalog()), Shelf(), time.time_ns)
    subscriber.start()
    until(lambda: caplog.records)
    time.sleep(1)
    assert len([r for r in caplog.records if "no broker at" in r.message]) == 1
    mosquitto.start()
    until(lambda: subscriber.status()["healthy"])
    subscriber.stop()


def test_packet_ids_of_an_old_connection_are_never_acknowledged(
    service: Callable[..., tuple[Subscriber, Shelf]], publisher: paho.Client
) -> None:
    """The connection breaks while a batch is pending: its ids are dropped; redelivered messages are acknowledged."""
    subscriber, shelf = service()
    until(lambda: subscriber.status()["connected"])
    shelf.failing = OSError("away")
    publish(publisher, range(100))
    until(lambda: shelf.refused)
    client = subscriber._connection.client
    assert client is not None
    sock = client.socket()
    assert sock is not None
    sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
    until(lambda: subscriber.status()["connects_total"] >= 2)
    shelf.failing = None
    until(lambda: subscriber.status()["acks_dropped_total"] > 0)
    until(lambda: subscriber.status()["acknowledged_total"] >= 100)
    assert sorted(shelf.values()) == list(range(100))
    assert sum(n for s in shelf.sealed for c, n in s.of(Counts).rows.items() if c.outcome == "duplicate") >= 1
    assert shelf.balance()


def test_an_error_in_the_thread_is_counted_and_messages_are_redelivered(
    service: Callable[..., tuple[Subscriber, Shelf]], publisher: paho.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a programming error in the intake the thread survives, health fails, the broker redelivers."""
    subscriber, shelf = service()
    until(lambda: subscriber.status()["connected"])
    accept = Intake.accept
    broken = threading.Event()

    def fail_once(self: Intake, *args: Any, **options: Any) -> None:
        if not broken.is_set():
            broken.set()
            raise RuntimeError("a bug")
        accept(self, *args, **options)

    monkeypatch.setattr(Intake, "accept", fail_once)
    publish(publisher, range(50))
    until(lambda: len(shelf.values()) >= 50)
    assert sorted(shelf.values()) == list(range(50))
    assert subscriber.status()["errors"] == 1
    assert subscriber.status()["alive"]


def test_a_broker_without_mqtt_5_gets_3_1_1(publisher: paho.Client, mosquitto: Any) -> None:
    """After CONNACK 0x01 of a 3.1.1 broker the next connection is a persistent 3.1.1 session."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        greetings: list[bytes] = []

        def refuse_then_relay() -> None:
            with closing(server.accept()[0]) as first:
                greetings.append(first.recv(1000))
                first.sendall(b"\x20\x02\x00\x01")
            second, _ = server.accept()
            upstream = socket.create_connection(("127.0.0.1", mosquitto.port))
            greeting = second.recv(1000)
            greetings.append(greeting)
            upstream.sendall(greeting)
            pipe = threading.Thread(target=relay, args=(upstream, second), daemon=True)
            pipe.start()
            relay(second, upstream)
            pipe.join(10)

        thread = threading.Thread(target=refuse_then_relay, daemon=True)
        thread.start()
        shelf = Shelf()
        url = f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        subscriber = Subscriber(MqttSettings(url=url), Intake(Catalog()), shelf, time.time_ns)
        subscriber.start()
        until(lambda: subscriber.status()["healthy"])
        publish(publisher, range(100))
        until(lambda: len(shelf.values()) >= 100)
        assert subscriber.status()["protocol"] == "3.1.1"
        subscriber.stop()
        thread.join(10)
    assert [greeting[8] for greeting in greetings] == [5, 4]
    assert greetings[1][9] & 0x02 == 0  # clean session off


def relay(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes one way until the source ends."""
    with suppress(OSError), closing(source):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def consumer(url: str, database: Path) -> subprocess.Popen[bytes]:
    """Start a consumer process with a durable sink."""
    return subprocess.Popen([sys.executable, str(CONSUMER), url, str(database)], cwd=ROOT)


def stored(database: Path) -> list[float]:
    """Return every value in the consumer's database."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        try:
            return [row[0] for row in connection.execute("SELECT value FROM reading WHERE sensor > 0")]
        except sqlite3.OperationalError:
            return []


def test_kill_9_loses_and_duplicates_nothing(publisher: paho.Client, mosquitto: Any, tmp_path: Path) -> None:
    """Five kills at random times during 8,000 QoS 1 readings: each reading is stored exactly once."""
    dice = random.Random(11)  # noqa: S311 - a test's dice
    database = tmp_path / "kill.db"
    seen: list[bytes] = []
    publisher.on_message = lambda _client, _data, message: seen.append(message.payload)
    publisher.subscribe("campus/_service/+/status", 1)
    process = consumer(mosquitto.url, database)
    until(lambda: seen == [b"online"])  # subscribed: the broker queues every message for it from here on
    published = []
    kills = set(dice.sample(range(500, 7500), 5))
    try:
        for n in range(8000):
            topic, payload = f"campus/s1/env/d{n % 7}", b'{"seq": %d, "people_in_total": %d}' % (n, n)
            published.append(publisher.publish(topic, payload, qos=1))
            if n % 20 == 0:
                time.sleep(0.01)
            if n in kills:
                process.send_signal(signal.SIGKILL)
                process.wait(10)
                process = consumer(mosquitto.url, database)
        for info in published:
            info.wait_for_publish(20)
        until(lambda: len(stored(database)) >= 8000, timeout_s=40)
    finally:
        process.kill()
        process.wait(10)
    assert sorted(stored(database)) == list(range(8000))


@pytest.mark.parametrize("url", ["mqtt://broker.school.example", "mqtt://192.0.2.7:1883", "mqtt://0.0.0.0"])
def test_plain_connections_off_this_machine_are_rejected(url: str) -> None:
    """A connection without TLS off loopback needs the setting."""
    with pytest.raises(PlainRefused, match="allow_plain"):
        Subscriber(MqttSettings(url=url), Intake(Catalog()), Shelf(), time.time_ns)
    Subscriber(MqttSettings(url=url, allow_plain=True), Intake(Catalog()), Shelf(), time.time_ns)


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:1883", "mqtt://", "mqtt://user:pw@127.0.0.1"])
def test_invalid_addresses_are_rejected(url: str) -> None:
    """An invalid URL is an error at the start, not a retry."""
    with pytest.raises(ValueError, match="want mqtt://"):
        Subscriber(MqttSettings(url=url), Intake(Catalog()), Shelf(), time.time_ns)


def test_a_secret_readable_by_others_is_rejected(tmp_path: Path) -> None:
    """The file needs mode 0600 and content."""
    secret = tmp_path / "password"
    for content, mode in (("pw", 0o644), ("", 0o600)):
        secret.write_text(content)
        secret.chmod(mode)
        with pytest.raises(SecretUnreadable):
            Subscriber(MqttSettings(password_file=str(secret)), Intake(Catalog()), Shelf(), time.time_ns)
    with pytest.raises(SecretUnreadable):
        Subscriber(MqttSettings(password_file=str(tmp_path / "none")), Intake(Catalog()), Shelf(), time.time_ns)


def test_messages_wait_at_the_broker_for_the_entitled_node(mosquitto: Any, publisher: paho.Client) -> None:
    """Two subscribers share one session: only the entitled one connects, and each message is stored once."""
    holder, shelves = ["a"], {"a": Shelf(), "b": Shelf()}
    settings = MqttSettings(url=mosquitto.url)
    both = {
        name: Subscriber(settings, Intake(Catalog()), shelf, time.time_ns, entitled=lambda name=name: name == holder[0])
        for name, shelf in shelves.items()
    }
    try:
        for subscriber in both.values():
            subscriber.start()
        until(lambda: both["a"].status()["connected"])
        publish(publisher, range(10))
        until(lambda: len(shelves["a"].values()) == 10)
        holder[0] = ""
        until(lambda: not both["a"].status()["connected"])
        publish(publisher, range(10, 20))
        assert [one.status()["healthy"] for one in both.values()] == [False, False]
        assert [one.unreachable_s() < 5 for one in both.values()] == [True, True]
        holder[0] = "b"
        until(lambda: len(shelves["b"].values()) == 10)
        assert sorted(shelves["a"].values() + shelves["b"].values()) == list(range(20))
        assert both["a"].status()["connects_total"] == 1
        assert both["b"].takeovers.total == 0
    finally:
        for subscriber in both.values():
            subscriber.stop()
