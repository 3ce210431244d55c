"""Saver of Mosquitto's store: distance between saves, independence, bounded share of time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.processes import until
from twinward.broker import saver as broker_saver
from twinward.broker.saver import EVERY_S, NOTICED_S, SHARE, distance_s, follow

WAITING = 200


@pytest.fixture
def saver(mosquitto: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a saver for the fixture's broker."""
    command = [sys.executable, "-IS", broker_saver.__file__, str(mosquitto.pid), str(mosquitto.folder / "mosquitto.db")]
    process = subprocess.Popen(command)
    yield process
    process.kill()
    process.wait()


def session(port: int) -> mqtt.Client:
    """Return a client with a persistent session, subscribed to all topics."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "keeper", protocol=mqtt.MQTTv5)
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 3_600
    client.connect("127.0.0.1", port, clean_start=False, properties=kept)
    client.loop_start()
    return client


@given(save_s=st.floats(0, 100))
def test_saving_takes_a_tenth_of_the_time_at_most(save_s: float) -> None:
    """The next save begins ten durations after the last began, and not before the minimum distance."""
    assert distance_s(save_s) >= EVERY_S
    assert save_s <= distance_s(save_s) * SHARE * 1.02 + 1e-3


@pytest.mark.broker
def test_a_killed_broker_keeps_messages_older_than_a_second(mosquitto: Any, saver: subprocess.Popen[bytes]) -> None:
    """After a second of waiting and a kill of the broker all messages exist after its restart."""
    keeper = session(mosquitto.port)
    keeper.subscribe("campus/#", qos=1)
    time.sleep(0.2)
    keeper.disconnect()
    keeper.loop_stop()
    sender = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    sender.connect("127.0.0.1", mosquitto.port)
    sender.loop_start()
    for number in range(WAITING):
        sent = sender.publish("campus/s/env/a", b"%d" % number, qos=1)
    sent.wait_for_publish(10)
    sender.disconnect()
    sender.loop_stop()
    time.sleep(3 * EVERY_S)
    mosquitto.kill()
    assert saver.wait(20) == 0  # it ends with the broker
    mosquitto.start()
    came: list[bytes] = []
    keeper = mqtt.Client(CallbackAPIVersion.VERSION2, "keeper", protocol=mqtt.MQTTv5)
    keeper.on_message = lambda _client, _data, message: came.append(message.payload)
    keeper.connect("127.0.0.1", mosquitto.port, clean_start=False)
    keeper.loop_start()
    deadline_s = time.monotonic() + 10
    while len(set(came)) < WAITING and time.monotonic() < deadline_s:
        time.sleep(0.05)
    keeper.disconnect()
    keeper.loop_stop()
    assert set(came) == {b"%d" % number for number in range(WAITING)}


@pytest.mark.broker
def test_the_store_is_saved_about_once_a_second_and_no_more(mosquitto: Any, saver: subprocess.Popen[bytes]) -> None:
    """A quiet broker saves a few times in some seconds."""
    store, seen, begin_s, took_s = mosquitto.folder / "mosquitto.db", set(), time.monotonic(), 0.0
    while took_s < 5 or (len(seen) < 3 and took_s < 30):
        took_s = time.monotonic() - begin_s
        if store.exists():
            seen.add((store.stat().st_ino, store.stat().st_mtime_ns))
        time.sleep(0.02)
    assert saver.poll() is None
    assert 3 <= len(seen) <= took_s / EVERY_S + 4  # Mosquitto's own timer saves in between


@pytest.mark.broker
def test_a_frozen_broker_is_waited_for(mosquitto: Any, saver: subprocess.Popen[bytes]) -> None:
    """After SIGSTOP of the broker beyond the limit of a save, the saver runs and continues with the broker."""
    store = mosquitto.folder / "mosquitto.db"
    time.sleep(1)
    os.kill(mosquitto.pid, signal.SIGSTOP)
    time.sleep(NOTICED_S + 1)
    os.kill(mosquitto.pid, signal.SIGCONT)
    before = store.stat().st_mtime_ns
    until(lambda: store.stat().st_mtime_ns > before, timeout_s=30, what="a save after the pause")
    assert saver.poll() is None


def test_a_process_without_a_handler_gets_no_signal() -> None:
    """SIGUSR1 ends a program without a handler, so the saver does not send it."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    saver = subprocess.Popen([sys.executable, "-IS", broker_saver.__file__, str(other.pid), "/nowhere/store"])
    try:
        time.sleep(2 * EVERY_S)
        assert other.poll() is None
        other.terminate()
        other.wait()
        assert saver.wait(20) == 0
    finally:
        for process in (other, saver):
            process.kill()
            process.wait()


def test_only_the_writing_counts_as_a_save(tmp_path: Path) -> None:
    """Time before the broker handles the signal does not count; time from the new file to its rename does."""
    store, fresh = tmp_path / "m.db", tmp_path / "m.db.new"
    turns = iter(range(1_000))

    def ended(timeout_s: float) -> bool:
        time.sleep(timeout_s)
        turn = next(turns)
        if turn == 10:
            fresh.write_bytes(b"x")
        if turn == 30:
            fresh.replace(store)
        return False

    took_s = follow(store, (0, 0), ended)
    assert 0.15 <= took_s < 2
    assert next(turns) <= 32


def test_a_missing_save_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full disk no new file appears, and the next attempt follows soon."""
    monkeypatch.setattr(broker_saver, "NOTICED_S", 0.1)
    began_s = time.monotonic()
    assert follow(tmp_path / "m.db", (0, 0), lambda timeout_s: bool(time.sleep(timeout_s))) == 0
    assert time.monotonic() - began_s < 5
