"""Drift of a sensor against its neighbours, the sensors of its kind in its zone of the plan.

Weather, heating and the water move all of them; a drift moves one. Each value is taken relative to its sensor's mean of
the settling time. The measure is the change of a sensor's slow offset from the median of its neighbours. A fire or a
flood lasts for hours and moves the bounded offset by little. Limits: a cohort with a drifting half has no true median;
a room whose use changes for weeks differs from its neighbours as a drifting sensor does. Source: Takruri and Challa,
Drift aware wireless sensor networks, FUSION 2007, with a median. Cost: 0.3 us a reading, 64 bytes a state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.emission import NONE
from detectors.kernels.neighbours import FLOATS, INTS, MATES, neighbour_offset
from detectors.plan import Plan
from detectors.recipes.ageing import NeighbourDrift
from detectors.recipes.limits import applies
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part


class NeighbourMeasure:
    """Change of the offset from the neighbours' median as the measure; the value that they expect is the baseline.

    >>> rule = NeighbourDrift(name="drift", hazard="sensor_drift", metric="temperature", limits=(3.0,))
    >>> NeighbourMeasure(rule, Plan()).kind
    'neighbour_drift'
    """

    kind = "neighbour_drift"
    sign = 1.0

    def __init__(self, rule: NeighbourDrift, plan: Plan) -> None:
        self._settings = (
            rule.smooth_s, rule.slow_s, rule.settle_s, rule.forget_s, rule.step_max, rule.neighbours_min
        )  # fmt: skip
        self.baseline: NDArray[np.float64] | None = None
        self.mates = np.full((0, MATES), -1, np.int32)
        self._rule, self._plan = rule, plan
        self._keys: list[tuple[str, ...] | None] = []
        self._cohorts: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self.columns = Columns({"ints": (np.int64, INTS, NONE), "floats": (np.float64, FLOATS, np.nan)})

    def __call__(self, part: Part, view: BatchView) -> NDArray[np.float64]:
        """Return the measure at each row of the part."""
        x, base = np.empty(len(part.rows)), np.empty(len(part.rows))
        own, batch = self.columns, view.batch
        neighbour_offset(
            part.states, part.older, batch.time_ns[part.rows], batch.value[part.rows], self._settings, self.mates,
            own["ints"], own["floats"], x, base,
        )  # fmt: skip
        self.baseline = base
        return x

    def inputs(self) -> tuple[object, ...]:
        """Return the plan, from which the cohorts follow."""
        return self._plan.inputs()

    def join(self, fleet: Fleet, codes: Sequence[int], changed: Iterable[int]) -> None:
        """Set the neighbours of new series, and of all if a changed one has another cohort; codes: sensor of each."""
        if any(self._cohort_of(fleet, codes[slot]) != self._keys[slot] for slot in changed):
            self._keys.clear()
            self._cohorts.clear()
            self.mates = self.mates[:0]
        self._add(fleet, codes)

    def _add(self, fleet: Fleet, codes: Sequence[int]) -> None:
        """Add the slots without a cohort, in order, and set the neighbours of each cohort that they join."""
        first, size = len(self._keys), len(codes)
        more = np.full((size - len(self.mates), MATES), -1, np.int32)
        self.mates = np.concatenate([self.mates, more])
        self._keys += [self._cohort_of(fleet, codes[slot]) for slot in range(first, size)]
        for slot in range(first, size):
            if (key := self._keys[slot]) is None:
                continue
            cohort = self._cohorts[key]
            cohort.append(slot)
            for member in cohort if len(cohort) <= MATES + 1 else (slot,):
                mates = [mate for mate in cohort[: MATES + 1] if mate != member][:MATES]
                self.mates[member, : len(mates)] = mates

    def _cohort_of(self, fleet: Fleet, code: int) -> tuple[str, ...] | None:
        """Return site, zone, kind and profile of a sensor; None for one without a place or outside the rule."""
        sensor = fleet[code]
        if not sensor.place or not applies(self._rule, sensor):
            return None
        return sensor.site, self._plan.zone(sensor.site, sensor.place), sensor.kind, sensor.profile
