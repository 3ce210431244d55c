"""Catalogue of a process that reads the log, which the intake of another process writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ingest import Catalog

from .telemetry import TelemetryLog

CHANGED_EVERY_S = 10.0
"""Shortest time between two loads for changes of known sensors, such as their gateway or removal."""


class LogCatalog:
    """Copies the catalogue from the log of another process; does nothing where both share one catalogue.

    New sensors and renamings are loaded immediately, other changes within ten seconds.
    """

    def __init__(
        self, log: TelemetryLog, catalog: Catalog, *, shared: bool, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._catalog, self._shared, self._monotonic = log, catalog, shared, monotonic
        self._lock = threading.Lock()
        self._version, self._loaded_s = 0, monotonic()

    def refresh(self, sensors: NDArray[np.int32], metrics: NDArray[np.int16]) -> None:
        """Load the catalogue if one of these sensor or metric codes, or a due change, is missing."""
        if self._shared or not len(sensors):
            return
        with self._lock:
            known = int(sensors.max()) < len(self._catalog) and self._catalog.knows(int(metrics.max()))
            self._follow(known=known)

    def follow(self) -> None:
        """Load the catalogue if a due change is missing."""
        if not self._shared:
            with self._lock:
                self._follow(known=True)

    def _follow(self, *, known: bool) -> None:
        renamed, version = self._log.catalog_state()
        changed = version != self._version and self._monotonic() - self._loaded_s >= CHANGED_EVERY_S
        if known and not changed and renamed <= self._catalog.renamed:
            return
        self._version, self._loaded_s = version, self._monotonic()
        self._catalog.load(*self._log.catalog())
        self._catalog.drain_changes()  # already durable in the log
