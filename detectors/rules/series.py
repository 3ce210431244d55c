"""Data that rules share: facts of the sensors, series tables, and the view of a batch."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import KeysView, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from detectors.doubts import doubtful, standing
from detectors.kernels.emission import LIVE, NONE, TIMELINES
from detectors.kernels.timelines import assign
from ingest import METRIC_BY_NAME, Catalog, Metric, Quality, Sensor, TelemetryBatch

from .signs import signs_of
from .state import Columns

UNKNOWN_KIND = "device"
USABLE = np.array((Quality.GOOD, Quality.TEST, Quality.HISTORICAL), np.uint8)
"""Qualities that rules score: a test on the drill timeline, a past value on the late one."""

NO_METRIC = -2
"""Code that no reading has."""

_NO_CODES = np.empty(0, np.int32)
_NO_ROWS = np.empty(0, np.int64)
_FIRST_ROW = np.zeros(1, np.int64)
_USABLE, _FAULT = frozenset(USABLE.tolist()), int(Quality.FAULT)


class Fleet:
    """Facts of the sensors from the catalogue, with the changes since a version."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: list[Sensor] = []
        self._version = 0
        self._changes = array("i")
        self._cached_for, self._cached = (0, 0), _NO_CODES

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, code: int) -> Sensor:
        return self._known[code]

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return len(self._changes)

    def changed(self, since: int) -> NDArray[np.int32]:
        """Return the codes of the sensors added or changed since that version, each once, ascending."""
        if since >= self.version:
            return _NO_CODES
        if (since, self.version) != self._cached_for:  # the rules ask one after the other with equal versions
            codes = np.sort(np.frombuffer(self._changes[since:], np.int32))
            self._cached_for, self._cached = (since, self.version), codes[np.append(True, codes[1:] != codes[:-1])]
        return self._cached

    def gateway(self, code: int) -> int:
        """Return the code of the sensor's gateway; -1 without one."""
        sensor = self._known[code]
        if not sensor.gateway or sensor.gateway == sensor.id:
            return -1
        found = self._catalog.find(sensor.site, sensor.gateway)
        if found is None or not 0 <= found.code < len(self._known) or self._known[found.code].id != sensor.gateway:
            return -1
        return found.code

    def metric_code(self, name: str) -> int:
        """Return the code of a metric; NO_METRIC for an undescribed one without a reading so far."""
        known = METRIC_BY_NAME.get(name) or self._catalog.learned(name)
        return NO_METRIC if known is None else known.code

    def metric_of(self, code: int) -> Metric:
        """Return the metric of a code."""
        return self._catalog.metric_of(code)

    def sync(self, highest: int) -> None:
        """Read the changes of the catalogue; a code without an entry becomes a device without facts."""
        if self._version == self._catalog.version and highest < len(self._known):
            return
        before, version = len(self._known), self._catalog.version
        changed = self._catalog.changed(self._version)
        self._version = version
        for code in range(before, max(len(self._catalog), highest + 1)):
            self._known.append(self._catalog[code] if code < len(self._catalog) else _bare(code))
        for code in changed:
            self._known[code] = self._catalog[code]
        self._changes.extend(range(before, len(self._known)))
        self._changes.extend(code for code in changed if code < before)


