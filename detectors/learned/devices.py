"""Detections of single series of devices that a rule over groups of channels scores as a whole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.rule_detection import RuleDetection
from detectors.series.views import Fleet
from ingest import FIRST_LEARNED_METRIC

from .keys import sensor_and_metric

KIND = "device"


class SingleSeries:
    """Leaves out the detections of a device's series once it has `most` undescribed ones.

    The device of a sensor is the part of its id before the last "/". A detection that was raised before keeps its
    changes and its end.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._read = 0
        self._numbers: dict[tuple[str, str], list[int]] = {}
        self._hidden: set[tuple[int, int]] = set()

    def kept(
        self,
        found: Sequence[RuleDetection],
        keys: NDArray[np.int64],
        seen: tuple[NDArray[np.int64], NDArray[np.int32], int],
        fleet: Fleet,
    ) -> list[RuleDetection]:
        """Return the detections that stay.

        keys: of all series by number. seen: rows of the batch, the series of each, and the series before the batch.
        """
        if not found:
            return []
        for number in range(self._read, len(keys)):
            code, metric = sensor_and_metric(int(keys[number]))
            sensor = fleet[code]
            if sensor.kind == KIND and metric >= FIRST_LEARNED_METRIC:
                self._numbers.setdefault(_device(sensor.site, sensor.id), []).append(number)
        self._read = len(keys)
        return [one for one in found if not self._hides(one, seen, fleet)]

    def dump(self) -> list[list[int]]:
        """Return the series whose open detection is left out."""
        return [list(key) for key in sorted(self._hidden)]

    def load(self, state: Any) -> None:
        """Restore a dump."""
        self._hidden = {(int(sensor), int(metric)) for sensor, metric in state}

    def _hides(self, one: RuleDetection, seen: tuple[NDArray[np.int64], NDArray[np.int32], int], fleet: Fleet) -> bool:
        key = one.sensor, one.metric
        if one.phase is not Phase.RAISE:
            hidden = key in self._hidden
            if one.phase is Phase.CLEAR:
                self._hidden.discard(key)
            return hidden
        rows, series, before = seen
        at = int(np.searchsorted(rows, one.row)) + 1
        known = max(before, int(series[:at].max()) + 1)  # a series that begins later in the batch does not count
        sensor = fleet[one.sensor]
        if bisect_left(self._numbers.get(_device(sensor.site, sensor.id), []), known) < self._most:
            return False
        self._hidden.add(key)
        return True


def _device(site: str, sensor: str) -> tuple[str, str]:
    return site, sensor.rpartition("/")[0] or sensor
