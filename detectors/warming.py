"""Compilation of all kernels before the first reading."""

from __future__ import annotations

from functools import cache

import numpy as np

from ingest import KINDS, METRICS, SERVICE_SITE, Catalog, Quality, from_columns

from .calendar import Calendar
from .detector_set import build
from .recipes.recipe import load_recipe

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
MINUTES = 30


@cache
def warm() -> None:
    """Run every rule of the campus recipe over synthetic readings, once per process.

    The first compilation on a machine takes about 10 s; later runs load the kernels from numba's cache on disk.
    """
    catalog = Catalog()
    detector = build(load_recipe(), catalog, Calendar())
    sensors = [catalog.code("warm", kind, kind) for kind in KINDS]
    metrics = [*(metric.code for metric in METRICS), catalog.metric("warm").code]  # the last one is undescribed
    clock = catalog.code(SERVICE_SITE, "clock", "device")
    rows = [(sensor, metric, minute) for minute in range(MINUTES) for sensor in (*sensors, clock) for metric in metrics]
    columns = np.array(rows, np.int64)
    time_ns = START_NS + columns[:, 2] * 60 * SECOND_NS
    attributes = {row: {"label": "person", "score": 0.9, "phase": "start"} for row in range(0, len(rows), 7)}
    detector.update(
        from_columns(
            {
                "sensor": columns[:, 0].astype(np.int32),
                "metric": columns[:, 1].astype(np.int16),
                "time_ns": time_ns,
                "arrival_ns": time_ns,
                "value": (columns[:, 2] % 2).astype(np.float64),
                "quality": np.where(columns[:, 2] % 5, Quality.GOOD, Quality.TEST).astype(np.uint8),
            },
            attributes,
        )
    )
