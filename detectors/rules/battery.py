"""Detector that predicts battery end of life from messages sent.

The voltage of a lithium battery stays flat until shortly before the end.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.kernels.budget import DAYS, FACTS, FLAG, NUMBERS, OTHER, TIMES, VOLTAGE, update_batteries
from detectors.kernels.emission import NONE, TIMELINES, empty
from detectors.recipes.batteries import BatteryTypes
from detectors.recipes.kinds import BATTERY_METRICS, Battery
from detectors.recipes.limits import applies
from detectors.rule_detection import Entry, RuleDetection, entries
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part, Table
from ingest import METRIC_BY_NAME, Quality

from .levels import FAR
from .measures import SECOND_NS

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

_DAY_S = 86_400.0
_FLAG, _VOLTAGE = (METRIC_BY_NAME[name].code for name in BATTERY_METRICS)
_MADE = [METRIC_BY_NAME[name].code for name in ("online", "data_gap", "tick")]
"""Readings without a message of the device: they use no battery."""

_STATE = {
    "moment": (np.int64, TIMES, NONE),
    "number": (np.int32, NUMBERS, 0),
    "days": (np.int32, DAYS, -1),
    "counts": (np.int32, DAYS, 0),
    "missed": (np.float64, 1, 0),
}


class BatteryDetector:
    """Detector of one battery rule, over the sensors that ever reported a low flag or a voltage.

    Limit: lost messages are not counted, so the latest end is too late by the share of lost messages.
    """

    def __init__(self, rule: Battery, table: Table, battery_types: BatteryTypes) -> None:
        self.rule, self._table, self._battery_types = rule, table, battery_types
        self.timed = True
        self.beside: tuple[str, ...] = ()
        self._within = np.array(rule.within_days, np.float64)
        self._spans = (rule.min_count, int(rule.clear_s * SECOND_NS), int(rule.memory_s * SECOND_NS))
        self._state = Columns(_STATE)
        self._kinds = Columns(
            {"volts": (np.float64, 3, -np.inf), "budget": (np.float64, 2, 0), "per_day": (np.float64, 1, 0)}
        )
        self._applies = np.zeros(0, np.bool_)
        self._seen_version = 0

    @property
    def due_ns(self) -> int:
        """Event time before every batch, once a sensor has a battery: its messages are counted."""
        return int(NONE) if len(self._table) else FAR

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return low batteries, changed predictions and replaced batteries."""
        if not len(self._table):
            return []
        self._state.grow(len(self._table))
        self.sync(view.fleet)
        batch = view.batch
        states, signals = np.full(len(batch), -1, np.int64), np.full(len(batch), OTHER, np.int8)
        if part is not None:
            applies_to = self._applies[part.states // TIMELINES]
            rows = part.rows[applies_to]
            states[rows] = part.states[applies_to]
            signals[rows] = np.where(batch.metric[rows] == _FLAG, FLAG, VOLTAGE)
        sent = (batch.quality != Quality.HISTORICAL) & ~np.isin(batch.metric, _MADE)
        own, kinds = self._state, self._kinds
        found, values, beside, count = update_batteries(
            (batch.sensor, batch.time_ns, batch.value, sent), self._table.slots, states, signals,
            self._spans, self._within, (kinds["volts"], kinds["budget"], kinds["per_day"]),
            (own["moment"], own["number"], own["days"], own["counts"], own["missed"]),
            *empty(), np.empty((16, FACTS)),
        )  # fmt: skip
        pairs = zip(entries(found, values, count), beside[:count], strict=True)
        return [self._detection(entry, facts, view.fleet) for entry, facts in pairs]

    def sync(self, fleet: Fleet) -> None:
        """Set the battery type of new series, and of those with a changed sensor."""
        known, slots = self._kinds.size, len(self._table)
        if known == slots and self._seen_version == fleet.version:
            return
        self._kinds.grow(slots)
        changed = self._table.slots_of(fleet.changed(self._seen_version), below=known)
        self._applies = np.concatenate([self._applies, np.zeros(slots - len(self._applies), np.bool_)])
        for slot in (*changed.tolist(), *range(known, slots)):
            code = self._table.codes[slot]
            battery, period_s = self._battery_types.of(fleet[code]), fleet[code].period_s
            self._kinds["volts"][slot] = battery.low_v, battery.fresh_v, battery.dead_v
            self._kinds["budget"][slot] = battery.messages
            self._kinds["per_day"][slot] = _DAY_S / period_s if period_s > 0 else 0.0
            self._applies[slot] = applies(self.rule, fleet[code])
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._battery_types)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        self._state.grow(len(self._table))
        return {"state": self._state.dump(len(self._table))}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._state.load(state["state"])

    def _detection(self, entry: Entry, facts: NDArray[np.float64], fleet: Fleet) -> RuleDetection:
        code = self._table.codes[entry.slot]
        dims = _dims(facts, self._battery_types.of(fleet[code]).name)
        return RuleDetection(
            entry.row, code, self._table.metric_codes[0], entry.timeline, entry.phase, self.rule.levels[entry.step],
            entry.first_ns, entry.last_ns, self.rule, "battery",
            value=entry.value, limit=1.0, clear_s=self.rule.clear_s, dims=dims,
        )  # fmt: skip


def _dims(facts: NDArray[np.float64], battery_type: str) -> dict[str, Any]:
    """Return the prediction as evidence: message counts, and the earliest and latest day (UTC) of the end."""
    used, left_low, left_high, a_day, first, last = facts.tolist()
    predicted = not isnan(a_day)
    return {
        "cell": battery_type,
        "used": int(used),
        "left_low": int(left_low),
        "left_high": int(left_high),
        "per_day": round(a_day, 1) if predicted else None,
        "earliest": _date(first) if predicted else None,
        "latest": _date(last) if predicted else None,
    }


def _date(time_ns: float) -> str:
    return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).date().isoformat()
