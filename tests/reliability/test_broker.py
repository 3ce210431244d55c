"""Kills of the embedded broker with the shipped configuration: bounded and reported losses."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import numpy as np
import pytest

from twinward.broker import Accounts

RATE, SENSORS = 2_000, 50
KILLS, KILLS_LONG = 3, 20
SAVED_EVERY_S = 1.0
"""From the start of one save to the end of the next (`twinward/broker/saver.py`)."""

HOUR = 3_600

GAP_REPORTED_S = 30


@pytest.fixture
def embedded(mosquitto: Any, rig: Any) -> tuple[Any, str]:
    """A service with an embedded broker, and the URL of the sender; the fixture only provides the port."""
    mosquitto.stop()
    service = rig.service(mosquitto.url, extra=f"[broker]\nembedded = true\nport = {mosquitto.port}\n")
    password = Accounts(service.data / "broker", "twinward").add("sender", site="", prefixes=["campus/rel"])
    service.start()
    return service, f"mqtt://sender:{password}@127.0.0.1:{mosquitto.port}"


def broker_pid(service: Any) -> int:
    """Return the process id of the embedded broker."""
    return int((service.data / "broker" / "mosquitto.pid").read_text())


def kill_broker(service: Any) -> int:
    """End the embedded broker with SIGKILL; return its process id."""
    pid = broker_pid(service)
    os.kill(pid, signal.SIGKILL)
    return pid


def without_lag(service: Any, client: Any, sender: Any) -> bool:
    """Return whether the log contains all readings that the broker had acknowledged at the time of the call."""
    acked = len(sender.acked())
    total = client.get("/accounting").json()["total"]
    return bool(service.ready() and acked and total["stored"] >= acked)


@pytest.mark.broker
def test_kills_of_the_broker_lose_nothing_without_a_backlog(embedded: tuple[Any, str], rig: Any) -> None:
    """Repeated kills while its queue is empty: the broker restarts automatically, every number is stored once.

    The sender runs until after the last kill: each kill hits a running, loaded broker.
    """
    service, url = embedded
    kills = rig.size(KILLS, KILLS_LONG)
    sender = rig.sender(url, rate=RATE, count=RATE * HOUR, sensors=SENSORS)
    client, away_s = service.client(), []
    for _ in range(kills):
        time.sleep(rig.rng.uniform(0.0, 1.0))
        rig.until(lambda: without_lag(service, client, sender), timeout_s=30, what="no lag", every_s=0.05)
        acked, killed, killed_s = len(sender.acked()), kill_broker(service), time.monotonic()
        rig.until(
            lambda acked=acked, killed=killed: (
                broker_pid(service) != killed and len(sender.acked()) > acked + RATE // 2
            ),
            timeout_s=30,
            what="another broker takes readings",
        )
        away_s.append(time.monotonic() - killed_s)
    sender.end_early()
    counts = sender.finish()
    rig.caught_up(service, sender.count)
    rig.report(kills=kills, readings=sender.count, slowest_back_s=round(max(away_s), 1), **counts)
    assert counts["reconnects"] >= kills
    assert service.stop() == 0
    rig.data_of(service).check(sender)


@pytest.mark.broker
def test_losses_of_a_killed_broker_are_bounded_and_reported(embedded: tuple[Any, str], rig: Any) -> None:
    """A kill with a backlog behind a frozen service loses a second of traffic at most, reported by device."""
    service, url = embedded
    waited_s = rig.rng.uniform(2.0, rig.size(3, 60))
    sender = rig.sender(url, rate=RATE, count=int(RATE * (waited_s + 6)), sensors=SENSORS)
    time.sleep(2)
    service.signal(signal.SIGSTOP)
    time.sleep(waited_s)
    kill_broker(service)
    service.signal(signal.SIGCONT)
    lost = lost_and_reported(service, sender, rig, backlog=int(RATE * waited_s))
    assert len(lost) <= RATE * SAVED_EVERY_S


@pytest.mark.broker
def test_losses_of_a_broker_during_a_downtime_are_reported(mosquitto: Any, rig: Any) -> None:
    """Service killed, then the broker with a backlog: after the start each lost reading is reported at its device."""
    service, waited_s = rig.service(mosquitto.url), rig.size(3, 60)
    service.start()
    sender = rig.sender(mosquitto.url, rate=RATE, count=int(RATE * (waited_s + 10)), sensors=SENSORS)
    time.sleep(2 + rig.rng.uniform(0.0, 1.0))
    service.kill()
    time.sleep(waited_s)
    mosquitto.kill()
    mosquitto.start()
    service.start()
    lost = lost_and_reported(service, sender, rig, backlog=int(RATE * waited_s))
    assert len(lost) > 0


def lost_and_reported(service: Any, sender: Any, rig: Any, *, backlog: int) -> Any:
    """Return the lost numbers. Checks that each was reported at its device and that all others are stored."""
    sender.finish()
    finished_s = time.monotonic()
    client = service.client()
    data = rig.data_of(service)
    rig.until(lambda: not any(client.get("/accounting").json()["lag"].values()), timeout_s=30, what="caught up")
    lost = np.setdiff1d(np.arange(sender.count), np.concatenate(list(data.logged().values())))

    def reported() -> bool:
        return sum(numbers.sum() for numbers in data.logged(metric=data.gap).values()) >= len(lost)

    rig.until(reported, timeout_s=GAP_REPORTED_S, what="every lost reading reported")
    rig.report(backlog=backlog, lost=len(lost), reported_s=round(time.monotonic() - finished_s, 1))
    gaps = {sensor: int(numbers.sum()) for sensor, numbers in data.logged(metric=data.gap).items()}
    assert gaps == {f"d{k}": n for k, n in enumerate(np.bincount(lost % SENSORS).tolist()) if n}
    assert client.get("/accounting").json()["notices"].get("data_gap", 0) == len(lost)
    assert service.stop() == 0
    data.check(sender, lost=lost)
    return lost
