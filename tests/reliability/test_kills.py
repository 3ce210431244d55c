"""Processes killed or frozen in the middle of the stream: what the broker acknowledged is stored, each reading once."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

RATE, SENSORS = 2_000, 50
READINGS, KILLS = 16_000, 6
READINGS_LONG, KILLS_LONG = 1_000_000, 100
FROZEN_S, FROZEN_LONG_S = 6, 60


@pytest.mark.broker
@pytest.mark.parametrize("roles", [("all",), ("ingest", "detect", "alert")], ids=["all", "roles"])
def test_kills_of_any_process_lose_and_double_nothing(roles: tuple[str, ...], mosquitto: Any, rig: Any) -> None:
    """A role chosen by chance is killed again and again at 2,000 readings/s: each number once, each alarm a ticket."""
    readings, kills = rig.size(READINGS, READINGS_LONG), rig.size(KILLS, KILLS_LONG)
    service = rig.service(mosquitto.url)
    service.start(*roles)
    alarms = rig.alarms(mosquitto.port, service)
    sender = rig.sender(mosquitto.url, rate=RATE, count=readings, sensors=SENSORS)
    pause_s = readings / RATE / kills
    for _ in range(kills):
        time.sleep(rig.dice.uniform(0.5, 1.5) * pause_s / 2)
        alarms.sound()
        time.sleep(rig.dice.uniform(0.0, 0.3))
        role = rig.dice.choice(roles)
        service.kill(role)
        service.spawn(role)
        time.sleep(rig.dice.uniform(0.5, 1.5) * pause_s / 2)
    sender.finish(timeout_s=60 + readings / RATE)
    rig.caught_up(service, readings + kills)
    rig.until(lambda: not alarms.missing(), timeout_s=20, what="a ticket for every alarm")
    assert not alarms.doubled
    assert service.client().get("/accounting").json()["total"]["residual"] == 0
    assert service.stop() == 0
    rig.kept(service).check(sender)
    rig.tell(readings=readings, kills=kills, slowest_alarm_s=round(max(alarms.seconds.values()), 1))


@pytest.mark.broker
def test_a_frozen_service_goes_on_where_it_was(mosquitto: Any, rig: Any) -> None:
    """SIGSTOP while readings stream in, then SIGCONT: nothing lost, nothing doubled, caught up within seconds."""
    frozen_s = rig.size(FROZEN_S, FROZEN_LONG_S)
    service = rig.service(mosquitto.url)
    service.start()
    sender = rig.sender(mosquitto.url, rate=RATE, count=RATE * (frozen_s + 3), sensors=SENSORS)
    time.sleep(2)
    service.signal(signal.SIGSTOP)
    time.sleep(frozen_s)
    service.signal(signal.SIGCONT)
    began_s = time.monotonic()
    sender.finish()
    rig.caught_up(service, sender.count)
    rig.tell(frozen_s=frozen_s, caught_up_s=round(time.monotonic() - began_s, 1))
    assert service.stop() == 0
    rig.kept(service).check(sender)
