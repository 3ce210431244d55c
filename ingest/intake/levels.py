"""Water levels of distance sensors with a configured mounting height."""

from __future__ import annotations

import numpy as np

from ingest.catalog import Catalog
from ingest.telemetry import COLUMNS, TelemetryBatch, from_columns
from ingest.vocabulary import METRIC_BY_NAME

DISTANCE, LEVEL = (METRIC_BY_NAME[name].code for name in ("distance", "level"))


class MountedLevels:
    """Derives the level from the distance: height of the sensor minus distance to the water. One thread owns it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._version = 0
        self._height_m = np.zeros(0)
        self._mounted = False

    def extend(self, batch: TelemetryBatch) -> TelemetryBatch:
        """Return the batch with a level after each distance of a sensor with a height, of equal time and quality.

        >>> from ingest import Sensor
        >>> catalog = Catalog([Sensor(0, "culvert", "s", "water", height_m=3.0)])
        >>> row = {"sensor": catalog.code("s", "culvert", "water"), "metric": DISTANCE, "value": 2.8}
        >>> columns = {name: np.array([row.get(name, 0)], dtype) for name, dtype in COLUMNS}
        >>> MountedLevels(catalog).extend(from_columns(columns)).value.round(3).tolist()
        [2.8, 0.2]
        """
        self._sync()
        if not self._mounted:
            return batch
        rows = np.flatnonzero(batch.metric == DISTANCE)
        rows = rows[self._height_m[batch.sensor[rows]] > 0]
        if not len(rows):
            return batch
        order = np.sort(np.concatenate([np.arange(len(batch)), rows]), kind="stable")
        derived = np.zeros(len(order), np.bool_)
        derived[rows + np.arange(1, len(rows) + 1)] = True
        columns = {name: getattr(batch, name)[order] for name, _ in COLUMNS}
        columns["metric"][derived] = LEVEL
        columns["value"][derived] = self._height_m[batch.sensor[rows]] - batch.value[rows]
        attributes = {}
        if batch.attributes:
            attributes = {at: batch.attributes[row] for at, row in enumerate(order.tolist()) if row in batch.attributes}
        return from_columns(columns, attributes)

    def _sync(self) -> None:
        if self._version == self._catalog.version:
            return
        changed, self._version = self._catalog.changed(self._version), self._catalog.version
        room = len(self._catalog) - len(self._height_m)
        if room > 0:
            self._height_m = np.concatenate([self._height_m, np.zeros(max(room, len(self._height_m)))])
        for code in changed:
            self._height_m[code] = self._catalog[code].height_m
        self._mounted = bool(self._height_m.any())
