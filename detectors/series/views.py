"""Data that rules share: facts of the sensors, series tables, and the view of a batch."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.doubts import doubtful, standing
from detectors.kernels.emission import DRILL, LATE, LIVE, NONE, TIMELINES
from detectors.kernels.timelines import assign
from ingest import METRIC_BY_NAME, Catalog, Metric, Quality, Sensor, TelemetryBatch

from .columns import Columns
from .one import One
from .signs import signs_of

UNKNOWN_KIND = "device"
USABLE = np.array((Quality.GOOD, Quality.TEST, Quality.HISTORICAL), np.uint8)
"""Qualities that rules score: a test on the drill timeline, a past value on the late one."""

NO_METRIC = -2
"""Code that no reading has."""

UNUSABLE, LABELLED = -1, -3
"""Codes among the metrics of a view: it has rows that rules do not score; it has rows with attributes."""

_NO_CODES = np.empty(0, np.int32)
_NO_ROWS = np.empty(0, np.int64)
_FIRST_ROW = np.zeros(1, np.int64)
_IN_ORDER, _OLDER = np.zeros(1, np.bool_), np.ones(1, np.bool_)
_USABLE, _FAULT = frozenset(USABLE.tolist()), int(Quality.FAULT)
_TEST, _HISTORICAL = int(Quality.TEST), int(Quality.HISTORICAL)


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


class Part(NamedTuple):
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
        batch, one = view.batch, view.one
        if one is not None and not batch.attributes:
            return self._place_one(one, view) if view.metrics[0] in self.metric_codes else None
        rows = view.rows_of(self.metric_codes)
        if not len(rows):
            return None
        slots = self._slots(view.of_rows(batch.sensor, rows), len(view.fleet))
        last = self._newest["last"]
        if len(view.standing):  # the state at a connect never replaces a live value, which might clear an alarm
            fresh = ~np.isin(rows, view.standing) | (batch.value[rows] == 1) | (last[slots * TIMELINES + LIVE] == NONE)
            rows, slots = rows[fresh], slots[fresh]
            if not len(rows):
                return None
        part = Part(rows, np.empty(len(rows), np.int64), np.empty(len(rows), np.bool_))
        assign(rows, slots, batch.time_ns, batch.arrival_ns, batch.quality, last, view.late_ns, part.states, part.older)
        return part

    def _place_one(self, one: One, view: BatchView) -> Part:
        """Return the part of a batch of one usable row: `assign` in plain numbers."""
        slot = self._slot.item(one.sensor) if one.sensor < len(self._slot) else -1
        if slot < 0:
            slot = self._slots(view.batch.sensor, len(view.fleet)).item()
        last = self._newest["last"]
        state, time_ns = slot * TIMELINES, one.time_ns
        if one.quality == _TEST:
            state += DRILL
        elif one.quality == _HISTORICAL or one.arrival_ns - time_ns > view.late_ns or time_ns < last.item(state):
            state += LATE
        newest_ns = last.item(state)
        if time_ns > newest_ns:
            last[state] = time_ns
        return Part(_FIRST_ROW, np.array([state], np.int64), _OLDER if time_ns < newest_ns else _IN_ORDER)

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
    """A batch with its clock, its usable rows by metric, and the facts of the sensors.

    metrics: metrics of the usable rows, UNUSABLE if any row is not usable, LABELLED if any row has attributes.
    one: the row of a batch of one row. clock_ns: event time of the last row. standing, doubtful: rows of standing
    states, and with a doubt about their time, ascending.
    """

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
        self.version = fleet.version
        self.one: One | None = None
        self._parts: dict[Table, Part | None] = {}
        self._signs: NDArray[np.int8] | None = None
        if batch.attributes:
            self.standing, self.doubtful = standing(batch), doubtful(batch)
        else:
            self.standing = self.doubtful = _NO_ROWS
        if len(batch.sensor) == 1:
            self._read_one(clock_ns)
        else:
            self._read_all(clock_ns)

    def _read_all(self, clock_ns: int) -> None:
        batch = self.batch
        self.clock = np.maximum(np.maximum.accumulate(np.minimum(batch.time_ns, batch.arrival_ns)), clock_ns)
        self.clock_ns = int(self.clock[-1])
        self.faulty = bool((batch.quality == Quality.FAULT).any())
        usable = np.isin(batch.quality, USABLE)
        usable &= ~np.isnan(batch.value)
        metric = np.where(usable, batch.metric, np.int16(UNUSABLE))
        self._order = np.argsort(metric, kind="stable")  # stable: keeps the order of rows within a metric
        ordered = metric[self._order]
        edges = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(ordered)]
        self._spans = {int(ordered[a]): (a, b) for a, b in itertools.pairwise(edges)}
        self.metrics = (*self._spans, LABELLED) if batch.attributes else tuple(self._spans)

    @property
    def signs(self) -> NDArray[np.int8]:
        """Signs of the rows for offline detection."""
        if self._signs is None:
            self._signs = signs_of(self.batch)
        return self._signs

    def _read_one(self, clock_ns: int) -> None:
        batch = self.batch
        one = self.one = One(
            batch.sensor.item(), batch.metric.item(), batch.time_ns.item(), batch.arrival_ns.item(), batch.value.item(),
            batch.quality.item(),
        )  # fmt: skip
        self.clock_ns = max(min(one.time_ns, one.arrival_ns), clock_ns)
        self.faulty = one.quality == _FAULT
        self._order = _FIRST_ROW
        metric = one.metric if one.quality in _USABLE and one.value == one.value else UNUSABLE
        self.metrics = (metric, LABELLED) if batch.attributes else (metric,)
        self.clock = batch.time_ns if one.time_ns == self.clock_ns else np.array([self.clock_ns], np.int64)

    def part(self, table: Table) -> Part | None:
        """Return the rows of a table, the same for every rule that reads it; None without any."""
        if table in self._parts:
            return self._parts[table]
        part = self._parts[table] = table.part(self)
        return part

    def rows_of(self, metrics: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of usable quality with one of these metrics, in order."""
        if self.one is not None:
            return _FIRST_ROW if self.metrics[0] in metrics else _NO_ROWS
        parts = [self._order[slice(*self._spans[metric])] for metric in metrics if metric in self._spans]
        if len(parts) == 1:
            return parts[0]
        return np.sort(np.concatenate(parts)) if parts else self._order[:0]

    def of_rows(self, column: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return a column of the batch at ascending rows; of all rows the column itself, which no caller changes."""
        return column if len(rows) == len(column) else column[rows]
