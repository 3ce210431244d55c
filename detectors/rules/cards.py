"""Cards at two gates within less than the walking time between them.

The distance is the straight line between the places of the gates on the plan of the campus, so every real way is
longer. A copied card, or one that was handed through a fence, is at the second gate too early. Readings have a
pseudonym of the card, which the intake draws; the number itself is not kept.

Limits: gates without a place on the plan, and readers without card numbers, are not scored; a pseudonym is constant
only during one run of the intake. Cost: 3 us a grant; state: a time and a sensor for each grant of the last span_s.

>>> uses = Uses()
>>> uses.add("a1", Use(0, 0), span_ns=60, most=4)
[]
>>> uses.add("a1", Use(50, 1), span_ns=60, most=4)
[Use(time_ns=0, state=0)]
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from detectors.detection import Phase
from detectors.kernels.emission import TIMELINES
from detectors.plan import Plan
from detectors.recipes.traffic import CardUse
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet, Part, Table

from .applicability import Applicability
from .measures import SECOND_NS

LAYOUT = 1
"""Version of the state in snapshots; a change of its fields or of their meaning raises it."""

FAR = 2**63 - 1
CARDS_MAX, USES_MAX = 20_000, 8
"""Cards, and grants of one card, that are remembered; the oldest ones go first."""


class Use(NamedTuple):
    """One grant: event time, and state of the gate."""

    time_ns: int
    state: int


class Uses:
    """Last grants of each card."""

    def __init__(self) -> None:
        self._cards: OrderedDict[str, list[Use]] = OrderedDict()

    def add(self, card: str, use: Use, *, span_ns: int, most: int) -> list[Use]:
        """Add a grant; return the earlier added ones of the card that are within the span of it."""
        known = [one for one in self._cards.pop(card, []) if abs(use.time_ns - one.time_ns) <= span_ns]
        self._cards[card] = [*known, use][-most:]
        while len(self._cards) > CARDS_MAX:
            self._cards.popitem(last=False)
        return known

    def dump(self) -> list[Any]:
        """Return plain data."""
        return [[card, [list(use) for use in uses]] for card, uses in self._cards.items()]

    def load(self, kept: list[Any]) -> None:
        """Restore dumped data."""
        self._cards = OrderedDict((card, [Use(*use) for use in uses]) for card, uses in kept)


class CardUseDetector:
    """Detector of cards in two places. A finding ends hold_s after the last one, on the clock of all rows."""

    def __init__(self, rule: CardUse, table: Table, plan: Plan) -> None:
        self.rule, self._table, self._plan = rule, table, plan
        self.beside: tuple[str, ...] = ()
        self.timed, self.due_ns = True, FAR
        self._uses = Uses()
        self._active: dict[int, tuple[int, int, int]] = {}  # state -> first grant, last grant, end on the clock
        self._applies = Applicability(rule, table)

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]:
        """Return the detections of the grants and of the clock."""
        found: list[RuleDetection] = []
        if part is not None and view.batch.attributes:
            self.sync(view.fleet)
            for row, state in zip(part.rows.tolist(), part.states.tolist(), strict=True):
                dims = view.batch.attributes.get(row, {})
                if dims.get("card") and not dims.get("doubt") and view.batch.value[row] > 0:
                    found += self._expire(view, int(view.clock[row]))
                    found += self._observe(view, row, state, str(dims["card"]))
        return found + self._expire(view, view.clock_ns)

    def sync(self, fleet: Fleet) -> None:
        """Look up whether the rule applies to new gates, and to those with a changed sensor."""
        self._applies.sync(fleet)

    def inputs(self) -> tuple[object, ...]:
        """Return the inputs of the state besides the readings."""
        return (LAYOUT, self.rule, self._plan.inputs())

    def dump(self) -> dict[str, Any]:
        """Return the state for a snapshot."""
        active = [[state, *times] for state, times in sorted(self._active.items())]
        return {"due": self.due_ns, "uses": self._uses.dump(), "active": active}

    def load(self, state: dict[str, Any]) -> None:
        """Restore the state of a snapshot."""
        self.due_ns = state["due"]
        self._uses.load(state["uses"])
        self._active = {key: (first, last, end) for key, first, last, end in state["active"]}

    def _observe(self, view: BatchView, row: int, state: int, card: str) -> list[RuleDetection]:
        """Add a grant, and raise at a gate that the card reached too early."""
        if not self._applies.flags[state // TIMELINES]:
            return []
        time_ns = int(view.batch.time_ns[row])
        before = self._uses.add(
            f"{state % TIMELINES} {card}", Use(time_ns, state), span_ns=int(self.rule.span_s * SECOND_NS), most=USES_MAX
        )
        early = [(metres, use) for use in before if (metres := self._early(view.fleet, state, use, time_ns)) > 0]
        if not early:
            return []
        metres, other = max(early)
        end_ns = int(view.clock[row]) + int(self.rule.hold_s * SECOND_NS)
        self.due_ns = min(self.due_ns, end_ns)
        first_ns, last_ns = sorted((other.time_ns, time_ns))
        if state in self._active:
            begun_ns, newest_ns, _ = self._active[state]
            self._active[state] = (begun_ns, max(newest_ns, last_ns), end_ns)
            return []
        self._active[state] = (first_ns, last_ns, end_ns)
        return [self._raise(view, row, state, other, metres)]

    def _early(self, fleet: Fleet, state: int, use: Use, time_ns: int) -> float:
        """Return the distance to the gate of another grant if nobody walks it in the time between them, else 0."""
        here, there = (fleet[self._table.codes[each // TIMELINES]] for each in (state, use.state))
        if here.site != there.site or here.code == there.code:
            return 0.0
        metres = self._plan.metres(here.site, here.place, there.place)
        if metres is None or metres < self.rule.least_m:
            return 0.0
        walked_s = abs(time_ns - use.time_ns) / SECOND_NS + self.rule.slack_s
        return metres if walked_s * self.rule.speed_m_s < metres else 0.0

    def _expire(self, view: BatchView, now_ns: int) -> list[RuleDetection]:
        """Return the findings that end, each at the first row whose clock reaches its end."""
        if now_ns < self.due_ns:
            return []
        found = []
        for end_ns, state in sorted((times[2], state) for state, times in self._active.items()):
            if end_ns <= now_ns:
                first_ns, last_ns, _ = self._active.pop(state)
                found.append(self._clear(int(np.searchsorted(view.clock, end_ns)), state, first_ns, last_ns))
        self.due_ns = min((times[2] for times in self._active.values()), default=FAR)
        return found

    def _clear(self, row: int, state: int, first_ns: int, last_ns: int) -> RuleDetection:
        return RuleDetection(
            row, self._table.codes[state // TIMELINES], self._table.metric_codes[0], state % TIMELINES, Phase.CLEAR,
            self.rule.levels[0], first_ns, last_ns, self.rule, "card_use", clear_s=self.rule.hold_s,
            text=("该卡未再同时出现在两处", "No further card at two gates"),
            clears=_CLEARS,
        )  # fmt: skip

    def _raise(self, view: BatchView, row: int, state: int, other: Use, metres: float) -> RuleDetection:
        first_ns, last_ns, _ = self._active[state]
        apart_s, least_s = (last_ns - first_ns) / SECOND_NS, metres / self.rule.speed_m_s
        there = view.fleet[self._table.codes[other.state // TIMELINES]].id
        change = {"zh": f"两次刷卡相隔 {least_s:.0f} 秒以上", "en": f"{least_s:.0f} s or more between the grants"}
        return RuleDetection(
            row, self._table.codes[state // TIMELINES], self._table.metric_codes[0], state % TIMELINES, Phase.RAISE,
            self.rule.levels[0], first_ns, last_ns, self.rule, "card_use", value=round(apart_s, 1),
            limit=round(least_s, 1), window_s=self.rule.span_s, clear_s=self.rule.hold_s,
            facts={"sensors": [there], "change": change},
            text=(
                f"同一张卡 {apart_s:.0f} 秒内出现在相距 {metres:.0f} 米的两扇门（另一扇：{there}）",
                f"One card at two gates {metres:.0f} m apart within {apart_s:.0f} s (other gate: {there})",
            ),
            clears=_CLEARS,
        )  # fmt: skip


_CLEARS = ("最后一次之后自动解除", "Clears automatically after the last one")
