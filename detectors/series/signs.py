"""Signs of rows for offline detection: messages, ticks, announced losses, awaited sensors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.silence import AWAITED, GONE, TICK
from ingest import METRIC_BY_NAME, Quality, TelemetryBatch

_ONLINE, _TICK, _AWAITED = (METRIC_BY_NAME[name].code for name in ("online", "tick", "awaited"))

_NO_SIGN = np.zeros(1, np.int8)


def signs_of(batch: TelemetryBatch) -> NDArray[np.int8]:
    """Return the sign of each row. A device that announced its sleep is not lost."""
    metric = batch.metric
    if len(metric) == 1 and not _ONLINE <= metric.item() <= _AWAITED:
        return _NO_SIGN
    signs = np.zeros(len(metric), np.int8)
    if not ((metric >= _ONLINE) & (metric <= _AWAITED)).any():  # most batches of the ordinary lane
        return signs
    signs[metric == _TICK] = TICK
    signs[metric == _AWAITED] = AWAITED
    gone = (metric == _ONLINE) & (batch.value == 0) & (batch.quality != Quality.TEST)
    for row in np.flatnonzero(gone).tolist():
        if not batch.attributes.get(row, {}).get("asleep"):
            signs[row] = GONE
    return signs
