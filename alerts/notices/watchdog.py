"""Watchdog: synthetic alarms from the detection through the outbox to a channel of their own.

An alarm of the head takes the path of any life-safety alarm: broker, intake, log, detection, database, outbox,
channel. It opens no hazard and appears in no list, count or journal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, delete, select

from alerts.database import rows
from alerts.database.commits import mark_written
from alerts.database.schema import notices
from alerts.model import Notice, Receipt, identity
from detectors import WATCHDOG, DetectionBatch, Phase

MISSED = 1.8
"""Intervals without an alarm at the channel after which the path is interrupted."""
START_S = 30.0
"""Further time at a start, while the parts load."""


def real_rows(detections: DetectionBatch, rows_of: range) -> tuple[list[int], bool]:
    """Return the rows that are no alarm of the synthetic head, and whether one of the others begins."""
    kept, begins = [], False
    for row in rows_of:
        if detections.hazard[row] == WATCHDOG:
            begins = begins or detections.phase[row] == Phase.RAISE
        else:
            kept.append(row)
    return kept, begins


def queue_alarm(connection: Connection, now_ns: int) -> None:
    """Queue the alarm of the synthetic head for its channel, unless one waits already; forget delivered ones."""
    mine = notices.c.channel == WATCHDOG
    connection.execute(delete(notices).where(mine, notices.c.state != "pending"))
    if connection.execute(select(notices.c.id).where(mine)).first() is None:
        key = f"msg_{identity(WATCHDOG, now_ns)}"
        notice = Notice.pending(key, channel=WATCHDOG, type=WATCHDOG, body={}, at_ns=now_ns)
        rows.add(connection, notices, notice)
        mark_written(connection)


class WatchdogChannel:
    """Last station of the synthetic alarms: measures the time since the last one."""

    name = WATCHDOG
    for_programs = False

    def __init__(self, every_s: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """every_s: interval between two alarms."""
        self._every_s, self._monotonic = every_s, monotonic
        self._lock = threading.Lock()
        self._passed_s = monotonic() + START_S
        self.passed_total = 0

    def deliver(self, notice: Notice) -> Receipt:  # noqa: ARG002 - signature of Channel
        """Record the alarm."""
        with self._lock:
            self._passed_s = self._monotonic()
            self.passed_total += 1
        return Receipt(delivered=True)

    def age_s(self) -> float:
        """Return the seconds since the last alarm, or since the end of the start; 0.0 during the start."""
        with self._lock:
            return max(0.0, self._monotonic() - self._passed_s)

    def interrupted(self) -> bool:
        """Return whether the path from the broker to this channel is interrupted."""
        return self.age_s() > MISSED * self._every_s

    def passes(self) -> bool:
        """Return whether an alarm has arrived, and the path is not interrupted."""
        return bool(self.passed_total) and not self.interrupted()
