"""What rules share: the sensors' facts, the series of a metric, and a batch seen by its series and its clock."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.emission import NONE, TIMELINES
from detectors.kernels.timelines import assign
from ingest import METRIC_BY_NAME, Catalog, Quality, Sensor, TelemetryBatch

from .state import Columns

UNKNOWN_KIND = "device"
_NOBODY = np.empty(0, np.int32)


class Fleet:
    """The catalogue's facts, and word of which sensors are new or altered."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: list[Sensor] = []
        self._version = 0
        self._changes = array("i")
        self._asked, self._told = (0, 0), _NOBODY

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, code: int) -> Sensor:
        return self._known[code]

    @property
    def version(self) -> int:
        """How many changes there have been; 0 before the first."""
        return len(self._changes)

    def changed(self, since: int) -> NDArray[np.int32]:
        """Codes of the sensors that came or were altered since that version, each once, ascending."""
        if since >= self.version:
            return _NOBODY
        if (since, self.version) != self._asked:  # one rule asks as the other
            codes = np.sort(np.frombuffer(self._changes[since:], np.int32))
            self._asked, self._told = (since, self.version), codes[np.append(True, codes[1:] != codes[:-1])]
        return self._told

    def gateway(self, code: int) -> int:
        """Code of the gateway that the sensor is heard through; -1 when there is none."""
        sensor = self._known[code]
        if not sensor.gateway or sensor.gateway == sensor.id:
            return -1
        found = self._catalog.find(sensor.site, sensor.gateway)
        if found is None or not 0 <= found.code < len(self._known) or self._known[found.code].id != sensor.gateway:
            return -1
        return found.code

    def sync(self, highest: int) -> None:
        """Take over what changed in the catalogue; a code that it does not know stands for a bare device."""
        if self._version == self._catalog.version and highest < len(self._known):
            return
        before, version = len(self._known), self._catalog.version
        altered = self._catalog.changed(self._version)
        self._version = version
        for code in range(before, max(len(self._catalog), highest + 1)):
            self._known.append(self._catalog[code] if code < len(self._catalog) else _bare(code))
        for code in altered:
            self._known[code] = self._catalog[code]
        self._changes.extend(range(before, len(self._known)))
        self._changes.extend(code for code in altered if code < before)


def _bare(code: int) -> Sensor:
    return Sensor(code, str(code), "", UNKNOWN_KIND)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a batch that belong to a table: their row numbers, their cells, and whether they are out of order."""

    rows: NDArray[np.int64]
    states: NDArray[np.int64]
    older: NDArray[np.bool_]


class Table:
    """The series of one metric (or of the metrics that speak of one thing): a slot for each sensor that sent it."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)
        self.metric_codes = tuple(METRIC_BY_NAME[name].code for name in metrics)
        self.codes: list[int] = []
        self._slot = np.full(0, -1, np.int32)
        self._newest = Columns({"last": (np.int64, 1, NONE)})

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def slots(self) -> NDArray[np.int32]:
        """Sensor code -> slot, -1 for none; codes beyond the end have none."""
        return self._slot

    def part(self, view: BatchView) -> Part | None:
        """The rows of the batch that belong here, in order; None when there are none."""
        rows = view.rows_of(self.metric_codes)
        if not len(rows):
            return None
        batch = view.batch
        slots = self._slots(batch.sensor[rows], len(view.fleet))
        part = Part(rows, np.empty(len(rows), np.int64), np.empty(len(rows), np.bool_))
        last = self._newest["last"]
        assign(rows, slots, batch.time_ns, batch.arrival_ns, batch.quality, last, view.late_ns, part.states, part.older)
        return part

    def slots_of(self, sensors: NDArray[np.int32], *, below: int) -> NDArray[np.int32]:
        """The slots of those sensors that have one below a mark."""
        slots = self._slot[sensors[sensors < len(self._slot)]]
        return slots[(slots >= 0) & (slots < below)]

    def dump(self) -> dict[str, object]:
        """State for a snapshot."""
        return {"codes": self.codes, "newest": self._newest.dump(len(self) * TIMELINES)}

    def load(self, state: dict[str, object], sensors: int) -> None:
        """Take a snapshot's state."""
        codes = state["codes"]
        if not isinstance(codes, list):
            raise TypeError("codes of a series table must be a list")
        self.codes = codes
        self._slot = np.full(max(sensors, max(codes, default=-1) + 1), -1, np.int32)
        self._slot[np.array(codes, np.int64)] = np.arange(len(codes), dtype=np.int32)
        self._newest.load(state["newest"])

    def _slots(self, sensors: NDArray[np.int32], known: int) -> NDArray[np.int32]:
        if known > len(self._slot):
            room = np.full(max(known, 2 * len(self._slot)) - len(self._slot), -1, np.int32)
            self._slot = np.concatenate([self._slot, room])
        slots = self._slot[sensors]
        if (slots < 0).any():
            for sensor in sensors[slots < 0].tolist():
                if self._slot[sensor] < 0:
                    self._slot[sensor] = len(self.codes)
                    self.codes.append(sensor)
            self._newest.grow(len(self.codes) * TIMELINES)
            slots = self._slot[sensors]
        return slots


class BatchView:
    """A batch as the rules see it: with its clock, its usable rows by metric, and the sensors' facts."""

    def __init__(
        self,
        batch: TelemetryBatch,
        fleet: Fleet,
        *,
        clock_ns: int,
        late_ns: int,
    ) -> None:
        """clock_ns: event time of the batch before."""
        self.batch, self.fleet, self.late_ns = batch, fleet, late_ns
        self.clock = np.maximum(np.maximum.accumulate(np.minimum(batch.time_ns, batch.arrival_ns)), clock_ns)
        usable = (batch.quality == Quality.GOOD) | (batch.quality == Quality.TEST)
        usable &= ~np.isnan(batch.value)
        metric = np.where(usable, batch.metric, np.int16(-1))
        self._order = np.argsort(metric, kind="stable")  # stable: rows of a metric stay in their order
        ordered = metric[self._order]
        edges = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(ordered)]
        self._spans = {int(ordered[a]): (a, b) for a, b in itertools.pairwise(edges)}

    def rows_of(self, metrics: Sequence[int]) -> NDArray[np.int64]:
        """Rows of usable quality that carry one of these metrics, in order."""
        found = [self._order[slice(*self._spans[metric])] for metric in metrics if metric in self._spans]
        if len(found) == 1:
            return found[0]
        return np.sort(np.concatenate(found)) if found else self._order[:0]
