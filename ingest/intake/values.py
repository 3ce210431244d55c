"""Values after validation: sentinels become faults, distances of mounted sensors also levels."""

from __future__ import annotations

from ingest.catalog import Catalog
from ingest.telemetry import TelemetryBatch

from .levels import MountedLevels
from .sentinels import Sentinels


class ValueChecks:
    """Checks of the service and of recordings alike; batches in order of arrival. One thread owns it."""

    def __init__(self, catalog: Catalog) -> None:
        self._sentinels, self._levels = Sentinels(catalog), MountedLevels(catalog)

    def apply(self, batch: TelemetryBatch) -> TelemetryBatch:
        """Return the batch with corrected qualities and derived levels."""
        return self._levels.extend(self._sentinels.apply(batch))
