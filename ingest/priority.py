"""Priority of readings: life safety before comfort, from the log on.

Smoke and gate sensors show a fire or an intruder first. Their readings have log entries of their own, so that their
detectors never wait for other readings. The clock readings of the service have the same priority.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from .catalog import SERVICE_SITE, Catalog
from .telemetry import TelemetryBatch

URGENT_KINDS = frozenset(("smoke", "gate"))


class Priority(IntEnum):
    """Priority of a log entry. The number is part of stored data."""

    ORDINARY = 0
    URGENT = 1


class Urgency:
    """Marks urgent rows by the kind of their sensor in the catalogue. One thread owns it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._version = -1
        self._urgent = np.zeros(1024, np.bool_)

    def of_sensors(self, sensors: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return the mask of urgent sensor codes, shape (n,)."""
        if self._version != self._catalog.version:
            self._sync()
        return self._urgent[sensors]

    def of_sensor(self, code: int) -> bool:
        """Return whether the readings of one sensor are urgent."""
        if self._version != self._catalog.version:
            self._sync()
        return bool(self._urgent[code])

    def _sync(self) -> None:
        version = self._catalog.version
        if len(self._catalog) > len(self._urgent):
            grown = np.zeros(2 * len(self._catalog), np.bool_)
            grown[: len(self._urgent)] = self._urgent
            self._urgent = grown
        for code in self._catalog.changed(max(0, self._version)):
            sensor = self._catalog[code]
            self._urgent[code] = sensor.kind in URGENT_KINDS or sensor.site == SERVICE_SITE
        self._version = version


def split_by_priority(batch: TelemetryBatch, urgent: NDArray[np.bool_]) -> list[tuple[Priority, TelemetryBatch]]:
    """Return the batch by priority: the urgent part first, no part empty; an empty batch is one ordinary part.

    urgent: shape (n,), or empty where no row is urgent.
    """
    if not urgent.any():
        return [(Priority.ORDINARY, batch)]
    if urgent.all():
        return [(Priority.URGENT, batch)]
    return [
        (Priority.URGENT, batch.select(np.flatnonzero(urgent))),
        (Priority.ORDINARY, batch.select(np.flatnonzero(~urgent))),
    ]
