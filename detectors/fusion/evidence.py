"""Detector of a fire by the evidence of several channels and sensors of a place.

Source: log-likelihood ratios summed over channels with a leaky accumulation; see `kernels.evidence`. Parameters: D,
chosen on simulated fires and nuisances and on the shared half of the recorded fires. Limits: a head with smoke alone
cannot distinguish steam from a fire and raises at its limits; a place counts nine sensors; sensors of a place share
evidence only where one detector set reads both. Cost: 0.8 us a reading in batches of 4,096.

>>> from detectors.recipes.fires import FireEvidence
>>> FireEvidence(name="fire", hazard="fire", levels=(1, 2, 3)).reads
('smoke_density', 'co', 'temperature', 'humidity')
"""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detection import Phase
from detectors.kernels.clouds import BY_CLOUD, BY_SUM, INTEGERS, KITCHEN, LEVEL, NO_HEAT, ORDINARY, SETTINGS, UNSCORED
from detectors.kernels.emission import NONE, TIMELINES, empty
from detectors.kernels.evidence import (
    FACT_BASE,
    FACT_LAST,
    FACT_LEADING,
    FACT_MATE,
    FACT_REASON,
    FACT_SUM,
    FACTS,
    update_evidence,
)
from detectors.kernels.fire_channels import CHANNELS, FLOATS, WARM
from detectors.kernels.measures import BUCKETS, rise
from detectors.recipes.fires import FireEvidence
from detectors.recipes.limits import applies
from detectors.rule_detection import Entry, RuleDetection, entries
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part, Table

from .places import Places
from .words import change_words, clear_words, reason_words

LAYOUT = 2
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

FAR = 2**63 - 1
_ALONE = [np.array([channel], np.int8) for channel in range(CHANNELS)]
_NO_RISE = np.full(1, np.nan)
RISE_NS = 5_000_000_000
"""Width of a bucket of the rise within a minute."""

BELIEF_UNIT, CERTAIN, CLOUDY = 1.5, 0.8, 0.1
"""Evidence by which the odds grow e-fold; probability of a fire by smoke or heat alone, and of a held cloud."""


