"""Which sensors tell something that says it better than the metric of a rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import METRIC_BY_NAME

from .series import BatchView, Part
from .state import Columns


class Superseding:
    """Sensors that ever reported one of some metrics, row by row."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self._codes = tuple(METRIC_BY_NAME[name].code for name in metrics)
        self._sensors = Columns({"reported": (np.bool_, 1, False)})

    def update(self, view: BatchView, part: Part | None) -> NDArray[np.bool_] | None:
        """For each row of the part, whether its sensor reported one of them by then; None where nobody did."""
        rows = view.rows_of(self._codes)
        if not len(rows) and not self._sensors.size:
            return None
        self._sensors.grow(len(view.fleet))
        reported, sensor = self._sensors["reported"], view.batch.sensor
        known = None if part is None else reported[sensor[part.rows]]
        if len(rows):
            named, at = np.unique(sensor[rows], return_index=True)
            if known is not None and part is not None:
                place = np.minimum(np.searchsorted(named, sensor[part.rows]), len(named) - 1)
                known |= (named[place] == sensor[part.rows]) & (rows[at][place] <= part.rows)
            reported[named] = True
        return known

    def dump(self) -> dict[str, Any]:
        """State for a snapshot."""
        return self._sensors.dump()

    def load(self, state: Any) -> None:
        """Take a snapshot's state."""
        self._sensors.load(state)
