"""Persons inside a place from the enters and exits of its cameras, with lost and doubled events.

Events of one track, direction and zone within double_s are one passage. Each passage counts as the inverse of the share
that cameras detect, so that enters and exits keep their size. Events are put in order of event time within watermark_s.
The number is never negative, and zero at night after hours without a passage.

It writes counts for callers that ask, and raises nothing. Limits: the shares are settings, to be measured against a
reader or a count by hand; people inside before the first event are unknown; a place where people sleep is not empty at
night. Cost: 10 us an event; state: the events of the last minute.

Source: thinning of a point process by its detection probability; reflection at zero.

>>> flow = Flow()
>>> [round(flow.add(at_s * SECOND_NS, change, 60 * SECOND_NS), 2) for at_s, change in ((0, 1.25), (5, 1.25), (3, -1))]
[1.25, 2.5, 1.5]
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from detectors.calendar import Calendar
from detectors.kernels.emission import NONE
from detectors.outputs import Count, Outputs
from detectors.recipes.limits import applies
from detectors.recipes.traffic import GateFlow
from detectors.rule_detection import RuleDetection
from detectors.series.views import LABELLED, BatchView, Fleet, Part
from ingest import METRIC_BY_NAME, Quality

LAYOUT = 1
"""Version of the state in snapshots; a change of its fields or of their meaning raises it."""

SECOND_NS = 1_000_000_000
FAR = 2**63 - 1
PENDING_MAX, TRACKS_MAX, PLACES_MAX = 1_024, 512, 10_000
END_S = 120.0
"""Time after the start of an event in which its end is no further passage."""

COUNTERS = frozenset((METRIC_BY_NAME["people_in"].code, METRIC_BY_NAME["people_out"].code))


@dataclass(slots=True)
class Flow:
    """Persons inside one place: settled number, changes within the watermark, passages of the last tracks."""

    settled: float = 0.0
    newest_ns: int = int(NONE)
    pending: list[tuple[int, float]] = field(default_factory=list)
    tracks: dict[str, int] = field(default_factory=dict)

    def add(self, time_ns: int, change: float, watermark_ns: int) -> float:
        """Add a passage in order of event time; return the persons inside."""
        insort(self.pending, (time_ns, change))
        self.newest_ns = max(self.newest_ns, time_ns)
        while self.pending and (self.pending[0][0] <= self.newest_ns - watermark_ns or len(self.pending) > PENDING_MAX):
            self.settled = max(0.0, self.settled + self.pending.pop(0)[1])
        inside = self.settled
        for _, later in self.pending:
            inside = max(0.0, inside + later)
        return inside

    def empty(self) -> None:
        """Leave nobody inside."""
        self.settled, self.pending, self.tracks = 0.0, [], {}

    def repeats(self, key: str, time_ns: int, within_ns: int) -> bool:
        """Return whether a passage of this key was counted within this time; record it."""
        before = self.tracks.pop(key, None)
        self.tracks[key] = time_ns if before is None else max(before, time_ns)
        if len(self.tracks) > TRACKS_MAX:
            del self.tracks[next(iter(self.tracks))]
        return before is not None and abs(time_ns - before) <= within_ns


class GateFlowDetector:
    """Counts of persons inside each place with cameras at its entrances, from live events."""

    def __init__(self, rule: GateFlow, calendar: Calendar, outputs: Outputs) -> None:
        self.rule, self._outputs = rule, outputs
        self._zone = ZoneInfo(calendar.timezone)
        self.beside: tuple[str, ...] = ()
        self.timed, self.due_ns = False, FAR
        self._flows: dict[str, Flow] = {}
        self._applies = np.zeros(0, np.bool_)
        self._seen_version = 0

    def takes(self, metric: int) -> bool:
        """Return whether a batch with this code may have a passage: a label decides, not the metric."""
        return metric == LABELLED or metric in COUNTERS

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Count the passages of the batch; there are no detections."""
        del part
        batch = view.batch
        wanted = np.zeros(len(batch), np.bool_)
        wanted[list(batch.attributes)] = True
        if COUNTERS.intersection(view.metrics):
            wanted[view.rows_of(tuple(COUNTERS))] = True
        if not wanted.any():
            return []
        self.sync(view.fleet)
        wanted &= self._applies[batch.sensor] & (batch.quality == Quality.GOOD) & ~np.isnan(batch.value)
        wanted &= batch.arrival_ns - batch.time_ns <= view.late_ns
        for row in np.flatnonzero(wanted).tolist():
            self._count(view, row)
        return []

    def sync(self, fleet: Fleet) -> None:
        """Look up whether the rule applies to new and to changed sensors."""
        if self._seen_version == fleet.version and len(self._applies) == len(fleet):
            return
        more = np.zeros(max(0, len(fleet) - len(self._applies)), np.bool_)
        self._applies = np.concatenate([self._applies, more])
        for code in fleet.changed(self._seen_version).tolist():
            self._applies[code] = applies(self.rule, fleet[code])
        self._seen_version = fleet.version

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._zone.key)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        return {
            "flows": [
                [place, one.settled, one.newest_ns, [list(item) for item in one.pending], list(one.tracks.items())]
                for place, one in sorted(self._flows.items())
            ]
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._flows = {
            place: Flow(settled, newest_ns, [(at, change) for at, change in pending], dict(tracks))
            for place, settled, newest_ns, pending, tracks in state["flows"]
        }

    def _count(self, view: BatchView, row: int) -> None:
        """Count the passage of an event, if it is one."""
        batch, rule = view.batch, self.rule
        dims = batch.attributes.get(row, {})
        metric = view.fleet.metric_of(int(batch.metric[row])).name
        direction = self._direction(str(dims.get("label") or ""), metric)
        people, phase = float(batch.value[row]) if metric.startswith("people_") else 1.0, dims.get("phase")
        if not direction or phase == "update" or not 0 < people < TRACKS_MAX:
            return
        sensor, time_ns = view.fleet[int(batch.sensor[row])], int(batch.time_ns[row])
        place = sensor.place or sensor.id
        if place not in self._flows and len(self._flows) >= PLACES_MAX:
            return
        flow = self._flows.setdefault(place, Flow())
        track = str(dims.get("track") or dims.get("event_id") or "")
        if track:
            within_s = END_S if phase == "end" else rule.double_s
            if flow.repeats(f"{direction:+d} {dims.get('zone', '')} {track}", time_ns, int(within_s * SECOND_NS)):
                return
        elif phase == "end":
            return
        weight = people / rule.detected / (1.0 if track else 1 + rule.doubled)
        self._after_night(flow, place, time_ns)
        inside = flow.add(time_ns, direction * weight, int(rule.watermark_s * SECOND_NS))
        if self._outputs.counts is not None:
            self._outputs.counts.append(Count(place, flow.newest_ns, inside))

    def _direction(self, label: str, metric: str) -> int:
        """Return 1 for an enter, -1 for an exit, 0 for another event."""
        text = f"{label} {metric}".lower()
        entering, leaving = (any(part in text for part in parts) for parts in (self.rule.entering, self.rule.leaving))
        return 0 if entering == leaving else 1 if entering else -1

    def _after_night(self, flow: Flow, place: str, time_ns: int) -> None:
        """Empty the place at night_h, if hours without a passage contain that moment."""
        if flow.newest_ns == NONE or time_ns - flow.newest_ns < int(self.rule.quiet_s * SECOND_NS):
            return
        before = datetime.fromtimestamp(flow.newest_ns // SECOND_NS, UTC).astimezone(self._zone)
        night = before.replace(hour=self.rule.night_h, minute=0, second=0)
        night += timedelta(days=night <= before)
        night_ns = int(night.timestamp()) * SECOND_NS
        if night_ns < time_ns:
            flow.empty()
            if self._outputs.counts is not None:
                self._outputs.counts.append(Count(place, night_ns, 0.0))
