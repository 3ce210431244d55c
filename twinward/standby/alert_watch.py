"""Watch of the alert process: ingest and detection report its fault on the channels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import structlog

from alerts import AlertError, MemoryOutbox, StorageFault
from alerts.notices.channels import NotifySettings, open_channels
from twinward.data_folder.locks import ROLES

from .self_monitor import FaultReporter
from .watches import ROLE_INGEST, RoleWatch

ALERT = "alert"
EVERY_S = 0.5


class AlertWatch:
    """Causes of a dead or frozen alert process; ingest reports them, detection only while ingest fails as well."""

    def __init__(self, folder: Path, role: str, *, started_s: float) -> None:
        """folder: data folder of all roles; role: of this process; started_s: monotonic time of its start."""
        self._second = role != "ingest"
        watched = {ALERT, "ingest"} if self._second else {ALERT}
        self._roles = RoleWatch(folder, [name for name in ROLES if name not in watched], started_s=started_s)

    def look(self, now_s: float) -> dict[str, StorageFault]:
        """Return part -> cause of the fault to report; now_s: monotonic seconds. Raises OSError."""
        found = dict(self._roles.look(now_s))
        ingest = found.pop(ROLE_INGEST, None)
        return {} if self._second and ingest is None else found


def watch_alerts(folder: Path, role: str, *, notify: NotifySettings, clock: Callable[[], int], undo: ExitStack) -> None:
    """Start the watch in a process without alerts; `undo` stops it. Channels that do not open are logged."""
    try:
        channels = open_channels(notify)
    except (AlertError, OSError, ValueError) as error:
        structlog.get_logger(part="standby").warning(
            "no channel reports a fault of the alert process", error=str(error)
        )
        return
    outbox = MemoryOutbox(channels, clock)
    reporter = FaultReporter((), outbox, channels, clock)
    watch, ended = AlertWatch(folder, role, started_s=time.monotonic()), threading.Event()

    def run() -> None:
        while not ended.wait(EVERY_S):
            with suppress(OSError):
                reporter.report(watch.look(time.monotonic()), time.monotonic())

    outbox.start()
    undo.callback(outbox.stop)
    thread = threading.Thread(target=run, name="alert-watch", daemon=True)
    thread.start()
    undo.callback(thread.join, 2.0)
    undo.callback(ended.set)
