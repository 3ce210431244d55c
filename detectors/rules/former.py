"""Open detections of a detector set, and their ends once their rule changed or was removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from detectors.detection import WATCHDOG, Phase
from detectors.kernels.emission import LIVE
from detectors.recipes.kinds import Rule
from detectors.rule_detection import RuleDetection
from detectors.series.views import Fleet
from detectors.wording import ended_words
from ingest import Quality, TelemetryBatch

Key = tuple[str, int, int, int]
"""Rule, sensor code, metric code, timeline."""


class Open(NamedTuple):
    """Facts of an open detection that its end states. reads: metrics of the readings that its rule scores."""

    level: int
    first_ns: int
    kind: str
    hazard: str
    reads: Sequence[str]


@dataclass(slots=True)
class OpenDetections:
    """Detections that a detector set raised and did not clear, and those of rules whose state is lost.

    A rule that changed or was removed cannot clear detections of its former version: the set clears them. An alarm must
    not end before the new version can decide: a live detection ends with the next good reading of its sensor that the
    former rule scored, before the detections of that reading. The new version then raises a lasting condition anew.
    Every other detection (of missing readings, a drill, past values) ends with the next reading of any sensor.
    """

    open: dict[Key, Open] = field(default_factory=dict)
    ending: dict[Key, Open] = field(default_factory=dict)
    held: bool = False
    """Whether no detection ends yet."""

    def dump(self, without: Collection[str] = ()) -> dict[str, Any]:
        """Return both groups as plain data. without: rules whose open detections are left out."""
        kept = {key: one for key, one in self.open.items() if key[0] not in without}
        return {
            name: [[*key, *one] for key, one in group.items()]
            for name, group in (("open", kept), ("ending", self.ending))
        }

    def load(self, state: Mapping[str, Any], kept: Collection[str]) -> None:
        """Restore the bytes of `dump`. kept: rules with their state; open detections of all others end."""
        self.ending = {tuple(one[:4]): Open(*one[4:]) for one in state.get("ending", ())}
        self.open = {}
        for one in state.get("open", ()):
            group = self.open if one[0] in kept else self.ending
            group.setdefault(tuple(one[:4]), Open(*one[4:]))

    def follow(self, found: Iterable[RuleDetection]) -> None:
        """Note the raises and clears of a batch, in row order."""
        for one in sorted(found, key=lambda item: item.row):
            key = _key(one)
            if one.phase is Phase.CLEAR:
                self.open.pop(key, None)
            elif one.rule.name != WATCHDOG:
                self.open.setdefault(key, Open(one.level, one.first_ns, one.kind, one.hazard, one.rule.reads))

    def ends(
        self,
        batch: TelemetryBatch,
        found: Iterable[RuleDetection],
        fleet: Fleet,
        *,
        late_ns: int,
        present: Collection[str],
    ) -> list[RuleDetection]:
        """Return the clears that are due in this batch; each counts before the detections of its row.

        found: detections of the batch; present: names of the rules that run.
        """
        if not self.ending or self.held:
            return []
        rows: dict[Key, int] = {}
        for one in found:
            rows[_key(one)] = min(one.row, rows.get(_key(one), one.row))
        live = [key for key, one in self.ending.items() if key[3] == LIVE and one.reads]
        seen = self._first_readings(batch, live, fleet, late_ns)
        waiting = set(live)
        due = []
        for key in [*self.ending]:
            row = min(rows.get(key, len(batch)), seen.get(key, len(batch)) if key in waiting else 0)
            if row < len(batch):
                due.append(_end(key, self.ending.pop(key), batch, row, removed=key[0] not in present))
        return due

    def _first_readings(self, batch: TelemetryBatch, keys: Sequence[Key], fleet: Fleet, late_ns: int) -> dict[Key, int]:
        """Return the first row for each key: a good reading in time, of its sensor and a metric of its rule."""
        named = np.isin(batch.sensor, [sensor for _, sensor, _, _ in keys])
        if not named.any():
            return {}
        good = named & (batch.quality == Quality.GOOD) & (batch.arrival_ns - batch.time_ns <= late_ns)
        first: dict[tuple[int, int], int] = {}
        for row in np.flatnonzero(good).tolist():
            first.setdefault((int(batch.sensor[row]), int(batch.metric[row])), row)
        found = {}
        for key in keys:
            codes = {key[2], *map(fleet.metric_code, self.ending[key].reads)}
            rows = [first[key[1], code] for code in codes if (key[1], code) in first]
            if rows:
                found[key] = min(rows)
        return found


def _key(one: RuleDetection) -> Key:
    return one.rule.name, one.sensor, one.metric, one.timeline


def _end(key: Key, one: Open, batch: TelemetryBatch, row: int, *, removed: bool) -> RuleDetection:
    name, sensor, metric, timeline = key
    words = ended_words(name, removed=removed)
    return RuleDetection(
        row=row,
        sensor=sensor,
        metric=metric,
        timeline=timeline,
        phase=Phase.CLEAR,
        level=one.level,
        first_ns=one.first_ns,
        last_ns=max(one.first_ns, int(batch.time_ns[row])),
        rule=Rule(name=name, hazard=one.hazard),
        kind=one.kind,
        text=words,
        clears=words,
        facts={"ended": "rule_removed" if removed else "rule_changed"},
    )
