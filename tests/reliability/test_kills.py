"""Processes killed or frozen in the middle of the stream: what the broker acknowledged is stored, each reading once."""

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
def test_kills_while_readings_wait_undecoded_lose_and_double_nothing(mosquitto: Any, rig: Any) -> None:
    """A flood of arrays that has to wait in the log, and the service killed whenever some wait: each number once."""
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
        if waits(service):
            killed += 1
            service.kill()
            service.spawn()
            rig.until(service.ready, timeout_s=30, what="ready again")
    numbers = SimpleNamespace(count=GATEWAYS * (parts * EACH + 1), sensors=GATEWAYS)
    assert flood.drain() == 0
    flood.close()
    rig.caught_up(service, numbers.count, timeout_s=240)
    rig.tell(readings=numbers.count, kills=killed)
    assert killed == kills
    assert not waits(service)
    assert service.stop() == 0
    rig.kept(service).check(numbers)


def waits(service: Any) -> int:
    """How many blocks of messages wait in the service's log."""
    with closing(sqlite3.connect(f"file:{service.data / 'telemetry.sqlite'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM spool").fetchone()[0])


def numbered(gateway: int, first: int, count: int) -> tuple[str, bytes, bool]:
    """An array of readings; number n comes from gateway n % GATEWAYS, where it has the running number n // GATEWAYS."""
    now_ms = time.time_ns() // 1_000_000
    one = b'{"time":%d,"seq":%d,"people_in_total":%d}'
    items = [one % (now_ms + seq % 1_000, seq, seq * GATEWAYS + gateway) for seq in range(first, first + count)]
    return f"campus/rel/env/d{gateway}", b"[%b]" % b",".join(items), False


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
