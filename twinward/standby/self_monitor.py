"""Which of the service's own faults last, when people are told of one, and when that it is over."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alerts import NEARLY_FULL, ServiceFault, StorageFault

FREE_SHARE_MIN = 0.05
"""Share of the disk that stays free, at least."""

TOLD_AFTER_S = 2.0
CALM_S = 10.0
CALM_S_MAX = 300.0
AGAIN_S = 600.0
ROOM_EVERY_S = 5.0
ROOM_MARGIN = 0.01


@dataclass(slots=True)
class _Standing:
    fault: ServiceFault
    since_s: float
    seen_s: float
    told: bool = False


class SelfMonitor:
    """Takes what is broken now, gives what people have to be told. Times in monotonic seconds and ns since 1970.

    A fault is told once it has lasted two seconds, and that it is over once ten have passed without it. One that comes
    back within these ten is the same. One that comes back within ten minutes has to be away for twice as long the next
    time, up to five minutes: a fault that flaps does not wake people every few seconds, and stays on the screen.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._standing: dict[str, _Standing] = {}
        self._calm_s: dict[str, float] = {}
        self._ended_s: dict[str, float] = {}

    @property
    def faults(self) -> list[ServiceFault]:
        """Faults that people have been told of and that are not over."""
        return [one.fault for one in self._standing.values() if one.told]

    def knows(self, part: str) -> bool:
        """Whether that part's fault has begun and is not over."""
        return part in self._standing

    def see(self, broken: Mapping[str, StorageFault], now_s: float, *, warnings: frozenset[str]) -> list[ServiceFault]:
        """What is to be told now. broken: part -> cause, at this moment; warnings: parts that cost nothing yet."""
        for part, cause in broken.items():
            grade = "yellow" if part in warnings else "red"
            fresh = _Standing(ServiceFault(part, cause, self._clock(), grade), now_s, now_s)
            self._standing.setdefault(part, fresh).seen_s = now_s
        return [*self._begun(now_s), *self._over(now_s)]

    def _begun(self, now_s: float) -> list[ServiceFault]:
        found = []
        for part, one in self._standing.items():
            if not one.told and one.seen_s - one.since_s >= TOLD_AFTER_S:
                one.told = True
                again = now_s - self._ended_s.get(part, -AGAIN_S) < AGAIN_S
                self._calm_s[part] = min(self._calm_s.get(part, CALM_S) * 2, CALM_S_MAX) if again else CALM_S
                found.append(one.fault)
        return found

    def _over(self, now_s: float) -> list[ServiceFault]:
        found = []
        for part, one in list(self._standing.items()):
            calm_s = self._calm_s.get(part, CALM_S) if one.told else TOLD_AFTER_S
            if now_s - one.seen_s < calm_s:
                continue
            del self._standing[part]
            if one.told:
                self._ended_s[part] = now_s
                found.append(replace(one.fault, over_ns=self._clock()))
        return found


class DiskSpace:
    """How much of the data folder's disk is free, looked at every few seconds."""

    def __init__(self, folder: Path, *, least: float = FREE_SHARE_MIN) -> None:
        """least: the share below which the disk is nearly full; it is well again a hundredth above."""
        self._folder, self._least = folder, least
        self._looked_s = -ROOM_EVERY_S
        self.share = 1.0
        self.scarce = False

    def look(self, now_s: float) -> StorageFault | None:
        """The warning, None while there is room; the answer of the last look in between."""
        if now_s - self._looked_s >= ROOM_EVERY_S:
            self._looked_s = now_s
            try:
                usage = shutil.disk_usage(self._folder)
            except OSError:
                return NEARLY_FULL if self.scarce else None
            self.share = usage.free / usage.total if usage.total else 0.0
            self.scarce = self.share < self._least + (ROOM_MARGIN if self.scarce else 0.0)
        return NEARLY_FULL if self.scarce else None
