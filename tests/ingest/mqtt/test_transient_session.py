"""The passing session against a real Mosquitto: it hears everything, keeps nothing, and disturbs nobody."""

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
    """Wait for a condition; fails the test when it does not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"


@pytest.fixture
def publisher(mosquitto: Any) -> Any:
    """A device."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "device", protocol=paho.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def bodies(ear: TransientSession, number: int) -> list[bytes]:
    """The payloads of the next so many messages."""
    found: list[bytes] = []
    until(lambda: (found.extend(frame[3] for frame in ear.listen()), len(found) >= number)[-1])
    return found


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_it_hears_what_is_published_and_leaves_nothing(mosquitto: Any, publisher: Any, protocol: Any) -> None:
    """No session stays behind: what was published while it was closed is never heard; nothing retained comes."""
    ear = TransientSession(MqttSettings(url=mosquitto.url, protocol=protocol), lambda: TOPICS)
    publisher.publish("campus/s/env/old", b"0", qos=1, retain=True).wait_for_publish(10)
    until(lambda: (ear.listen(), ear.hears)[-1])
    publisher.publish("campus/s/env/a", b"1", qos=1).wait_for_publish(10)
    heard = bodies(ear, 1)
    ear.close()
    assert not ear.hears
    publisher.publish("campus/s/env/a", b"2", qos=1).wait_for_publish(10)
    until(lambda: (ear.listen(), ear.hears)[-1])
    publisher.publish("campus/s/env/a", b"3", qos=1).wait_for_publish(10)
    heard += bodies(ear, 1)
    ear.close()
    wanted = [b"1", b"3"] if protocol == "5" else [b"0", b"1", b"0", b"3"]  # 3.1.1 cannot refuse what is retained
    assert heard[-1] == b"3"
    assert set(heard) <= set(wanted)


def test_a_broker_that_restarts_is_found_again(mosquitto: Any) -> None:
    """Within seconds, and subscribed anew."""
    ear = TransientSession(MqttSettings(url=mosquitto.url), lambda: TOPICS)
    until(lambda: (ear.listen(), ear.hears)[-1])
    mosquitto.stop()
    until(lambda: (ear.listen(), not ear.hears)[-1])
    mosquitto.start()
    until(lambda: (ear.listen(), ear.hears)[-1])
    ear.close()


def test_the_session_of_the_log_keeps_everything_beside_it(mosquitto: Any, publisher: Any) -> None:
    """While the sink fails the ear hears all; nothing is acknowledged; afterwards the log has all, at first hearing."""
    failing, sealed = [True], list[Sealed]()

    def sink(batch: Sealed, /) -> None:
        if failing[0]:
            raise OSError(28, "No space left on device")
        sealed.append(batch)

    heard = FirstArrivals()
    settings = MqttSettings(url=mosquitto.url, client_id="log", receive_max=20)
    subscriber = Subscriber(settings, Intake(Catalog()), sink, time.time_ns, heard=heard)
    subscriber.start()
    until(lambda: subscriber.status()["connected"])
    until(lambda: subscriber.failing() is not None)
    ear = TransientSession(settings, subscriber.subscriptions)
    until(lambda: (ear.listen(), ear.hears)[-1])
    heard.begin()
    count, fresh = 200, []
    for number in range(count):
        publisher.publish("campus/s/env/a", b'{"level": %d}' % number, qos=1)

    def all_heard() -> bool:
        frames = ear.listen()
        fresh.extend(heard.hear(frames, time.time_ns()))
        held = [frame for chunk in subscriber.unstored() for frame in chunk.frames if not chunk.known]
        return len(fresh) + len(held) >= count

    until(all_heard)
    assert subscriber.status()["acknowledged_total"] == 0
    ear.close()
    heard.end()
    freed_ns = time.time_ns()
    failing[0] = False

    def values() -> list[float]:
        return [value for one in sealed for value in one.batch.value[one.batch.sensor > 0].tolist()]

    until(lambda: len(values()) >= count)
    subscriber.stop()
    assert values() == [float(number) for number in range(count)]
    arrivals = [at for one in sealed for at in one.batch.arrival_ns[one.batch.sensor > 0].tolist()]
    assert max(arrivals) < freed_ns
