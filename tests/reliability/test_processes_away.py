"""Each process killed or frozen for 30 s: every fire pages and has one ticket."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

AWAY_S, AWAY_SHORT_S = 30, 8
PAGED_S = 30
ROLES = ("ingest", "detect", "alert")
BROKER = "broker"
WAYS = [(part, number) for part in (*ROLES, BROKER) for number in (signal.SIGSTOP, signal.SIGKILL)]
SHORT = [("alert", signal.SIGSTOP), ("alert", signal.SIGKILL)]
"""The other processes have short runs in `test_service_faults.py`."""


@pytest.mark.broker
def test_a_process_away_costs_no_fire(mosquitto: Any, rig: Any, sink: Any, notify: str) -> None:
    """Fires at the start, during and after the absence page within 30 s of its end, and have one ticket each."""
    service = rig.service(mosquitto.url, extra=notify)
    service.start(*ROLES)
    alarms = rig.alarms(mosquitto.port, service)
    slowest_s = 0.0
    for part, number in WAYS if rig.long else SHORT:
        away(service, mosquitto, part, number)
        ended_s = time.monotonic() + rig.size(AWAY_SHORT_S, AWAY_S)
        places = [] if part == BROKER else alarms.every(0.5, 4)
        rig.until(lambda end_s=ended_s: time.monotonic() > end_s, timeout_s=2 * AWAY_S, what="the end of the absence")
        back(service, mosquitto, part, number)
        back_s = time.monotonic()
        places += alarms.every(0.5, 2)
        wanted = set(places)
        rig.until(lambda wanted=wanted: wanted <= set(sink.alarms()), timeout_s=PAGED_S, what=f"pages after {part}")
        slowest_s = max(slowest_s, time.monotonic() - back_s)
        rig.until(lambda: not alarms.missing(), timeout_s=PAGED_S, what=f"a ticket for every alarm after {part}")
        rig.until(service.ready, timeout_s=60, what=f"ready after {part}")
    rig.caught_up(service, len(alarms.raised))
    rig.report(ways=len(WAYS if rig.long else SHORT), paged_after_return_s=round(slowest_s, 1))
    assert not alarms.duplicated


def away(service: Any, broker: Any, part: str, number: signal.Signals) -> None:
    """Freeze or kill a process."""
    if part == BROKER:
        os.kill(broker.pid, number)
    else:
        service.processes[part].send_signal(number)


def back(service: Any, broker: Any, part: str, number: signal.Signals) -> None:
    """Continue a frozen process, or start a killed one again."""
    if number == signal.SIGSTOP:
        away(service, broker, part, signal.SIGCONT)
    elif part == BROKER:
        broker.kill()
        broker.start()
    else:
        service.processes[part].wait(10)
        service.spawn(part)
