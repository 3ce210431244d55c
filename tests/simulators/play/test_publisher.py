"""The publisher and the players over a real Mosquitto."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from simulators import BrokerUnreachable, build_campus, load_scenario
from simulators.play.live import LivePlay
from simulators.play.load import publish_load
from simulators.play.publisher import Publisher

pytestmark = pytest.mark.broker


class Broker(Protocol):
    """The broker of the fixture."""

    port: int
    url: str

    def start(self) -> None:
        """Start the broker."""

    def stop(self) -> None:
        """Stop the broker."""

    def kill(self) -> None:
        """Kill the broker."""


@contextmanager
def subscriber(port: int, topics: str = "campus/#") -> Iterator[list[MQTTMessage]]:
    """Run an independent client and yield its received messages."""
    got: list[MQTTMessage] = []
    ready = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.on_message = lambda _c, _u, message: got.append(message)
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.subscribe(topics, qos=1)
    client.loop_start()
    assert ready.wait(10)
    yield got
    client.disconnect()
    client.loop_stop()


def wait_for(got: list[Any], count: int, timeout_s: float = 120) -> None:
    """Wait for this number of messages, or for the end of the time."""
    deadline = time.monotonic() + timeout_s
    while len(got) < count and time.monotonic() < deadline:
        time.sleep(0.02)


def test_every_message_is_acknowledged_and_received_in_order(mosquitto: Broker) -> None:
    """20,000 messages at QoS 1 are all acknowledged, and received by paho in order at more than 10,000/s."""
    count = 20_000
    rows = [(f"campus/a/smoke/s{n % 100}", b'{"seq":%d}' % n, False) for n in range(count)]
    with subscriber(mosquitto.port) as got:
        publisher = Publisher(mosquitto.url)
        begin_s, cpu_s = time.monotonic(), time.thread_time()
        publisher.publish(rows)
        assert publisher.drain() == 0
        took_s, used_s = time.monotonic() - begin_s, time.thread_time() - cpu_s
        stats = publisher.close()
        wait_for(got, count)
    assert (stats.sent, stats.acked, stats.lost, stats.refused) == (count, count, 0, 0)
    assert [json.loads(message.payload)["seq"] for message in got] == list(range(count))
    assert all(message.qos == 1 for message in got)
    assert count / used_s > 20_000, f"{used_s:.2f} s of CPU, {took_s:.2f} s in all"


def test_lost_broker_is_waited_for_and_nothing_is_lost(mosquitto: Broker) -> None:
    """After a kill of the broker the publisher reports it, reconnects, and delivers every message at least once."""
    words: list[str] = []
    publisher = Publisher(mosquitto.url, word=words.append)
    publisher.publish([("campus/a/smoke/s", b'{"seq":%d}' % n, False) for n in range(500)])
    mosquitto.kill()
    waker = threading.Timer(0.5, mosquitto.start)
    waker.start()
    got_all: set[int] = set()
    publisher.publish([("campus/a/smoke/s", b'{"seq":%d}' % n, True) for n in range(500, 1000)])
    waker.join()
    with subscriber(mosquitto.port) as got:
        publisher.publish([("campus/a/smoke/s", b'{"seq":%d}' % n, False) for n in range(1000, 1500)])
        assert publisher.drain() == 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(b":1499" in message.payload for message in got):
            time.sleep(0.02)
        got_all |= {json.loads(message.payload)["seq"] for message in got}
    stats = publisher.close()
    assert stats.reconnects >= 1
    assert stats.lost == 0
    assert stats.acked == 1500
    assert set(range(1000, 1500)) <= got_all
    assert any("kept" in word for word in words)
    assert any("0 lost" in word for word in words)


def test_missing_broker_and_bad_topic_are_refused(mosquitto: Broker) -> None:
    """Each error has its own sentence."""
    publisher = Publisher(mosquitto.url)
    for topic in ("", "campus/+/x", "campus/#", "a\0b"):
        with pytest.raises(ValueError, match="can be published to"):
            publisher.publish([(topic, b"", False)])
    publisher.close()
    mosquitto.stop()
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1"):
        Publisher(mosquitto.url)
    with pytest.raises(BrokerUnreachable, match="mqtt://"):
        Publisher("http://127.0.0.1")


def test_large_payload_goes_through(mosquitto: Broker) -> None:
    """The remaining length takes more than one byte."""
    with subscriber(mosquitto.port) as got:
        publisher = Publisher(mosquitto.url)
        sizes = (0, 1, 127, 128, 16_383, 16_384, 300_000)
        publisher.publish([("campus/a/env/big", b"x" * size, False) for size in sizes])
        assert publisher.drain() == 0
        publisher.close()
        wait_for(got, len(sizes))
    assert [len(message.payload) for message in got] == list(sizes)


def test_live_demo_sends_history_then_the_present(mosquitto: Broker) -> None:
    """History of forty minutes at once, then smoke over 0.15 dB/m dated within 15 s of it, and a clean stop."""
    with subscriber(mosquitto.port, "campus/+/smoke/#") as got:
        demo = LivePlay(build_campus(sensors=30), load_scenario("demo"), mosquitto.url)
        begun = time.time()
        demo.start()
        assert demo.live.wait(60)
        live = time.time()
        smoke: list[dict[str, float]] = []
        while time.time() < begun + 60 and not any(content["smoke_density"] > 0.15 for content in smoke):
            time.sleep(0.2)
            payloads = [json.loads(message.payload) for message in got]
            smoke = [content for content in payloads if "smoke_density" in content]
        stats = demo.stop()
    assert demo.error is None
    assert any(content["smoke_density"] > 0.15 and content["time"] < (live + 15) * 1000 for content in smoke)
    assert min(content["time"] for content in smoke) < (begun - 2_300) * 1000
    assert max(content["time"] for content in smoke) <= time.time() * 1000
    assert stats.lost == 0


def test_load_holds_its_rate(mosquitto: Broker) -> None:
    """5,000 a second for two seconds: every message is acknowledged, and the result states the rate correctly."""
    with subscriber(mosquitto.port) as got:
        result = publish_load(mosquitto.url, 5_000, 2, 100)
        wait_for(got, 10_000)
    assert result.held == (abs(result.rate_per_s - 5_000) <= 100)
    assert result.rate_per_s <= 5_050
    assert result.unacked == 0
    assert len(got) == result.messages == result.acked == 10_000
    assert len({message.topic for message in got}) == 100
    assert len({(message.topic, json.loads(message.payload)["seq"]) for message in got}) == len(got)
