"""The rule that tells when a battery ends: by messages, for a lithium cell's voltage stands flat until it falls."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.budget import DAYS, FACTS, FLAG, NUMBERS, OTHER, TIMES, VOLTAGE, update_batteries
from detectors.kernels.emission import NONE, TIMELINES, empty
from detectors.recipes.batteries import BatteryTypes
from detectors.recipes.kinds import Battery
from detectors.rule_detection import Entry, RuleDetection, entries
from ingest import METRIC_BY_NAME, Quality

from .levels import SECOND_NS, applies
from .series import BatchView, Fleet, Part, Table
from .state import Columns

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

METRICS = ("battery_low", "battery_voltage")
_DAY_S = 86_400.0
_FLAG, _VOLTAGE = (METRIC_BY_NAME[name].code for name in METRICS)
_MADE = [METRIC_BY_NAME[name].code for name in ("online", "data_gap", "tick")]
"""Readings that no device sent: they cost no battery."""

_STATE = {
    "moment": (np.int64, TIMES, NONE),
    "number": (np.int32, NUMBERS, 0),
    "days": (np.int32, DAYS, -1),
    "counts": (np.int32, DAYS, 0),
    "missed": (np.float64, 1, 0),
}


class BatteryDetector:
    """One battery rule over the sensors that ever told a low flag or a voltage; the others cost it nothing.

    Works badly for a device whose messages are lost on the way: what is not heard is not counted, and the latest end is
    told too late by the share that is lost.
    """

    def __init__(self, rule: Battery, table: Table, cells: BatteryTypes) -> None:
        self.rule, self._table, self._cells = rule, table, cells
        self._within = np.array(rule.within_days, np.float64)
        self._spans = (rule.min_count, int(rule.clear_s * SECOND_NS), int(rule.memory_s * SECOND_NS))
        self._state = Columns(_STATE)
        self._kinds = Columns(
            {"volts": (np.float64, 3, -np.inf), "budget": (np.float64, 2, 0), "told": (np.float64, 1, 0)}
        )
        self._applies = np.zeros(0, np.bool_)
        self._seen_version = 0

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Which cells are low, which end sooner than was told, which were replaced."""
        if not len(self._table):
            return []
        self._state.grow(len(self._table))
        self.sync(view.fleet)
        batch = view.batch
        cells, what = np.full(len(batch), -1, np.int64), np.full(len(batch), OTHER, np.int8)
        if part is not None:
            judged = self._applies[part.states // TIMELINES]
            rows = part.rows[judged]
            cells[rows] = part.states[judged]
            what[rows] = np.where(batch.metric[rows] == _FLAG, FLAG, VOLTAGE)
        sent = (batch.quality != Quality.HISTORICAL) & ~np.isin(batch.metric, _MADE)
        own, kinds = self._state, self._kinds
        found, values, beside, count = update_batteries(
            (batch.sensor, batch.time_ns, batch.value, sent), self._table.slots, cells, what, self._spans, self._within,
            (kinds["volts"], kinds["budget"], kinds["told"]),
            (own["moment"], own["number"], own["days"], own["counts"], own["missed"]),
            *empty(), np.empty((16, FACTS)),
        )  # fmt: skip
        told = zip(entries(found, values, count), beside[:count], strict=True)
        return [self._detection(entry, facts, view.fleet) for entry, facts in told]

    def sync(self, fleet: Fleet) -> None:
        """Cells of new series, and of those whose sensor was altered."""
        known, slots = self._kinds.size, len(self._table)
        if known == slots and self._seen_version == fleet.version:
            return
        self._kinds.grow(slots)
        altered = self._table.slots_of(fleet.changed(self._seen_version), below=known)
        self._applies = np.concatenate([self._applies, np.zeros(slots - len(self._applies), np.bool_)])
        for slot in (*altered.tolist(), *range(known, slots)):
            code = self._table.codes[slot]
            cell, period_s = self._cells.of(fleet[code]), fleet[code].period_s
            self._kinds["volts"][slot] = cell.low_v, cell.fresh_v, cell.dead_v
            self._kinds["budget"][slot] = cell.messages
            self._kinds["told"][slot] = _DAY_S / period_s if period_s > 0 else 0.0
            self._applies[slot] = applies(self.rule, fleet, code)
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._cells)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        self._state.grow(len(self._table))
        return {"state": self._state.dump(len(self._table))}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._state.load(state["state"])

    def _detection(self, entry: Entry, facts: NDArray[np.float64], fleet: Fleet) -> RuleDetection:
        code = self._table.codes[entry.slot]
        dims = _dims(facts, self._cells.of(fleet[code]).name)
        return RuleDetection(
            entry.row, code, self._table.metric_codes[0], entry.timeline, entry.phase, self.rule.levels[entry.step],
            entry.first_ns, entry.last_ns, self.rule, "battery",
            value=entry.value, limit=1.0, clear_s=self.rule.clear_s, dims=dims,
        )  # fmt: skip


def _dims(facts: NDArray[np.float64], cell: str) -> dict[str, Any]:
    """The forecast as evidence: counts of messages, and days (UTC) from and until which the end is expected."""
    used, left_low, left_high, a_day, first, last = facts.tolist()
    known = not isnan(a_day)
    return {
        "cell": cell,
        "used": int(used),
        "left_low": int(left_low),
        "left_high": int(left_high),
        "per_day": round(a_day, 1) if known else None,
        "earliest": _date(first) if known else None,
        "latest": _date(last) if known else None,
    }


def _date(time_ns: float) -> str:
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).date().isoformat()
