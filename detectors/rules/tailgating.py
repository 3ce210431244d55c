"""Tailgating at gates: a cumulative sum over passages with and without a grant of their own.

A grant admits one passage within grant_s, in any order with it up to wait_s. Each passage adds its log-likelihood
ratio, of a high share of passages without a grant against the usual share of the gate, to a sum that is never negative
(Page 1954). The usual share is learned from the gate itself while the sum is low.

Only gates that send grants and passages are scored, late data only with late grants. A grant with a doubtful time
counts at its arrival, far from its late passage; it is left out, and so are the late passages of its gate. Limits: a
door that is often left open for everybody learns a high
share, and with one above one half is not scored. Cost: 3 us a passage or grant; state: 10 numbers a gate.

>>> gate = Gate()
>>> for second in (0, 10, 20):
...     gate.grant(second * SECOND_NS)
...     gate.pass_in(second * SECOND_NS + 1, 2)
>>> round(gate.settle(60 * SECOND_NS, Tailgating(name="t", hazard="tailgating")), 1), gate.alone, gate.followed
(7.5, 3, 3)
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field
from math import log
from typing import Any

import numpy as np

from detectors.detection import Phase
from detectors.kernels.emission import DRILL, LATE, LIVE, TIMELINES
from detectors.recipes.traffic import Tailgating
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet, Part, Table
from ingest import METRIC_BY_NAME

from .applicability import Applicability
from .measures import SECOND_NS

LAYOUT = 2
"""Version of the state in snapshots; a change of its fields or of their meaning raises it."""

FAR = 2**63 - 1
KEPT_MAX, COUNT_MAX, KEPT_NS = 256, 256, 300 * SECOND_NS
"""Unused grants or open passages of a gate, people of one message, and the time of grants, that count."""

SHARE_MAX, MEMORY = 0.5, 500.0
"""Usual share above which a gate is not scored, and passages over which it is learned."""

GRANTED, IN_TOTAL, OUT_TOTAL, IN = (
    METRIC_BY_NAME[name].code for name in ("access_granted", "people_in_total", "people_out_total", "people_in")
)


@dataclass(slots=True)
class Gate:
    """One gate: unused grants, passages that wait for a grant, the sum, counts since it was last zero, usual share."""

    total: float = 0.0
    share: float = -1.0
    alone: int = 0
    followed: int = 0
    since_ns: int = 0
    newest_ns: int = 0
    passed_ns: int = 0
    alive_ns: int = 0
    raised: bool = False
    totals: list[float] = field(default_factory=lambda: [-1.0, -1.0])
    grants: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    paired: int = 0

    def grant(self, time_ns: int) -> None:
        """Add a grant; it admits the oldest passage that waits for one."""
        if self.waiting:
            self.waiting.pop(0)
            self.paired += 1
        else:
            self.grants = [*self.grants, time_ns][-KEPT_MAX:]

    def pass_in(self, time_ns: int, people: int, grant_ns: int = 30 * SECOND_NS) -> None:
        """Add people who enter; each uses a grant, or waits for one.

        A count of several people covers the time since the last one.
        """
        valid_ns = max(grant_ns, time_ns - self.passed_ns) if people > 1 else grant_ns
        self.grants = [at for at in self.grants if time_ns - at <= valid_ns]
        self.passed_ns = time_ns
        for _ in range(min(people, COUNT_MAX)):
            if self.grants:
                self.grants.pop(0)
                self.paired += 1
            else:
                self.waiting = [*self.waiting, time_ns][-KEPT_MAX:]

    def pass_out(self, people: int) -> None:
        """Use a grant for each of the people who leave, as far as there are any: an exit may need none."""
        del self.grants[: min(people, len(self.grants))]

    def settle(self, now_ns: int, rule: Tailgating) -> float:
        """Add the passages that are decided to the sum and return it."""
        wait_ns = int(rule.wait_s * SECOND_NS)
        late = sum(now_ns - moment > wait_ns for moment in self.waiting)
        self.waiting, self.grants = self.waiting[late:], [at for at in self.grants if now_ns - at <= KEPT_NS]
        if self.share < 0:
            self.share = rule.usual
        many = max(rule.many, min(0.95, self.share + 0.3))
        if self.share <= SHARE_MAX:
            steps = late * log(many / self.share) + self.paired * log((1 - many) / (1 - self.share))
            self.total = min(max(0.0, self.total + steps), 2 * rule.odds)
        self.alone, self.followed = self.alone + self.paired, self.followed + late
        if late and self.total > 0 and not self.since_ns:
            self.since_ns, self.alone, self.followed = now_ns, self.paired, late
        if self.total < rule.odds / 2 and not self.raised:
            weight = (late + self.paired) / (MEMORY + late + self.paired)
            seen = late / max(1, late + self.paired)
            self.share = min(max(self.share + weight * (seen - self.share), rule.usual / 4), 1.0)
        if self.total == 0:
            self.since_ns = 0
        self.paired = 0
        return self.total


def granting_line(states: Any) -> Any:
    """Return the states whose grants admit the passages of these states; those of a drill are the live ones."""
    return states - (states % TIMELINES == DRILL) * (DRILL - LIVE)


class TailgatingDetector:
    """Detector of tailgating. It ends with the sum, or hold_s after the last passage, on the clock of all rows."""

    def __init__(self, rule: Tailgating, table: Table) -> None:
        self.rule, self._table = rule, table
        self.beside: tuple[str, ...] = ()
        self.timed, self.due_ns = True, FAR
        self._gates: dict[int, Gate] = {}
        self._granting: set[int] = set()
        self._applies = Applicability(rule, table)

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the passages and of the clock."""
        found: list[RuleDetection] = []
        if part is not None:
            self.sync(view.fleet)
            slots, lines = part.states // TIMELINES, granting_line(part.states)
            doubtful = np.isin(part.rows, view.doubtful)
            granted = (view.batch.metric[part.rows] == GRANTED) & (view.batch.value[part.rows] > 0) & ~doubtful
            self._granting.difference_update((slots[doubtful] * TIMELINES + LATE).tolist())
            wanted = np.array(sorted(self._granting | set(lines[granted].tolist())), np.int64)
            applies = np.array(self._applies.flags, np.bool_)[slots]
            chosen = np.isin(lines, wanted) & applies & ~part.older & ~doubtful
            for at in np.flatnonzero(chosen).tolist():
                row, state = int(part.rows[at]), int(part.states[at])
                found += self._expire(view, int(view.clock[row]))
                found += self._observe(view, row, state)
        return found + self._expire(view, view.clock_ns)

    def sync(self, fleet: Fleet) -> None:
        """Look up whether the rule applies to new gates, and to those with a changed sensor."""
        self._applies.sync(fleet)

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule)

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        gates = [[state, *astuple(gate)] for state, gate in sorted(self._gates.items())]
        return {"due": self.due_ns, "granting": sorted(self._granting), "gates": gates}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self.due_ns, self._granting = state["due"], set(state["granting"])
        self._gates = {key: Gate(*values) for key, *values in state["gates"]}

    def _observe(self, view: BatchView, row: int, state: int) -> list[RuleDetection]:
        metric, value, time_ns = int(view.batch.metric[row]), float(view.batch.value[row]), int(view.batch.time_ns[row])
        if metric == GRANTED and value > 0 and state % TIMELINES != DRILL:
            self._granting.add(state)
        elif granting_line(state) not in self._granting:
            return []
        gate = self._gates.setdefault(state, Gate())
        gate.settle(time_ns, self.rule)
        gate.newest_ns, gate.alive_ns = time_ns, int(view.clock[row])
        if metric == GRANTED:
            if value > 0:
                gate.grant(time_ns)
        else:
            people = self._people(gate, metric, value)
            if metric in (IN, IN_TOTAL):
                gate.pass_in(time_ns, people, int(self.rule.grant_s * SECOND_NS))
            else:
                gate.pass_out(people)
        return self._decide(row, state, gate)

    def _decide(self, row: int, state: int, gate: Gate) -> list[RuleDetection]:
        if gate.raised:
            self.due_ns = min(self.due_ns, gate.alive_ns + int(self.rule.hold_s * SECOND_NS))
            return [self._clear(row, state, gate)] if gate.total == 0 else []
        if gate.total < self.rule.odds:
            return []
        gate.raised = True
        self.due_ns = min(self.due_ns, gate.alive_ns + int(self.rule.hold_s * SECOND_NS))
        return [self._detection(row, state, gate, Phase.RAISE)]

    @staticmethod
    def _people(gate: Gate, metric: int, value: float) -> int:
        """Return the people of a reading; a running total that falls has started again."""
        if metric not in (IN_TOTAL, OUT_TOTAL):
            return max(0, int(min(value, COUNT_MAX)))
        before = gate.totals[metric == OUT_TOTAL]
        gate.totals[metric == OUT_TOTAL] = value
        more = 0.0 if before < 0 else value - before if value >= before else value
        return max(0, int(min(more, COUNT_MAX)))

    def _clear(self, row: int, state: int, gate: Gate) -> RuleDetection:
        found = self._detection(row, state, gate, Phase.CLEAR)
        gate.raised, gate.total, gate.since_ns = False, 0.0, 0
        return found

    def _expire(self, view: BatchView, now_ns: int) -> list[RuleDetection]:
        """Return the ends of tailgating without passages, each at the first row whose clock reaches its end."""
        if now_ns < self.due_ns:
            return []
        hold_ns, found = int(self.rule.hold_s * SECOND_NS), []
        active = sorted((gate.alive_ns + hold_ns, state) for state, gate in self._gates.items() if gate.raised)
        for due_ns, state in active:
            if due_ns <= now_ns:
                found.append(self._clear(int(np.searchsorted(view.clock, due_ns)), state, self._gates[state]))
        self.due_ns = min((due_ns for due_ns, state in active if self._gates[state].raised), default=FAR)
        return found

    def _detection(self, row: int, state: int, gate: Gate, phase: Phase) -> RuleDetection:
        passed = gate.alone + gate.followed
        zh, en = (
            f"尾随进门：{passed} 人通过，只有 {gate.alone} 次授权",
            f"{passed} people passed on {gate.alone} grants",
        )
        over = phase is Phase.CLEAR
        return RuleDetection(
            row, self._table.codes[state // TIMELINES], self._table.metric_codes[0], state % TIMELINES, phase,
            self.rule.levels[0], min(gate.since_ns or gate.newest_ns, gate.newest_ns), gate.newest_ns, self.rule,
            "tailgating", value=float(passed), limit=float(gate.alone), baseline=float(gate.alone),
            text=("已不再有人尾随", "No further tailgating") if over else (zh, en),
            clears=("通过人数与授权相符后解除", "Clears when passages match the grants again"),
            facts={} if over else {"change": {"zh": "每人各刷一次卡", "en": "A grant for each person"}},
        )  # fmt: skip
