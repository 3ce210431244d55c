"""Values after validation: sentinels become faults, distances of mounted sensors also levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest.catalog import Catalog
from ingest.decode.contract import Reading
from ingest.errors import CatalogFull
from ingest.telemetry import COLUMNS, TelemetryBatch, from_columns
from ingest.vocabulary import Quality

from .levels import MountedLevels
from .sentinels import Sentinels
from .validate import check


class ValueChecks:
    """Checks of the service and of recordings alike; batches in order of arrival. One thread owns it."""

    def __init__(self, catalog: Catalog) -> None:
        self._sentinels, self._levels = Sentinels(catalog), MountedLevels(catalog)

    def apply(self, batch: TelemetryBatch) -> TelemetryBatch:
        """Return the batch with corrected qualities and derived levels."""
        return self._levels.extend(self._sentinels.apply(batch))


class ReadingChecks:
    """Quality of single readings without an intake, by valid ranges and sentinels; for `decode`."""

    def __init__(self) -> None:
        self._catalog = Catalog()
        self._sentinels = Sentinels(self._catalog)

    def quality(self, reading: Reading) -> Quality:
        """Return the quality that the service stores; readings in order of arrival."""
        if reading.quality not in (Quality.GOOD, Quality.HISTORICAL):
            return reading.quality
        try:
            metric = self._catalog.metric(reading.metric).code
            sensor = self._catalog.code("", reading.sensor, "env")
        except CatalogFull:
            return reading.quality
        found = {"sensor": sensor, "metric": metric, "value": reading.value, "quality": reading.quality}
        row = from_columns({name: np.array([found.get(name, 0)], dtype) for name, dtype in COLUMNS})
        row = replace(row, quality=check(row, past_ns=0).quality)
        return Quality(int(self._sentinels.apply(row).quality[0]))
