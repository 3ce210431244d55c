"""Base of fusion detectors: conditions of sensors that belong together, and their ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detectors.detection import Phase
from detectors.plan import Plan
from detectors.recipes.fusion import Fusion
from detectors.rule_detection import RuleDetection, words_of
from detectors.series.routes import Routes, Selective
from detectors.series.views import BatchView, Fleet, Part
from ingest import Sensor

from .sources import FAR, Change, Source, changes_of

SECOND_NS = 1_000_000_000
SHOWN_MAX = 6
"""Conditions in a sentence."""
WORDS_MAX = 200

UNPLACED = "unassigned:"
"""Begin of the area of a sensor without a place: nothing is near it."""

Key = tuple[str, str, int]
"""Site, place or zone, timeline."""


@dataclass(slots=True)
class Open:
    """Open detection of a fusion rule: sensor and metric that carry it, event times, level, clock of its begin."""

    sensor: int
    metric: int
    first_ns: int
    last_ns: int
    step: int = 0
    since_ns: int = 0


@dataclass(slots=True)
class Group:
    """Conditions of one place or zone. on: condition -> sensor -> event time of its begin.

    ended: condition -> clock of its last end; last: condition -> sensor, metric, event time and sentences of its last
    begin; marks: times that a combination remembers; opened: open detections by sensor, -1 for the group's own.
    """

    on: dict[int, dict[int, int]] = field(default_factory=dict)
    ended: dict[int, int] = field(default_factory=dict)
    last: dict[int, list[Any]] = field(default_factory=dict)
    marks: list[int] = field(default_factory=list)
    opened: dict[int, Open] = field(default_factory=dict)

    def apply(self, change: Change, sentences: tuple[str, str], clock_ns: int) -> None:
        """Record a begin or an end."""
        order, one = change.order, change.found
        if change.on:
            self.on.setdefault(order, {}).setdefault(one.sensor, one.first_ns)
            self.last[order] = [one.sensor, one.metric, one.last_ns, *(text[:WORDS_MAX] for text in sentences)]
        elif self.on.get(order, {}).pop(one.sensor, None) is not None and not self.on[order]:
            del self.on[order]
            self.ended[order] = clock_ns

    def present(self, order: int) -> bool:
        """Return whether a condition holds, or ended within its time span."""
        return order in self.on or order in self.ended

    def expire(self, now_ns: int, within_ns: int) -> None:
        """Forget the conditions that ended longer ago than within_ns."""
        for order in [order for order, ended_ns in self.ended.items() if ended_ns + within_ns <= now_ns]:
            del self.ended[order]
            if order not in self.on:
                del self.last[order]

    def due(self, within_ns: int) -> int:
        """Return the next time at which a condition is forgotten."""
        return min((ended_ns + within_ns for ended_ns in self.ended.values()), default=FAR)

    def idle(self) -> bool:
        """Return whether the group needs no memory."""
        return not (self.on or self.ended or self.marks or self.opened)

    def dump(self) -> list[Any]:
        """Return the state for a snapshot."""
        opened = [
            [key, one.sensor, one.metric, one.first_ns, one.last_ns, one.step, one.since_ns]
            for key, one in _items(self.opened)
        ]
        on = [[order, _items(begun)] for order, begun in _items(self.on)]
        return [on, _items(self.ended), _items(self.last), self.marks, opened]

    @classmethod
    def load(cls, state: Sequence[Any]) -> Group:
        """Return the group of a dump."""
        on, ended, last, marks, opened = state
        return cls(
            {order: dict(begun) for order, begun in on}, dict(ended), dict(last), list(marks),
            {key: Open(*rest) for key, *rest in opened},
        )  # fmt: skip


def _items(table: Mapping[int, Any]) -> list[list[Any]]:
    return [[key, table[key]] for key in sorted(table)]


class GroupDetector:
    """Detector of a fusion rule; a subclass scores a group after each change of its conditions.

    Cost: that of the rules of its conditions, and about 10 us for each of their begins and ends.
    """

    LAYOUT = 2
    """Version of the state in snapshots; a change of its fields or of their meaning raises it."""

    def __init__(self, rule: Fusion, sources: Sequence[Source], plan: Plan, *, within_s: float, late_s: float) -> None:
        self.rule, self.sources, self.plan = rule, tuple(sources), plan
        self.within_ns, self._late_s = int(within_s * SECOND_NS), late_s
        self.groups: dict[Key, Group] = {}
        self.timed = True
        names = dict.fromkeys(name for one in sources for name in (*one.table.metrics, *one.detector.beside))
        self.beside: tuple[str, ...] = tuple(names)
        self.tables = tuple("+".join(one.table.metrics) for one in sources)
        self._routes = Routes([(one.table, one.detector) for one in sources])
        self._selective = [one.detector for one in sources if isinstance(one.detector, Selective)]
        self._due_ns = FAR

    @property
    def due_ns(self) -> int:
        """Lower bound of the next time at which the clock changes a group."""
        return min(self._due_ns, self._routes.due_ns)

    def takes(self, metric: int) -> bool:
        """Return whether a condition must see batches with this code among their metrics."""
        return any(detector.takes(metric) for detector in self._selective)

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the rows and of the clock."""
        del part
        changed = self._routes.update(view)
        if not changed and self._due_ns > view.clock_ns:
            return []
        found: list[RuleDetection] = []
        for change in changes_of(self.sources, changed):
            row = change.found.row
            clock_ns = int(view.clock[row])
            found += self._advance(view, clock_ns)
            key = self.key_of(view.fleet, change.found)
            key = key if change.on else self._begun_at(key, change)
            group = self.groups.setdefault(key, Group())
            group.apply(change, words_of(change.found, view.fleet.metric_of(change.found.metric)), clock_ns)
            found += self.begun(view, row, key, change)
            found += self._settle(view, row, key)
            found += self._advance(view, clock_ns, at=row)
        found += self._advance(view, view.clock_ns)
        return found

    def _begun_at(self, key: Key, change: Change) -> Key:
        """Return the group in which the condition began: a sensor may have moved since."""
        order, one = change.order, change.found
        if key in self.groups and one.sensor in self.groups[key].on.get(order, ()):
            return key
        begun = (at for at, group in self.groups.items() if at[2] == key[2] and one.sensor in group.on.get(order, ()))
        return next(begun, key)

    def begun(self, view: BatchView, row: int, key: Key, change: Change) -> Iterator[RuleDetection]:
        """Take note of a begin or an end before the group is scored."""
        del view, row, key, change
        yield from ()

    def scored(self, view: BatchView, row: int, key: Key, now_ns: int) -> Iterator[RuleDetection]:
        """Yield the detections of a group at a time."""
        raise NotImplementedError

    def further_due(self, group: Group) -> int:
        """Return the next time at which the rule itself changes a group."""
        del group
        return FAR

    def key_of(self, fleet: Fleet, one: RuleDetection) -> Key:
        """Return the group of a sensor."""
        sensor = fleet[one.sensor]
        return sensor.site, self.area_of(sensor), one.timeline

    def area_of(self, sensor: Sensor) -> str:
        """Return the place of a sensor, or its zone if the rule relates those of a zone; without a place, its own."""
        if not sensor.place:
            return f"{UNPLACED}{sensor.id}"
        return self.plan.zone(sensor.site, sensor.place) if self.rule.near == "zone" else sensor.place

    def sync(self, fleet: Fleet) -> None:
        """Read the facts of sensors that are new or changed."""
        for source in self.sources:
            source.table.resolve(fleet)
            source.detector.sync(fleet)
        self._routes.refresh()

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        inner = tuple(source.detector.inputs() for source in self.sources)
        return (self.LAYOUT, self.rule, self._late_s, self.plan.inputs(), inner)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        groups = [[list(key), self.groups[key].dump()] for key in sorted(self.groups)]
        return {"due": self._due_ns, "sources": [source.detector.dump() for source in self.sources], "groups": groups}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self._due_ns = state["due"]
        for source, saved in zip(self.sources, state["sources"], strict=True):
            source.detector.load(saved)
        self._routes.refresh()
        self.groups = {(key[0], key[1], key[2]): Group.load(saved) for key, saved in state["groups"]}

    def _settle(self, view: BatchView, row: int, key: Key, now_ns: int | None = None) -> Iterator[RuleDetection]:
        """Score a group, and forget it once it is idle."""
        yield from self.scored(view, row, key, int(view.clock[row]) if now_ns is None else now_ns)
        if key in self.groups and self.groups[key].idle():
            del self.groups[key]
        elif key in self.groups:
            self._due_ns = min(self._due_ns, self._due(self.groups[key]))

    def _due(self, group: Group) -> int:
        return min(group.due(self.within_ns), self.further_due(group))

    def _advance(self, view: BatchView, until_ns: int, *, at: int | None = None) -> list[RuleDetection]:
        """Apply the ends that the clock reaches: at the given row, else at the first one that reaches them."""
        found: list[RuleDetection] = []
        while self._due_ns <= until_ns:
            due_ns = self._due_ns
            row = int(np.searchsorted(view.clock, due_ns)) if at is None else at
            for key in sorted(key for key, group in self.groups.items() if self._due(group) <= due_ns):
                if key in self.groups:
                    self.groups[key].expire(due_ns, self.within_ns)
                    found += self._settle(view, row, key, due_ns)
            self._due_ns = min((self._due(group) for group in self.groups.values()), default=FAR)
        return found

    def sensors(self, fleet: Fleet, group: Group) -> list[str]:
        """Return the ids of the sensors whose conditions hold or have just ended, in the order of the conditions."""
        codes = [code for order in sorted(group.on) for code in sorted(group.on[order])]
        codes += [group.last[order][0] for order in sorted(group.ended) if order not in group.on]
        return [fleet[code].id for code in dict.fromkeys(codes)][:SHOWN_MAX]

    def sentences(self, fleet: Fleet, group: Group) -> tuple[str, str]:
        """Return the sentences of the conditions, each with its sensor."""
        parts = [group.last[order] for order in sorted(group.last) if group.present(order)][:SHOWN_MAX]
        zh = "；".join(f"{one[3]}（{fleet[one[0]].id}）" for one in parts)
        return zh, "; ".join(f"{one[4]} ({fleet[one[0]].id})" for one in parts)

    def open_at(self, group: Group, order: int, now_ns: int, *, step: int = 0) -> Open:
        """Return an open detection that the sensor of a condition carries."""
        sensor, metric, last_ns, *_ = group.last[order]
        begins = [begin_ns for begun in group.on.values() for begin_ns in begun.values()]
        last_ns = max([last_ns, *(one[2] for one in group.last.values())])
        return Open(sensor, metric, min([*begins, last_ns]), last_ns, step, now_ns)

    def detection(self, row: int, key: Key, phase: Phase, opened: Open, **given: Any) -> RuleDetection:
        """Return a detection of a group; its time is that of the conditions."""
        clear = phase is Phase.CLEAR
        return RuleDetection(
            row, opened.sensor, opened.metric, key[2], phase, self.rule.levels[max(0, opened.step)],
            min(opened.first_ns, opened.last_ns), opened.last_ns, self.rule, given.pop("kind"),
            value=0.0 if clear else 1.0, limit=1.0, **given,
        )  # fmt: skip
