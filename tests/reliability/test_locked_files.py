"""Locked log or database: another process holds its write lock, and the service pages from memory."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import Any

import pytest

from tests.processes import wait_for_port

RATE, SENSORS = 500, 50
BUSY_S, BUSY_LONG_S = 6, 60
SENT_S, SENT_SHORT_S = 3, 6
"""Bounds of an alarm's page; a short run shares its machine."""
BACK_S = 10


@pytest.mark.broker
@pytest.mark.parametrize("file", ["telemetry.sqlite", "detections.sqlite", "alerts.sqlite"])
def test_a_locked_file_delays_no_alarm(mosquitto: Any, rig: Any, sink: Any, notify: str, file: str) -> None:
    """Each alarm during the lock is sent within seconds, once, and stored after the lock."""
    service = rig.service(mosquitto.url, extra=notify)
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    busy_s = rig.size(BUSY_S, BUSY_LONG_S)
    sender = rig.sender(mosquitto.url, rate=RATE, count=RATE * (busy_s + 6), sensors=SENSORS)
    time.sleep(2)
    alarms.every(0.2, 2)
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every early alarm")
    with closing(sqlite3.connect(service.data / file, timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        late = alarms.every(0.25, 4 * busy_s)
        rig.until(
            lambda: set(late) <= set(sink.alarms()), timeout_s=rig.size(SENT_SHORT_S, SENT_S), what="every alarm sent"
        )
        unstored = [place for place in late if place in alarms.missing()]
        other.execute("ROLLBACK")
    freed_s = time.monotonic()
    rig.until(lambda: not alarms.missing(), timeout_s=rig.bound_s(BACK_S), what="a ticket for every alarm")
    back_s = time.monotonic() - freed_s
    sender.finish()
    rig.caught_up(service, sender.count + len(alarms.raised))
    sent_s = sorted(sink.alarms()[place][0][0] - alarms.raised[place] for place in late)
    rig.report(
        busy_s=busy_s,
        alarms_from_memory=len(unstored),
        sent_after_s=[round(sent_s[len(sent_s) // 2], 2), round(sent_s[-1], 2)],
        back_s=round(back_s, 1),
    )
    assert len(unstored) >= busy_s
    assert sent_s[-1] <= rig.size(SENT_SHORT_S, SENT_S)
    notices = sink.alarms()
    assert {place: len(messages) for place, messages in notices.items()} == dict.fromkeys(notices, 1)
    assert not alarms.duplicated
    assert service.stop() == 0
    rig.data_of(service).check(sender)


HOLD = "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.mark.broker
def test_a_store_held_by_another_process_delays_no_alarm(mosquitto: Any, rig: Any, sink: Any, notify: str) -> None:
    """The service starts beside a program that has the store open, pages, and stores every reading afterwards."""
    service = rig.service(mosquitto.url, extra=notify)
    service.data.mkdir(mode=0o700)
    command = [sys.executable, "-c", HOLD, str(service.data / "readings.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        service.spawn()
        wait_for_port(service.port, timeout_s=30)
        alarms = rig.alarms(mosquitto.port, service)
        late = alarms.every(0.25, 12)
        rig.until(lambda: set(late) <= set(sink.alarms()), timeout_s=SENT_SHORT_S, what="every alarm sent")
        assert not service.ready()
    rig.caught_up(service, len(late))
    sent_s = sorted(sink.alarms()[place][0][0] - alarms.raised[place] for place in late)
    assert sent_s[-1] <= rig.size(SENT_SHORT_S, SENT_S)
    assert service.stop() == 0
