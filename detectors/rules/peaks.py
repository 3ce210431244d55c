"""Highest value of each open detection of a threshold rule, with its event time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.kernels.emission import TIMELINES
from detectors.rule_detection import Entry
from detectors.series.views import BatchView, Part

Peak = tuple[float, float, int]
"""Measure, value and event time (ns) of the highest reading."""


class Peaks:
    """Highest readings since each detection was raised, by state of the rule; one for each open detection."""

    def __init__(self) -> None:
        self._open: dict[int, Peak] = {}

    def update(self, view: BatchView, part: Part, x: NDArray[np.float64], found: Sequence[Entry]) -> list[Peak]:
        """Return the peak at each entry, up to its row; x: measure at each row of the part.

        Walks only the rows of open detections.
        """
        states = {*self._open, *(_state(entry) for entry in found)}
        if not states:
            return []
        mine = np.flatnonzero(np.isin(part.states, list(states)))
        rows, peaks, at = part.rows[mine].tolist(), [], 0
        home, measure = part.states[mine].tolist(), x[mine].tolist()
        for entry in found:
            while at < len(rows) and rows[at] <= entry.row:
                self._take(view, rows[at], home[at], measure[at])
                at += 1
            peaks.append(self._at(view, entry))
        for rest in range(at, len(rows)):
            self._take(view, rows[rest], home[rest], measure[rest])
        return peaks

    def dump(self) -> list[list[Any]]:
        """Return the peaks for a snapshot."""
        return [[state, *peak] for state, peak in sorted(self._open.items())]

    def load(self, saved: Sequence[Sequence[Any]]) -> None:
        """Restore the peaks of a snapshot."""
        self._open = {int(state): (float(x), float(value), int(time)) for state, x, value, time in saved}

    def _take(self, view: BatchView, row: int, state: int, x: float) -> None:
        known = self._open.get(state)
        if known is not None and x > known[0]:
            self._open[state] = (x, float(view.batch.value[row]), int(view.batch.time_ns[row]))

    def _at(self, view: BatchView, entry: Entry) -> Peak:
        state = _state(entry)
        here = (entry.value, float(view.batch.value[entry.row]), int(view.batch.time_ns[entry.row]))
        peak = here if entry.phase is Phase.RAISE else self._open.get(state, here)
        if entry.phase is Phase.CLEAR:
            self._open.pop(state, None)
        else:
            self._open[state] = peak
        return peak


def _state(entry: Entry) -> int:
    return entry.slot * TIMELINES + entry.timeline
