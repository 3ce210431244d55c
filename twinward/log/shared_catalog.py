"""Catalogue of a process that reads the log, which the intake of another process writes."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from ingest import Catalog

from .telemetry import TelemetryLog


class LogCatalog:
    """Copies new sensors and metrics from the log of another process; nothing where both share one catalogue."""

    def __init__(self, log: TelemetryLog, catalog: Catalog, *, shared: bool) -> None:
        self._log, self._catalog, self._shared = log, catalog, shared
        self._lock = threading.Lock()

    def refresh(self, sensors: NDArray[np.int32], metrics: NDArray[np.int16]) -> None:
        """Load the catalogue from the log if one of these sensor or metric codes, or a renaming, is missing."""
        if self._shared or not len(sensors):
            return
        with self._lock:
            known = int(sensors.max()) < len(self._catalog) and self._catalog.knows(int(metrics.max()))
            self._load(not known or self._log.renamed() > self._catalog.renamed)

    def follow(self) -> None:
        """Load the catalogue from the log if a renaming is missing."""
        if not self._shared:
            with self._lock:
                self._load(self._log.renamed() > self._catalog.renamed)

    def _load(self, missing: bool) -> None:  # noqa: FBT001 - the only argument
        if missing:
            self._catalog.load(*self._log.catalog())
            self._catalog.drain_changes()  # already durable in the log
