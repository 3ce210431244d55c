"""Backlog after a downtime of the service: the broker delivers its queue at full speed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

RATE, SENSORS = 10_000, 500
BACKLOG, BACKLOG_LONG = 40_000, 2_000_000
ALARMS, ALARMS_LONG = 4, 40
ALARM_S = 10.0
"""Limit for the display of a fire detector's alarm at any load (EN 54-2)."""


@pytest.mark.broker
def test_the_backlog_of_the_broker_is_stored_once(mosquitto: Any, rig: Any, sink: Any, notify: str) -> None:
    """Each reading of the downtime is stored once; fires during the backfill page in time, and once."""
    count = rig.size(BACKLOG, BACKLOG_LONG)
    service = rig.service(mosquitto.url, extra=notify)
    service.start()  # from now on the broker queues messages for it
    assert service.stop() == 0
    sender = rig.sender(mosquitto.url, rate=RATE, count=count, sensors=SENSORS)
    sender.finish(timeout_s=60 + 3 * count / RATE)
    began_s = time.monotonic()
    service.start()
    alarms = rig.alarms(mosquitto.port, service)
    places = alarms.every(0.25, rig.size(ALARMS, ALARMS_LONG))
    rig.until(lambda: set(places) <= set(sink.alarms()), timeout_s=120, what="every alarm sent")
    rig.caught_up(service, count + len(places), timeout_s=60 + count / 5_000)
    took_s = time.monotonic() - began_s
    rig.until(lambda: not alarms.missing(), timeout_s=30, what="a ticket for every fire")
    sent_s = {place: messages[0][0] - alarms.raised[place] for place, messages in sink.alarms().items()}
    before_ticket = [place for place in places if sent_s[place] < alarms.seconds[place]]
    rig.report(
        backlog=count,
        accepted_s=round(took_s, 1),
        sent_after_s=[round(float(np.median(list(sent_s.values()))), 2), round(max(sent_s.values()), 2)],
        ticket_after_s=round(max(alarms.seconds.values()), 1),
        sent_before_the_log=len(before_ticket),
    )
    assert max(sent_s.values()) <= rig.bound_s(ALARM_S)
    notices = sink.alarms()
    assert {place: len(messages) for place, messages in notices.items()} == dict.fromkeys(notices, 1)
    total = rig.data_of(service).total()
    assert (total["stored"], total["quarantined"]) == (count + len(places), {})
    assert not alarms.duplicated
    assert service.stop() == 0
    rig.data_of(service).check(sender)
