"""Reports faults of the service: start and end once each, flapping faults rarely; disk space."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from alerts import NEARLY_FULL, MemoryOutbox, ServiceFault, StorageFault, fault_notices
from alerts.notices.channels import Channel
from twinward.data_folder.watch import FILES

from .duty_watch import ESCALATION
from .watches import BROKER, PATH, ROLE, ROLE_DETECT, ROLE_INGEST

LOG, DISK, BACKLOG = "log", "disk", "backlog"
"""Parts besides the stages."""
RED = frozenset((LOG, BACKLOG, BROKER, ESCALATION, FILES, PATH, ROLE_INGEST, ROLE_DETECT, f"{ROLE}alert"))
"""Parts besides the stages whose fault is red: alarms come late, from memory, or not at all; also single chains."""
EXPLAINING = RED - {PATH, ESCALATION}
"""Parts whose fault explains an interrupted path of alarms. A page that reaches nobody does not."""
FREE_SHARE_MIN = 0.05
"""Smallest free share of the disk."""

NOTIFY_AFTER_S = 2.0
CALM_S = 10.0
CALM_S_MAX = 300.0
RELAPSE_S = 600.0
SPACE_EVERY_S = 5.0
SPACE_MARGIN = 0.01


@dataclass(slots=True)
class _OpenFault:
    fault: ServiceFault
    since_s: float
    seen_s: float
    notified: bool = False


class SelfMonitor:
    """Debounces faults: present causes in, faults to report out. Times in monotonic seconds and ns since 1970.

    A fault is reported after two seconds, and its end after ten seconds without it. A fault that returns within these
    ten seconds is the same one. One that returns within ten minutes of its end must be absent for twice the time
    before, at most five minutes: a flapping fault stays on the screen and does not page every few seconds.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._open: dict[str, _OpenFault] = {}
        self._calm_s: dict[str, float] = {}
        self._ended_s: dict[str, float] = {}

    @property
    def faults(self) -> list[ServiceFault]:
        """Faults that were reported and last."""
        return [one.fault for one in self._open.values() if one.notified]

    def is_open(self, part: str) -> bool:
        """Return whether the part has a fault that has not ended, reported or not."""
        return part in self._open

    def update(
        self, causes: Mapping[str, StorageFault], now_s: float, *, warnings: Collection[str]
    ) -> list[ServiceFault]:
        """Return the faults to report now. causes: part -> present cause; warnings: parts of grade yellow."""
        for part, cause in causes.items():
            grade = "yellow" if part in warnings else "red"
            fresh = _OpenFault(ServiceFault(part, cause, self._clock(), grade), now_s, now_s)
            self._open.setdefault(part, fresh).seen_s = now_s
        return [*self._started(now_s), *self._ended(now_s)]

    def _started(self, now_s: float) -> list[ServiceFault]:
        found = []
        for part, one in self._open.items():
            if not one.notified and one.seen_s - one.since_s >= NOTIFY_AFTER_S:
                one.notified = True
                relapsed = now_s - self._ended_s.get(part, -RELAPSE_S) < RELAPSE_S
                self._calm_s[part] = min(self._calm_s.get(part, CALM_S) * 2, CALM_S_MAX) if relapsed else CALM_S
                found.append(one.fault)
        return found

    def _ended(self, now_s: float) -> list[ServiceFault]:
        found = []
        for part, one in list(self._open.items()):
            calm_s = self._calm_s.get(part, CALM_S) if one.notified else NOTIFY_AFTER_S
            if now_s - one.seen_s < calm_s:
                continue
            del self._open[part]
            if one.notified:
                self._ended_s[part] = now_s
                found.append(replace(one.fault, over_ns=self._clock()))
        return found


class FaultReporter:
    """Sends the faults of the service by every channel, from memory."""

    def __init__(
        self,
        stages: Sequence[str],
        outbox: MemoryOutbox,
        channels: Sequence[Channel],
        clock: Callable[[], int],
        contacts: Callable[[], Sequence[tuple[str, str, str]]] = lambda: (),
    ) -> None:
        """stages: parts behind the log, in the order of the data flow. contacts: of the persons on duty."""
        self._contacts = contacts
        self._stages, self._outbox, self._channels = tuple(stages), outbox, channels
        self._monitor = SelfMonitor(clock)
        self._log = structlog.get_logger(part="standby")

    @property
    def faults(self) -> list[ServiceFault]:
        """Faults that were reported and last."""
        return self._monitor.faults

    def report(self, causes: Mapping[str, StorageFault], now_s: float) -> int:
        """Send notices of faults that start or end now; return their number. causes: part -> present cause."""
        found = self._monitor.update(self._foremost(causes), now_s, warnings=self._warnings(causes))
        for fault in found:
            self._log.warning("fault of the service", part=fault.part, cause=fault.cause.code, over=bool(fault.over_ns))
            self._outbox.send(fault_notices(fault, self._channels, self._contacts()))
        return len(found)

    def _warnings(self, parts: Iterable[str]) -> list[str]:
        """Return the parts whose fault is no red one."""
        return [part for part in parts if part.split(" ")[0] not in RED and part not in self._stages]

    def _foremost(self, causes: Mapping[str, StorageFault]) -> dict[str, StorageFault]:
        """Return one cause for all stages, none if the log fails: they fail for the same reason.

        A stage with an open fault keeps it, so that one fault does not move from stage to stage. An interrupted path
        of alarms is a fault of its own only where no other red fault explains it.
        """
        explained = any(part in causes for part in (*EXPLAINING, *self._stages))
        found = {
            part: cause
            for part, cause in causes.items()
            if part not in self._stages and not (part == PATH and explained and not self._monitor.is_open(PATH))
        }
        failed = [part for part in self._stages if part in causes]
        if failed and LOG not in causes:
            reported = next((part for part in self._stages if self._monitor.is_open(part)), failed[0])
            found[reported] = causes[failed[0]]
        return found


class DiskSpace:
    """Free space on the disk of the data folder, read every five seconds."""

    def __init__(self, folder: Path, *, least: float = FREE_SHARE_MIN) -> None:
        """least: free share below which the disk is nearly full; the warning ends one hundredth above."""
        self._folder, self._least = folder, least
        self._looked_s = -SPACE_EVERY_S
        self.share = 1.0
        self.scarce = False

    def look(self, now_s: float) -> StorageFault | None:
        """Return the warning, or None while there is space; between two readings, the last result."""
        if now_s - self._looked_s >= SPACE_EVERY_S:
            self._looked_s = now_s
            try:
                usage = shutil.disk_usage(self._folder)
            except OSError:
                return NEARLY_FULL if self.scarce else None
            self.share = usage.free / usage.total if usage.total else 0.0
            self.scarce = self.share < self._least + (SPACE_MARGIN if self.scarce else 0.0)
        return NEARLY_FULL if self.scarce else None