def _bare(code: int) -> Sensor:
    return Sensor(code, str(code), "", UNKNOWN_KIND)


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a batch in a table: row numbers, state indices, and whether each is out of order on its timeline."""

    rows: NDArray[np.int64]
    states: NDArray[np.int64]
    older: NDArray[np.bool_]

    def without(self, rows: NDArray[np.int64]) -> Part | None:
        """Return the part without these rows; None when none remains."""
        kept = ~np.isin(self.rows, rows)
        return Part(self.rows[kept], self.states[kept], self.older[kept]) if kept.any() else None


class Table:
    """Series of one metric, or of the metrics of one rule type: a slot for each sensor that sent it."""

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = tuple(metrics)
        self.metric_codes: tuple[int, ...] = (NO_METRIC,) * len(self.metrics)
        self.codes: list[int] = []
        self._slot = np.full(0, -1, np.int32)
        self._newest = Columns({"last": (np.int64, 1, NONE)})

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def slots(self) -> NDArray[np.int32]:
        """Sensor code -> slot, -1 without one; codes beyond the end have none."""
        return self._slot

    def resolve(self, fleet: Fleet) -> None:
        """Read the codes of the metrics; an undescribed one has none before its first reading."""
        if NO_METRIC in self.metric_codes:
            self.metric_codes = tuple(fleet.metric_code(name) for name in self.metrics)

    def part(self, view: BatchView) -> Part | None:
        """Return the batch's rows of this table, in order; None without any."""
        self.resolve(view.fleet)
        rows = view.rows_of(self.metric_codes)
        if not len(rows):
            return None
        batch = view.batch
        slots = self._slots(batch.sensor if len(batch) == 1 else batch.sensor[rows], len(view.fleet))
        last = self._newest["last"]
        if len(view.standing):  # the state at a connect never replaces a live value, which might clear an alarm
            fresh = ~np.isin(rows, view.standing) | (batch.value[rows] == 1) | (last[slots * TIMELINES + LIVE] == NONE)
            rows, slots = rows[fresh], slots[fresh]
            if not len(rows):
                return None
        part = Part(rows, np.empty(len(rows), np.int64), np.empty(len(rows), np.bool_))
        assign(rows, slots, batch.time_ns, batch.arrival_ns, batch.quality, last, view.late_ns, part.states, part.older)
        return part

    def slots_of(self, sensors: NDArray[np.int32], *, below: int) -> NDArray[np.int32]:
        """Return the slots of these sensors that are lower than `below`."""
        slots = self._slot[sensors[sensors < len(self._slot)]]
        return slots[(slots >= 0) & (slots < below)]

    def dump(self) -> dict[str, object]:
        """Return the state for a snapshot."""
        return {"codes": self.codes, "newest": self._newest.dump(len(self) * TIMELINES)}

    def load(self, state: dict[str, object], sensors: int) -> None:
        """Restore the state of a snapshot."""
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
        if (slots.item() < 0) if len(slots) == 1 else (slots < 0).any():
            for sensor in sensors[slots < 0].tolist():
                if self._slot[sensor] < 0:
                    self._slot[sensor] = len(self.codes)
                    self.codes.append(sensor)
            self._newest.grow(len(self.codes) * TIMELINES)
            slots = self._slot[sensors]
        return slots


class BatchView:
    """A batch with its clock, its usable rows by metric, and the facts of the sensors."""

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
        self.standing = standing(batch) if batch.attributes else _NO_ROWS
        (self._read_one if len(batch) == 1 else self._read_all)(clock_ns)

    @property
    def metrics(self) -> KeysView[int]:
        """Metrics of the usable rows, and -1 if any row is not usable."""
        return self._spans.keys()

    def _read_all(self, clock_ns: int) -> None:
        batch = self.batch
        self.clock = np.maximum(np.maximum.accumulate(np.minimum(batch.time_ns, batch.arrival_ns)), clock_ns)
        self.faulty = bool((batch.quality == Quality.FAULT).any())
        usable = np.isin(batch.quality, USABLE)
        usable &= ~np.isnan(batch.value)
        metric = np.where(usable, batch.metric, np.int16(-1))
        self._order = np.argsort(metric, kind="stable")  # stable: keeps the order of rows within a metric
        ordered = metric[self._order]
        edges = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(ordered)]
        self._spans = {int(ordered[a]): (a, b) for a, b in itertools.pairwise(edges)}

    @cached_property
    def doubtful(self) -> NDArray[np.int64]:
        """Rows with a doubt about their time, ascending."""
        return doubtful(self.batch) if self.batch.attributes else _NO_ROWS

    @cached_property
    def signs(self) -> NDArray[np.int8]:
        """Signs of the rows for offline detection."""
        return signs_of(self.batch)

    def _read_one(self, clock_ns: int) -> None:
        """Read a batch of one row in plain numbers: the numpy calls of `_read_all` would take twenty times as long."""
        batch = self.batch
        moment_ns = max(min(batch.time_ns.item(), batch.arrival_ns.item()), clock_ns)
        self.clock = np.array([moment_ns], np.int64)
        quality, value = batch.quality.item(), batch.value.item()
        self.faulty = quality == _FAULT
        self._order = _FIRST_ROW
        self._spans = {batch.metric.item() if quality in _USABLE and value == value else -1: (0, 1)}  # noqa: PLR0124 - NaN

    def rows_of(self, metrics: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of usable quality with one of these metrics, in order."""
        parts = [self._order[slice(*self._spans[metric])] for metric in metrics if metric in self._spans]
        if len(parts) == 1:
            return parts[0]
        return np.sort(np.concatenate(parts)) if parts else self._order[:0]