class EvidenceDetector:
    """Detector of fires by the evidence of a place; see the module."""

    timed, due_ns = False, FAR
    beside: tuple[str, ...] = ()

    def __init__(self, rule: FireEvidence, table: Table) -> None:
        self.rule, self._table = rule, table
        self._settings = _settings(rule)
        self._rows = Columns({"row": (np.int32, 1, -1)})
        self._states = Columns({"values": (np.float64, FLOATS, 0.0), "times": (np.int64, INTEGERS, NONE)})
        self._rise = Columns(
            {
                "before": (np.float64, 2, np.nan),
                "stamp": (np.int64, BUCKETS, NONE // 2),
                "highs": (np.float64, BUCKETS, 0),
            }
        )
        self._where = Columns({"where": (np.int8, 1, ORDINARY)})
        self._places = Places()
        self._found = *empty(), np.empty((16, FACTS))
        self._seen_version = 0

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the rows, in order."""
        if part is None:
            return []
        if self._where.size != len(self._table.codes) or self._seen_version != view.version:
            self.sync(view.fleet)
        channels = self._channels(view, part)
        rises = self._rises(view, part, channels)
        self._allocate(part.states)
        batch = view.batch
        found, indices, facts, count = update_evidence(
            part.rows, part.states, part.older, channels, view.of_rows(batch.time_ns, part.rows),
            view.of_rows(batch.value, part.rows), rises, self._where["where"], self._rows["row"], self._places.mates,
            self._settings, self._states["values"], self._states["times"], *self._found,
        )  # fmt: skip
        if not count:
            return []
        return [self._detection(entry, facts[int(entry.value)], view) for entry in entries(found, indices, count)]

    def sync(self, fleet: Fleet) -> None:
        """Read surroundings and place of new series, and of those with a changed sensor."""
        known, slots = self._where.size, len(self._table)
        if known == slots and self._seen_version == fleet.version:
            return
        self._where.grow(slots)
        self._rows.grow(slots * TIMELINES)
        changed = self._table.slots_of(fleet.changed(self._seen_version), below=known)
        for slot in (*changed.tolist(), *range(known, slots)):
            code = self._table.codes[slot]
            self._where["where"][slot] = _surroundings(self.rule, fleet, code)
            self._places.put(slot, fleet, code)
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot: the states that have a row, in order."""
        size = len(self._table) * TIMELINES
        self._rows.grow(size)
        self._rise.grow(size)
        rows = self._rows["row"][:size]
        used = np.flatnonzero(rows >= 0)
        kept = Columns(
            {"state": (np.int64, 1, 0), "values": (np.float64, FLOATS, 0.0), "times": (np.int64, INTEGERS, NONE)}
        )
        kept.grow(len(used))
        kept["state"][:] = used
        for name in ("values", "times"):
            kept[name][:] = self._states[name][rows[used]]
        return {"size": size, "states": kept.dump(), "rise": self._rise.dump(size)}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        kept = Columns(
            {"state": (np.int64, 1, 0), "values": (np.float64, FLOATS, 0.0), "times": (np.int64, INTEGERS, NONE)}
        )
        kept.load(state["states"])
        self._rise.load(state["rise"])
        self._rows.grow(int(state["size"]))
        self._states.grow(kept.size)
        self._rows["row"][kept["state"]] = np.arange(kept.size, dtype=np.int32)
        for name in ("values", "times"):
            self._states[name][:] = kept[name]

    def _channels(self, view: BatchView, part: Part) -> NDArray[np.int8]:
        """Return the channel of each row; -1 for a temperature whose time is in doubt: it has no rate."""
        codes = self._table.metric_codes
        if view.one is not None and not len(view.doubtful):
            return _ALONE[codes.index(view.one.metric)]
        numbers = np.zeros(max(codes) + 1, np.int8)
        numbers[list(codes)] = np.arange(len(codes))
        channels: NDArray[np.int8] = numbers[view.batch.metric[part.rows]]
        if len(view.doubtful):
            channels[(channels == WARM) & np.isin(part.rows, view.doubtful)] = -1
        return channels

    def _rises(self, view: BatchView, part: Part, channels: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return the rise of the temperature within a minute, NaN for other channels; see the rule type `rise`."""
        self._rise.grow(len(self._table.codes) * TIMELINES)
        if view.one is not None:
            return self._rise_of(view, part) if channels.item() == WARM else _NO_RISE
        warm = Part(*(column[channels == WARM] for column in part))
        rises = np.full(len(part.rows), np.nan)
        if len(warm.rows):
            rises[channels == WARM] = self._rise_of(view, warm)
        return rises

    def _rise_of(self, view: BatchView, warm: Part) -> NDArray[np.float64]:
        """Return the rise of temperatures within a minute."""
        batch, own, rows = view.batch, self._rise, len(warm.rows)
        x, low = np.empty(rows), np.empty(rows)
        rise(
            warm.states, warm.older, view.of_rows(batch.time_ns, warm.rows), view.of_rows(batch.value, warm.rows),
            RISE_NS, own["before"], own["stamp"], own["highs"], low, x,
        )  # fmt: skip
        return x

    def _allocate(self, states: NDArray[np.int64]) -> None:
        """Give each state its row at its first reading."""
        rows = self._rows["row"]
        if len(states) == 1 and rows.item(states.item()) >= 0:
            return
        fresh = np.unique(states[rows[states] < 0])
        if not len(fresh):
            return
        size = self._states.size
        self._states.grow(size + len(fresh))
        self._rows["row"][fresh] = np.arange(size, size + len(fresh), dtype=np.int32)
        times = self._states["times"]
        times[size:, LEVEL] = 0

    def _detection(self, entry: Entry, facts: NDArray[np.float64], view: BatchView) -> RuleDetection:
        level, channel = entry.step, int(facts[FACT_LEADING])
        place = self.rule.levels.index(level) if level in self.rule.levels else len(self.rule.levels) - 1
        code = self._table.codes[entry.slot]
        ids = [view.fleet[code].id]
        if facts[FACT_MATE] >= 0:
            ids.append(view.fleet[self._table.codes[int(facts[FACT_MATE])]].id)
        values = facts.tolist()
        value, base = values[channel + FACT_LAST], values[channel + FACT_BASE]
        zh, en = change_words(self.rule, level, values)
        belief = round(_belief(self.rule, values), 3)
        evidence: dict[str, Any] = {"sensors": ids, "belief": belief}
        if entry.phase is not Phase.CLEAR:
            evidence["change"] = {"zh": zh, "en": en}
        return RuleDetection(
            entry.row, code, self._table.metric_codes[channel], entry.timeline, entry.phase, self.rule.levels[place],
            entry.first_ns, entry.last_ns, self.rule, "fire_evidence", value=value if np.isfinite(value) else None,
            score=belief if level > 1 else None, baseline=base if np.isfinite(base) else None,
            clear_s=self.rule.clear_s, text=reason_words(self.rule, entry.phase, level, values),
            clears=clear_words(self.rule), facts=evidence,
        )  # fmt: skip


def _belief(rule: FireEvidence, facts: list[float]) -> float:
    """Return the probability of a fire: logistic in the evidence, at least that of its reason."""
    reason = int(facts[FACT_REASON])
    summed = 1 / (1 + exp(-min(50.0, max(-50.0, (facts[FACT_SUM] - rule.alarm) / BELIEF_UNIT))))
    if reason == BY_SUM:
        return summed
    return min(summed, CLOUDY) if reason == BY_CLOUD else max(summed, CERTAIN)


def _surroundings(rule: FireEvidence, fleet: Fleet, code: int) -> int:
    sensor = fleet[code]
    if not applies(rule, sensor):
        return UNSCORED
    if sensor.profile in rule.kitchens:
        return KITCHEN
    if sensor.profile in rule.smoke_only or sensor.kind not in rule.heat_kinds:
        return NO_HEAT
    return ORDINARY


def _settings(rule: FireEvidence) -> NDArray[np.float64]:
    """Return the settings in the order of the kernel."""
    settings = np.array(
        (
            rule.early, rule.alarm, rule.leak_s, *rule.smoke_limits, *rule.smoke_after_s, *rule.smoke_counts,
            rule.offset_max, rule.step_s, rule.hold_s, rule.damp_s, rule.damp_max, *rule.heat_k, rule.heat_rate,
            *rule.rise_k, rule.base_max, rule.clear_s, rule.brisk_k, rule.brisk_rate,
        )
    )  # fmt: skip
    if len(settings) != SETTINGS:
        raise AssertionError(f"{len(settings)} settings; the kernel reads {SETTINGS}")
    return settings
