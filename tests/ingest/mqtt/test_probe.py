"""Delay probes: they measure the broker's delay, and a broker that forbids them counts as fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Catalog, Counts, Intake, Sealed
from ingest.mqtt import MqttSettings, Subscriber
from ingest.mqtt.probe import AGAIN_S, DEAF_S, EVERY_S, QUEUED_S, DelayProbe

OTHER = (0x32, 7, b"campus/s/env/d", b"{}")


def frame(payload: bytes) -> tuple[int, int, bytes, bytes]:
    """Return a probe as delivered by the broker."""
    return 0x32, 9, b"t", payload


@given(st.lists(st.floats(0.01, AGAIN_S), min_size=1, max_size=10))
def test_the_delay_is_the_round_trip_time(ways_s: list[float]) -> None:
    """A probe in flight counts with its age, a returned one with its round-trip time."""
    probe, sent, now_s = DelayProbe("t"), list[bytes](), 100.0
    for number, way_s in enumerate(ways_s, 1):
        probe.keep(now_s, lambda _topic, payload: sent.append(payload), generation=1)
        probe.keep(now_s + way_s / 2, lambda _topic, payload: sent.append(payload), generation=1)
        assert len(sent) == number
        if number > 1:
            assert probe.delay_s(now_s + way_s / 2) == pytest.approx(max(way_s / 2, ways_s[number - 2]))
        assert list(probe.sift([OTHER, frame(sent[-1]), OTHER], now_s + way_s)) == [OTHER, OTHER]
        assert probe.delay_s(now_s + 999) == pytest.approx(way_s)
        now_s += way_s + 1.01 * EVERY_S


def test_a_probe_of_an_earlier_connection_is_ignored() -> None:
    """A late probe of an earlier connection measures nothing and is not passed on."""
    probe, sent = DelayProbe("t"), list[bytes]()
    probe.keep(100, lambda _topic, payload: sent.append(payload), generation=1)
    probe.keep(200, lambda _topic, payload: sent.append(payload), generation=2)
    assert list(probe.sift([frame(sent[0])], 201)) == []
    assert probe.returned_total == 0
    assert list(probe.sift([frame(sent[1])], 203)) == []
    assert probe.delay_s(210) == 3


def test_a_dropped_probe_is_replaced() -> None:
    """After a full queue drops a probe, a later probe returns and sets the delay."""
    probe, sent = DelayProbe("t"), list[bytes]()
    probe.keep(100, lambda _topic, payload: sent.append(payload), generation=1)
    list(probe.sift([frame(sent[0])], 100.1))
    for tenth in range(1_010, 1_200):
        probe.keep(tenth / 10, lambda _topic, payload: sent.append(payload), generation=1)
    assert sent == [b"1", b"2", b"3", b"4", b"5"]
    assert probe.delay_s(120) == pytest.approx(120 - 101)
    list(probe.sift([frame(b"4")], 120))
    assert probe.delay_s(120) == pytest.approx(120 - 111)
    list(probe.sift([frame(b"5")], 120))
    probe.keep(121, lambda _topic, payload: sent.append(payload), generation=1)
    assert probe.delay_s(121.5) == pytest.approx(120 - 116)
    list(probe.sift([frame(b"6")], 121.6))
    assert probe.delay_s(130) == pytest.approx(0.6)


def test_a_broker_that_returns_no_probe_counts_as_fast() -> None:
    """The broker may forbid the topic; the next probe follows much later."""
    probe, sent = DelayProbe("t"), list[bytes]()
    for second in range(int(DEAF_S) * 3):
        probe.keep(second, lambda _topic, payload: sent.append(payload), generation=1)
        assert probe.delay_s(second) == 0.0
    assert 2 <= len(sent) <= 3


def test_a_queued_probe_counts_as_delay() -> None:
    """A queued probe counts from its sending, also the first; for 15 minutes without any return."""
    probe, sent = DelayProbe("t"), list[bytes]()
    probe.keep(100, lambda _topic, payload: sent.append(payload), generation=1)
    assert probe.delay_s(105) == 0.0
    probe.queued()
    assert probe.delay_s(105) == 5.0
    probe.keep(100 + QUEUED_S, lambda _topic, payload: sent.append(payload), generation=1)
    assert probe.delay_s(100 + QUEUED_S) == QUEUED_S
    probe.keep(101 + QUEUED_S, lambda _topic, payload: sent.append(payload), generation=1)
    assert probe.delay_s(101 + QUEUED_S) == 0.0
    assert len(sent) == 2


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_backlog_is_seen_before_the_first_probe_is_back(protocol: str, mosquitto: Any) -> None:
    """An MQTT 5 broker confirms a queued probe, which waits behind a backlog of unknown length."""
    settings = MqttSettings(url=mosquitto.url, client_id="probed", protocol=protocol, receive_max=20)

    def subscriber(sink: Callable[[Sealed], object]) -> Subscriber:
        made = Subscriber(settings, Intake(Catalog()), sink, time.time_ns, spooled=lambda _after: None)
        made.start()
        return made

    def refuse(_sealed: Sealed) -> None:
        if behind.delay_s() > 0.0:  # a refusal before this leaves the broker's confirmation of the probe unread
            raise OSError(28, "No space left on device")
        time.sleep(0.1)  # the backlog outlasts the confirmation

    before = subscriber(lambda _sealed: None)
    until(lambda: before._probe.returned_total)
    before.stop()
    device = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    device.connect("127.0.0.1", mosquitto.port)
    device.loop_start()
    sent = [device.publish("campus/s/env/a", b'{"seq": %d, "level": 1}' % number, qos=1) for number in range(600)]
    for one in sent:
        one.wait_for_publish(60)
    device.disconnect()
    device.loop_stop()
    behind = subscriber(refuse)
    if protocol == "5":
        until(lambda: behind.delay_s() > 1.0)
        assert behind._probe.returned_total == 0
    else:  # all may be in flight together with the probe, and the delay is unknown until its return
        seen_s = list[float]()
        until(lambda: (seen_s.append(behind.delay_s()), len(seen_s) > 60)[-1])
        assert behind._probe.returned_total > 0 or max(seen_s) == 0.0
    behind.stop(timeout_s=2)


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, polled every 50 ms for at most 20 s."""
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


@pytest.mark.broker
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_probes_return_and_are_no_readings(protocol: str, mosquitto: Any) -> None:
    """With a real broker, probes are measured, acknowledged, and in no account."""
    stored: list[Sealed] = []
    settings = MqttSettings(url=mosquitto.url, client_id="probed", protocol=protocol)
    subscriber = Subscriber(settings, Intake(Catalog()), stored.append, time.time_ns, spooled=lambda _after: None)
    subscriber.start()
    deadline_s = time.monotonic() + 20
    while subscriber._probe.returned_total < 3 and time.monotonic() < deadline_s:
        time.sleep(0.05)
    status = subscriber.status()
    subscriber.stop()
    assert subscriber._probe.returned_total >= 3
    assert status["delay_s"] < 5
    assert status["acknowledged_total"] + status["unacked"] >= 3
    reasons = {count.reason for sealed in stored for count in sealed.of(Counts).rows}
    assert reasons == (set() if protocol == "5" else {"ignored"})  # 3.1.1 delivers the service's own status
