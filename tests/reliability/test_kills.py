"""Kills and freezes of processes under load: each acknowledged reading is stored once."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from simulators.play.publisher import Publisher

RATE, SENSORS = 2_000, 50
READINGS, KILLS = 16_000, 6
READINGS_LONG, KILLS_LONG = 1_000_000, 100
FROZEN_S, FROZEN_LONG_S = 6, 60
GATEWAYS, EACH, ARRAYS_MAX = 100, 100, 1_500


@pytest.mark.broker
@pytest.mark.parametrize("roles", [("all",), ("ingest", "detect", "alert")], ids=["all", "roles"])
def test_kills_of_any_process_cause_no_loss_or_duplicate(roles: tuple[str, ...], mosquitto: Any, rig: Any) -> None:
    """Repeated kills of a random role at 2,000 readings/s: each number is stored once, each alarm has a ticket."""
    readings, kills = rig.size(READINGS, READINGS_LONG), rig.size(KILLS, KILLS_LONG)
    service = rig.service(mosquitto.url)
    service.start(*roles)
    alarms = rig.alarms(mosquitto.port, service)
    sender = rig.sender(mosquitto.url, rate=RATE, count=readings, sensors=SENSORS)
    pause_s = readings / RATE / kills
    for _ in range(kills):
        time.sleep(rig.rng.uniform(0.5, 1.5) * pause_s / 2)
        alarms.raise_one()
        time.sleep(rig.rng.uniform(0.0, 0.3))
        role = rig.rng.choice(roles)
        service.kill(role)
        service.spawn(role)
        time.sleep(rig.rng.uniform(0.5, 1.5) * pause_s / 2)
    sender.finish(timeout_s=60 + readings / RATE)
    rig.caught_up(service, readings + kills)
    rig.until(lambda: not alarms.missing(), timeout_s=20, what="a ticket for every alarm")
    assert not alarms.duplicated
    assert service.client().get("/accounting").json()["total"]["residual"] == 0
    assert service.stop() == 0
    rig.data_of(service).check(sender)
    rig.report(readings=readings, kills=kills, slowest_alarm_s=round(max(alarms.seconds.values()), 1))


@pytest.mark.broker
def test_kills_with_spooled_messages_cause_no_loss_or_duplicate(mosquitto: Any, rig: Any) -> None:
    """Kills during an overload, while undecoded arrays are in the spool: each number is stored once."""
    service = rig.service(mosquitto.url)
    service.start()
    kills = rig.size(1, 20)
    flood = Publisher(mosquitto.url, client_id="flood", window=2_000)
    flood.publish([numbered(gateway, 0, 1) for gateway in range(GATEWAYS)])
    assert flood.drain() == 0
    rig.caught_up(service, GATEWAYS)
    parts = killed = 0
    while killed < kills and parts < ARRAYS_MAX:
        flood.publish([numbered(gateway, 1 + parts * EACH, EACH) for gateway in range(GATEWAYS)])
        parts += 1
        if spooled(service):
            killed += 1
            service.kill()
            service.spawn()
            rig.until(service.ready, timeout_s=120, what="ready again")
    numbers = SimpleNamespace(count=GATEWAYS * (parts * EACH + 1), sensors=GATEWAYS)
    assert flood.drain() == 0
    flood.close()
    rig.caught_up(service, numbers.count, timeout_s=240)
    rig.report(readings=numbers.count, kills=killed)
    assert killed == kills
    assert not spooled(service)
    assert service.stop() == 0
    rig.data_of(service).check(numbers)


def spooled(service: Any) -> int:
    """Return the number of undecoded blocks in the spool of the service."""
    with closing(sqlite3.connect(f"file:{service.data / 'telemetry.sqlite'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM spool").fetchone()[0])


def numbered(gateway: int, first: int, count: int) -> tuple[str, bytes, bool]:
    """Return an array of readings; number n comes from gateway n % GATEWAYS with sequence number n // GATEWAYS."""
    now_ms = time.time_ns() // 1_000_000
    one = b'{"time":%d,"seq":%d,"people_in_total":%d}'
    items = [one % (now_ms + seq % 1_000, seq, seq * GATEWAYS + gateway) for seq in range(first, first + count)]
    return f"campus/rel/env/d{gateway}", b"[%b]" % b",".join(items), False


@pytest.mark.broker
def test_a_frozen_service_resumes_without_loss(mosquitto: Any, rig: Any) -> None:
    """SIGSTOP under load, then SIGCONT: each reading is stored once, and the backlog clears within seconds."""
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
    rig.report(frozen_s=frozen_s, caught_up_s=round(time.monotonic() - began_s, 1))
    assert service.stop() == 0
    rig.data_of(service).check(sender)
