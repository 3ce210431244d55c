"""Sensors that report a metric superseding this rule's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.series.columns import Columns
from detectors.series.views import BatchView, Part


class Superseding:
    """Sensors that ever reported one of the superseding metrics."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = tuple(metrics)
        self._sensors = Columns({"reported": (np.bool_, 1, False)})

    def update(self, view: BatchView, part: Part | None) -> NDArray[np.bool_] | None:
        """Return for each row of the part whether its sensor has reported one by then; None if no sensor has."""
        rows = view.rows_of([view.fleet.metric_code(name) for name in self._metrics])
        if not len(rows) and not self._sensors.size:
            return None
        self._sensors.grow(len(view.fleet))
        reported, sensor = self._sensors["reported"], view.batch.sensor
        superseded = None if part is None else reported[sensor[part.rows]]
        if len(rows):
            named, at = np.unique(sensor[rows], return_index=True)
            if superseded is not None and part is not None:
                place = np.minimum(np.searchsorted(named, sensor[part.rows]), len(named) - 1)
                superseded |= (named[place] == sensor[part.rows]) & (rows[at][place] <= part.rows)
            reported[named] = True
        return superseded

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return self._sensors.dump()

    def load(self, state: Any) -> None:
        """Restore the state of a snapshot."""
        self._sensors.load(state)
