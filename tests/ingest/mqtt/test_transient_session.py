"""Transient session with a real Mosquitto: receives all live messages and leaves no state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest

from ingest import Catalog, Intake, Sealed
from ingest.mqtt import FirstArrivals, MqttSettings, Subscriber, TransientSession

pytestmark = pytest.mark.broker
TOPICS = ["campus/+/+/+"]


def until(condition: Callable[[], object], *, timeout_s: float = 20) -> None:
    """Wait for a condition; fail the test on timeout."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"


@pytest.fixture
def publisher(mosquitto: Any) -> Any:
    """Connect a device."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "device", protocol=paho.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def bodies(session: TransientSession, number: int) -> list[bytes]:
    """Return the payloads of the next `number` messages."""
    found: list[bytes] = []
    until(lambda: (found.extend(frame[3] for frame in session.receive()), len(found) >= number)[-1])
    return found


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_it_receives_live_messages_and_leaves_no_session(mosquitto: Any, publisher: Any, protocol: Any) -> None:
    """Messages published while it is closed never arrive, and no retained message arrives."""
    session = TransientSession(MqttSettings(url=mosquitto.url, protocol=protocol), lambda: TOPICS)
    publisher.publish("campus/s/env/old", b"0", qos=1, retain=True).wait_for_publish(10)
    until(lambda: (session.receive(), session.subscribed)[-1])
    publisher.publish("campus/s/env/a", b"1", qos=1).wait_for_publish(10)
    received = bodies(session, 1)
    session.close()
    assert not session.subscribed
    publisher.publish("campus/s/env/a", b"2", qos=1).wait_for_publish(10)
    until(lambda: (session.receive(), session.subscribed)[-1])
    publisher.publish("campus/s/env/a", b"3", qos=1).wait_for_publish(10)
    received += bodies(session, 1)
    session.close()
    wanted = [b"1", b"3"] if protocol == "5" else [b"0", b"1", b"0", b"3"]  # 3.1.1 cannot exclude retained messages
    assert received[-1] == b"3"
    assert set(received) <= set(wanted)


def test_a_broker_that_restarts_is_found_again(mosquitto: Any) -> None:
    """It reconnects within seconds and subscribes again."""
    session = TransientSession(MqttSettings(url=mosquitto.url), lambda: TOPICS)
    until(lambda: (session.receive(), session.subscribed)[-1])
    mosquitto.stop()
    until(lambda: (session.receive(), not session.subscribed)[-1])
    mosquitto.start()
    until(lambda: (session.receive(), session.subscribed)[-1])
    session.close()


def test_the_session_of_the_log_loses_nothing_beside_it(mosquitto: Any, publisher: Any) -> None:
    """While the sink fails it receives all, acknowledging nothing; later the log has all, with first arrivals."""
    failing, sealed = [True], list[Sealed]()

    def sink(batch: Sealed, /) -> None:
        if failing[0]:
            raise OSError(28, "No space left on device")
        sealed.append(batch)

    first_arrivals = FirstArrivals()
    settings = MqttSettings(url=mosquitto.url, client_id="log", receive_max=20)
    subscriber = Subscriber(settings, Intake(Catalog()), sink, time.time_ns, first_arrivals=first_arrivals)
    subscriber.start()
    until(lambda: subscriber.status()["connected"])
    until(lambda: subscriber.failing() is not None)
    session = TransientSession(settings, subscriber.subscriptions)
    until(lambda: (session.receive(), session.subscribed)[-1])
    first_arrivals.begin()
    count, fresh = 200, []
    for number in range(count):
        publisher.publish("campus/s/env/a", b'{"level": %d}' % number, qos=1)

    def all_received() -> bool:
        frames = session.receive()
        fresh.extend(first_arrivals.receive(frames, time.time_ns()))
        held = [frame for chunk in subscriber.unstored() for frame in chunk.frames if not chunk.known]
        return len(fresh) + len(held) >= count

    until(all_received)
    assert subscriber.status()["acknowledged_total"] == 0
    session.close()
    first_arrivals.end()
    freed_ns = time.time_ns()
    failing[0] = False

    def values() -> list[float]:
        return [value for one in sealed for value in one.batch.value[one.batch.sensor > 0].tolist()]

    until(lambda: len(values()) >= count)
    subscriber.stop()
    assert values() == [float(number) for number in range(count)]
    arrivals = [at for one in sealed for at in one.batch.arrival_ns[one.batch.sensor > 0].tolist()]
    assert max(arrivals) < freed_ns
