"""Conditions across the sensors of a place: all, any, sequence, count within a time span.

Source: event algebra of complex event processing (SASE, 2006), kept to four operators over begins and ends. Cost: see
`groups`; no cost for readings that no condition reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.detection import Phase
from detectors.plan import Plan
from detectors.recipes.fusion import Condition
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView
from detectors.wording import span

from .groups import Group, GroupDetector, Key
from .sources import FAR, Change, Source, slots_of

NEVER = -1
OWN = -1
"""Key of the one open detection of a group."""

_WORDS = {
    "all": ("同时成立", "Together"),
    "any": ("至少一项成立", "At least one holds"),
    "sequence": ("依次发生", "One after the other"),
    "count": ("多次发生", "Repeated"),
}


class ConditionDetector(GroupDetector):
    """Detector of a rule of type condition: one open detection per group, carried by the first condition's sensor.

    marks of a group. count: clock of the last begins. sequence: for each condition the begin of its chain, then for
    each its own begin, then the clock at which the last chain was complete.
    """

    rule: Condition

    def __init__(self, rule: Condition, sources: Sequence[Source], plan: Plan, *, late_s: float) -> None:
        super().__init__(rule, sources, plan, within_s=rule.within_s, late_s=late_s)
        self._slots = slots_of(rule.conditions)

    def begun(self, view: BatchView, row: int, key: Key, change: Change) -> Iterator[RuleDetection]:
        """Record a begin in the marks of count and sequence."""
        group, clock_ns = self.groups[key], int(view.clock[row])
        if change.on and self.rule.combine == "count":
            group.marks = [*group.marks, clock_ns][-self.rule.count :]
        elif change.on and self.rule.combine == "sequence":
            self._chain(group, change.order, change.found.first_ns, clock_ns)
        yield from ()

    def scored(self, view: BatchView, row: int, key: Key, now_ns: int) -> Iterator[RuleDetection]:
        """Yield the raise or the clear of a group."""
        group = self.groups[key]
        holds = self._holds(group, now_ns)
        opened = group.opened.get(OWN)
        if holds and opened is None:
            order = min(order for order in group.last if group.present(order))
            group.opened[OWN] = self.open_at(group, order, now_ns)
            yield self._raised(view, row, key)
        elif not holds and opened is not None:
            del group.opened[OWN]
            over = "条件不再成立", "The conditions no longer hold"
            yield self.detection(row, key, Phase.CLEAR, opened, kind="condition", text=over, clears=self._clears())

    def further_due(self, group: Group) -> int:
        """Return the next time at which a mark is too old."""
        if self.rule.combine == "count":
            return min(group.marks, default=FAR - self.within_ns) + self.within_ns
        size = len(self.sources)
        times = [mark for mark in group.marks[:size] if mark != NEVER]
        if len(group.marks) > 2 * size and group.marks[-1] != NEVER and size - 1 not in group.on:
            times.append(group.marks[-1])
        return min(times, default=FAR - self.within_ns) + self.within_ns

    def _holds(self, group: Group, now_ns: int) -> bool:
        orders = range(len(self.sources))
        if self.rule.combine == "all":
            return all(any(map(group.present, slot)) for slot in self._slots)
        if self.rule.combine == "any":
            return any(group.present(order) for order in orders)
        if self.rule.combine == "count":
            group.marks = [mark for mark in group.marks if mark + self.within_ns > now_ns]
            return len(group.marks) >= self.rule.count and bool(group.last)
        return self._chained(group, now_ns)

    def _chain(self, group: Group, order: int, begin_ns: int, clock_ns: int) -> None:
        size = len(self.sources)
        marks = group.marks = group.marks or [NEVER] * (2 * size + 1)
        before, own = (NEVER, begin_ns) if not order else (marks[order - 1], marks[size + order - 1])
        if order and (before == NEVER or begin_ns < own or begin_ns - before > self.within_ns):
            return
        marks[order], marks[size + order] = before if order else begin_ns, begin_ns
        if order == size - 1:
            marks[-1] = clock_ns

    def _chained(self, group: Group, now_ns: int) -> bool:
        """Return whether the last chain is complete and still counts; forget chains that are too old."""
        size = len(self.sources)
        if not group.marks:
            return False
        for order in range(size):
            if group.marks[order] != NEVER and group.marks[order] + self.within_ns <= now_ns:
                group.marks[order] = NEVER
        if group.marks[-1] != NEVER and size - 1 not in group.on and group.marks[-1] + self.within_ns <= now_ns:
            group.marks[-1] = NEVER
        holds = group.marks[-1] != NEVER
        if not holds and all(mark == NEVER for mark in group.marks[:size]):
            group.marks = []
        return holds and bool(group.last)

    def _raised(self, view: BatchView, row: int, key: Key) -> RuleDetection:
        group = self.groups[key]
        zh, en = self.sentences(view.fleet, group)
        head_zh, head_en = _WORDS[self.rule.combine]
        facts = {"sensors": self.sensors(view.fleet, group)}
        return self.detection(
            row, key, Phase.RAISE, group.opened[OWN], kind="condition", window_s=self.rule.within_s,
            text=(f"{head_zh}：{zh}", f"{head_en}: {en}"), clears=self._clears(), facts=facts,
        )  # fmt: skip

    def _clears(self) -> tuple[str, str]:
        zh, en = span(self.rule.within_s)
        return f"条件结束满 {zh}后解除", f"Clears when the conditions have been over for {en}"
