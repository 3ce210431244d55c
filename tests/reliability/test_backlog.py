"""A service that was away: the broker sends all that it kept, as fast as it can."""

from __future__ import annotations

import time
from typing import Any

import pytest

RATE, SENSORS = 10_000, 500
BACKLOG, BACKLOG_LONG = 40_000, 1_000_000
ALARM_S = 10.0
"""A fire detector's alarm is shown within that time, whatever the load (EN 54-2)."""


@pytest.mark.broker
def test_all_that_the_broker_kept_is_taken_in_once(mosquitto: Any, rig: Any) -> None:
    """Readings of a time in which the service was down; a fire that starts while they come in is a ticket in time."""
    count = rig.size(BACKLOG, BACKLOG_LONG)
    service = rig.service(mosquitto.url)
    service.start()  # from now on the broker keeps messages for it
    assert service.stop() == 0
    sender = rig.sender(mosquitto.url, rate=RATE, count=count, sensors=SENSORS)
    sender.finish(timeout_s=60 + 3 * count / RATE)
    began_s = time.monotonic()
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    place = alarms.sound()
    rig.caught_up(service, count + 1, timeout_s=60 + count / 5_000)
    took_s = time.monotonic() - began_s
    rig.until(lambda: not alarms.missing(), timeout_s=30, what="a ticket for the fire")
    rig.tell(backlog=count, taken_in_s=round(took_s, 1), alarm_s=round(alarms.seconds[place], 1))
    assert alarms.seconds[place] <= rig.bound_s(ALARM_S)
    total = rig.kept(service).total()
    assert (total["stored"], total["quarantined"]) == (count + 1, {})
    assert service.stop() == 0
    rig.kept(service).check(sender)
