"""The embedded broker killed, with the configuration that is shipped: what waits in it, what is lost, what is told."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np
import pytest

RATE, SENSORS = 2_000, 50
KILLS, KILLS_LONG = 3, 20
SAVED_EVERY_S = 1.0
"""From the beginning of one save to the end of the next (`twinward/broker/saver.py`)."""

HOUR = 3_600

GAP_TOLD_S = 30


@pytest.fixture
def embedded(mosquitto: Any, rig: Any) -> tuple[Any, str]:
    """A service with its own broker, and that broker's address; the fixture's broker only lends its port."""
    mosquitto.stop()
    service = rig.service(mosquitto.url, extra=f"[broker]\nembedded = true\nport = {mosquitto.port}\n")
    service.start()
    return service, mosquitto.url


def broker_pid(service: Any) -> int:
    """Process id of the embedded broker."""
    return int((service.data / "broker" / "mosquitto.pid").read_text())


def kill_broker(service: Any) -> int:
    """End the embedded broker with SIGKILL; gives its process id."""
    pid = broker_pid(service)
    os.kill(pid, signal.SIGKILL)
    return pid


def keeping_up(service: Any, client: Any, sender: Any) -> bool:
    """Whether all that the broker acknowledged a moment ago is in the log."""
    acked = len(sender.acked())
    total = client.get("/accounting").json()["total"]
    return bool(service.ready() and acked and total["stored"] >= acked)


@pytest.mark.broker
def test_kills_of_the_broker_lose_nothing_while_the_service_keeps_up(embedded: tuple[Any, str], rig: Any) -> None:
    """Again and again, whenever nothing waits: the broker comes up by itself, every number is stored once.

    The sender goes on until the last kill is over, so that each one hits a broker that is up and busy.
    """
    service, url = embedded
    kills = rig.size(KILLS, KILLS_LONG)
    sender = rig.sender(url, rate=RATE, count=RATE * HOUR, sensors=SENSORS)
    client, away_s = service.client(), []
    for _ in range(kills):
        time.sleep(rig.dice.uniform(0.0, 1.0))
        rig.until(lambda: keeping_up(service, client, sender), timeout_s=30, what="kept up", every_s=0.05)
        acked, killed, killed_s = len(sender.acked()), kill_broker(service), time.monotonic()
        rig.until(
            lambda acked=acked, killed=killed: (
                broker_pid(service) != killed and len(sender.acked()) > acked + RATE // 2
            ),
            timeout_s=30,
            what="another broker takes readings",
        )
        away_s.append(time.monotonic() - killed_s)
    sender.enough()
    counts = sender.finish()
    rig.caught_up(service, sender.count)
    rig.tell(kills=kills, readings=sender.count, slowest_back_s=round(max(away_s), 1), **counts)
    assert counts["reconnects"] >= kills
    assert service.stop() == 0
    rig.kept(service).check(sender)


@pytest.mark.broker
def test_what_a_killed_broker_forgets_is_bounded_and_told(embedded: tuple[Any, str], rig: Any) -> None:
    """The service frozen, readings waiting, then the kill: a second of traffic at most, told device by device."""
    service, url = embedded
    waited_s = rig.dice.uniform(2.0, rig.size(3, 60))
    sender = rig.sender(url, rate=RATE, count=int(RATE * (waited_s + 6)), sensors=SENSORS)
    time.sleep(2)
    service.signal(signal.SIGSTOP)
    time.sleep(waited_s)
    kill_broker(service)
    service.signal(signal.SIGCONT)
    lost = lost_and_told(service, sender, rig, backlog=int(RATE * waited_s))
    assert len(lost) <= RATE * SAVED_EVERY_S


@pytest.mark.broker
def test_what_a_broker_forgot_while_the_service_was_down_is_told(mosquitto: Any, rig: Any) -> None:
    """The service killed, readings waiting, the broker killed too: after the start each lost reading at its device."""
    service, waited_s = rig.service(mosquitto.url), rig.size(3, 60)
    service.start()
    sender = rig.sender(mosquitto.url, rate=RATE, count=int(RATE * (waited_s + 10)), sensors=SENSORS)
    time.sleep(2 + rig.dice.uniform(0.0, 1.0))
    service.kill()
    time.sleep(waited_s)
    mosquitto.kill()
    mosquitto.start()
    service.start()
    lost = lost_and_told(service, sender, rig, backlog=int(RATE * waited_s))
    assert len(lost) > 0


def lost_and_told(service: Any, sender: Any, rig: Any, *, backlog: int) -> Any:
    """The numbers that are nowhere, once each was reported at its device; all others are there."""
    sender.finish()
    finished_s = time.monotonic()
    client = service.client()
    kept = rig.kept(service)
    rig.until(lambda: not any(client.get("/accounting").json()["lag"].values()), timeout_s=30, what="caught up")
    lost = np.setdiff1d(np.arange(sender.count), np.concatenate(list(kept.logged().values())))

    def told() -> bool:
        return sum(numbers.sum() for numbers in kept.logged(metric=kept.gap).values()) >= len(lost)

    rig.until(told, timeout_s=GAP_TOLD_S, what="every lost reading reported")
    rig.tell(backlog=backlog, lost=len(lost), told_s=round(time.monotonic() - finished_s, 1))
    gaps = {sensor: int(numbers.sum()) for sensor, numbers in kept.logged(metric=kept.gap).items()}
    assert gaps == {f"d{k}": n for k, n in enumerate(np.bincount(lost % SENSORS).tolist()) if n}
    assert client.get("/accounting").json()["notices"].get("data_gap", 0) == len(lost)
    assert service.stop() == 0
    kept.check(sender, lost=lost)
    return lost
