"""Detectors of lasting states: gates held, forced or used after hours; cameras and their objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.calendar import Calendar
from detectors.kernels.emission import NONE, TIMELINES, empty
from detectors.kernels.episodes import FAR, KEEP, OFF, ON, TIMES, gate_signals, update_episodes
from detectors.recipes.kinds import AfterHours, CameraObject, Forced, LastingState
from detectors.recipes.limits import applies
from detectors.recipes.types import TYPES
from detectors.rule_detection import Entry, RuleDetection, entries
from detectors.series.columns import Columns
from detectors.series.views import BatchView, Fleet, Part, Table
from ingest import METRIC_BY_NAME

from .labels import ended, label_of, score_of, track_of, zoned
from .measures import SECOND_NS
from .tracks import Tracks

LAYOUT = 1
"""Version of the state in snapshots; a change of its columns or of their meaning raises it."""

GATE_CODES = (METRIC_BY_NAME["open"].code, METRIC_BY_NAME["access_granted"].code, METRIC_BY_NAME["forced"].code)
EpisodeRule = LastingState | Forced | AfterHours | CameraObject


class EpisodeDetector:
    """Detector of one lasting state. Its durations run on the clock of all rows, the service's ticks included."""

    def __init__(self, rule: EpisodeRule, table: Table, calendar: Calendar) -> None:
        self.rule, self._table, self._calendar = rule, table, calendar
        self._kind = next(name for name, settings in TYPES.items() if isinstance(rule, settings))
        after_s = getattr(rule, "after_s", (0.0,) * len(rule.levels))
        self._after_s: tuple[float, ...] = (rule.wait_s,) if isinstance(rule, Forced) else after_s
        self._after = np.array([int(s * SECOND_NS) for s in self._after_s], np.int64)
        self._clear_s = float(getattr(rule, "clear_s", 0.0))
        self._hold_s = float(getattr(rule, "hold_s", 0.0))
        self._due = np.array([FAR], np.int64)
        self.timed = True
        self.beside: tuple[str, ...] = ()
        self._states = Columns(
            {"moment": (np.int64, TIMES, NONE), "step": (np.int64, 1, 0), "score": (np.float64, 1, 0)}
        )
        self._gates = Columns(
            {"granted": (np.int64, 1, NONE), "opened": (np.int64, 1, NONE), "ajar": (np.bool_, 1, False)}
        )
        self._grants = Columns({"grants": (np.bool_, 1, False)})
        self._tracks = Tracks(self._hold_s)
        self._applies = np.zeros(0, np.bool_)
        self._seen_version = 0

    @property
    def due_ns(self) -> int:
        """Event time of the next step of any state."""
        return self._due.item(0)

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the rows and of the clock."""
        if part is None and view.clock_ns < self._due.item(0):
            return []
        size = len(self._table) * TIMELINES
        for columns, room in ((self._states, size), (self._gates, size), (self._grants, len(self._table))):
            columns.grow(room)
        rows = len(view.batch)
        signals = np.zeros(rows, np.int8)
        if part is not None:
            self.sync(view.fleet)
            part = _only(part, self._applies[part.states // TIMELINES])
        if part is not None:
            self._signal(view, part, signals)
        if view.one is not None and not signals.item() and view.clock_ns < self._due.item(0):
            return []
        states, older = _of_all(part, rows)
        found, values, count = update_episodes(
            states, signals, older, view.batch.time_ns, view.clock, self._after, int(self._clear_s * SECOND_NS),
            int(self._hold_s * SECOND_NS), self._due, self._states["moment"], self._states["step"], *empty(),
        )  # fmt: skip
        return [self._detection(entry, view) for entry in entries(found, values, count)] if count else []

    def sync(self, fleet: Fleet) -> None:
        """Look up whether the rule applies to new series, and to those with a changed sensor."""
        known, codes = len(self._applies), self._table.codes
        if known == len(codes) and self._seen_version == fleet.version:
            return
        for slot in self._table.slots_of(fleet.changed(self._seen_version), below=known).tolist():
            self._applies[slot] = applies(self.rule, fleet[codes[slot]])
        if known < len(codes):
            fresh = np.array([applies(self.rule, fleet[code]) for code in codes[known:]], np.bool_)
            self._applies = np.concatenate([self._applies, fresh])
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._calendar.inputs() if isinstance(self.rule, Forced | AfterHours) else ())

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        size = len(self._table) * TIMELINES
        for columns, room in ((self._states, size), (self._gates, size), (self._grants, len(self._table))):
            columns.grow(room)
        return {
            "due": int(self._due[0]),
            "states": self._states.dump(size),
            "gates": self._gates.dump(size),
            "grants": self._grants.dump(len(self._table)),
            "tracks": self._tracks.dump(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._due[0] = state["due"]
        self._states.load(state["states"])
        self._gates.load(state["gates"])
        self._grants.load(state["grants"])
        self._tracks.load(state.get("tracks", []))  # earlier versions have none

    def _signal(self, view: BatchView, part: Part, signals: NDArray[np.int8]) -> None:
        batch, rule = view.batch, self.rule
        on = batch.value[part.rows] > 0
        if isinstance(rule, Forced):
            gates = self._gates
            gate_signals(
                part.rows, part.states, batch.metric, batch.value > 0, batch.time_ns, GATE_CODES,
                int(rule.grant_s * SECOND_NS), int(rule.wait_s * SECOND_NS),
                gates["granted"], self._grants["grants"], gates["opened"], gates["ajar"],
                self._calendar.closed(batch.time_ns[part.rows]), signals,
            )  # fmt: skip
        elif isinstance(rule, AfterHours):
            rows = part.rows[on & (batch.metric[part.rows] != GATE_CODES[2])]
            if len(rows):
                signals[rows[self._calendar.closed(batch.time_ns[rows])]] = ON
        elif isinstance(rule, CameraObject):
            for row, state in zip(part.rows.tolist(), part.states.tolist(), strict=True):
                signals[row] = self._camera_signal(rule, view, row, state)
        else:
            signals[part.rows] = np.where(on, ON, OFF)

    def _camera_signal(self, rule: CameraObject, view: BatchView, row: int, state: int) -> int:
        dims = view.batch.attributes.get(row)
        if not dims or label_of(dims) not in rule.labels:
            return KEEP
        if rule.zones and not zoned(rule, dims, view.fleet[int(view.batch.sensor[row])].profile):
            return KEEP
        track, time_ns = track_of(dims), int(view.batch.time_ns[row])
        if ended(dims, float(view.batch.value[row])):
            return KEEP if self._tracks.end(state, track, time_ns) else OFF
        score = score_of(dims)
        if score < rule.score_min:
            return KEEP
        self._states["score"][state] = score
        self._tracks.confirm(state, track, time_ns)
        return ON

    def _detection(self, entry: Entry, view: BatchView) -> RuleDetection:
        camera = isinstance(self.rule, CameraObject)
        score = float(self._states["score"][entry.slot * TIMELINES + entry.timeline]) if camera else None
        dims: Mapping[str, Any] = view.batch.attributes.get(entry.row, {}) if camera else {}
        same = int(view.batch.sensor[entry.row]) == self._table.codes[entry.slot]
        shown = {key: dims[key] for key in ("label", "zone", "zones", "track", "score") if key in dims} if same else {}
        return RuleDetection(
            entry.row, self._table.codes[entry.slot], self._table.metric_codes[0], entry.timeline, entry.phase,
            self.rule.levels[entry.step], entry.first_ns, entry.last_ns, self.rule, self._kind,
            value=entry.value, limit=1.0, window_s=self._after_s[entry.step],
            clear_s=self._clear_s or self._hold_s, score=score, dims=shown,
        )  # fmt: skip


def _of_all(part: Part | None, rows: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return state and order of every row of a batch; state -1 for those outside the part."""
    if part is not None and len(part.rows) == rows:
        return part.states, part.older
    states, older = np.full(rows, -1, np.int64), np.zeros(rows, np.bool_)
    if part is not None:
        states[part.rows], older[part.rows] = part.states, part.older
    return states, older


def _only(part: Part, keep: NDArray[np.bool_]) -> Part | None:
    if keep.all():
        return part
    return Part(part.rows[keep], part.states[keep], part.older[keep]) if keep.any() else None
