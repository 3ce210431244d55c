"""Belief of an incident: sum of the log likelihood ratios of a place and its neighbours.

Source: naive Bayes over conditions, as for multi-criteria fire detection (reference of the fire rules, Gottuk 2002);
neighbours count with a share of their odds. The probability sets the priority of a hazard that single rules find too.
Cost: see `groups`; about 30 us for each begin and end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import exp

from detectors.detection import Phase
from detectors.plan import ABOVE, NEXT, SAME, ZONE, Plan
from detectors.recipes.fusion import Belief
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet
from detectors.wording import span

from .groups import Group, GroupDetector, Key
from .sources import Source, slots_of

OWN = -1


class BeliefDetector(GroupDetector):
    """Detector of a rule of type belief: one open detection for each place with a condition of its own."""

    rule: Belief

    def __init__(self, rule: Belief, sources: Sequence[Source], plan: Plan, *, late_s: float) -> None:
        super().__init__(rule, sources, plan, within_s=rule.within_s, late_s=late_s)
        self._shares = {SAME: 1.0, NEXT: rule.next, ABOVE: rule.above, ZONE: rule.same_zone}
        self._slots = slots_of(rule.conditions)
        self._near = lru_cache(maxsize=4096)(plan.neighbours)

    def scored(self, view: BatchView, row: int, key: Key, now_ns: int) -> Iterator[RuleDetection]:
        """Yield the detections of the place and of those that it is a neighbour of."""
        site, place, timeline = key
        for other in self._near(site, place):
            at = site, other, timeline
            if at in self.groups:
                yield from self._place(view, row, at, now_ns)

    def belief(self, key: Key) -> float:
        """Return the probability of an incident at a place."""
        site, place, timeline = key
        near = [
            (self._shares[relation], group)
            for other, relation in self._near(site, place).items()
            if (group := self.groups.get((site, other, timeline))) is not None
        ]
        log_odds = self.rule.prior
        for slot in self._slots:  # alternatives are one evidence
            parts = [
                share * self.sources[order].term.odds for order in slot for share, group in near if group.present(order)
            ]
            log_odds += max(parts, key=abs, default=0.0)
        return 1.0 / (1.0 + exp(-log_odds))

    def _place(self, view: BatchView, row: int, key: Key, now_ns: int) -> Iterator[RuleDetection]:
        group = self.groups[key]
        own = [order for order in group.last if group.present(order) and self.sources[order].term.odds > 0]
        share = self.belief(key) if own else 0.0
        step = sum(share >= limit for limit in self.rule.limits) - 1
        opened = group.opened.get(OWN)
        if opened is None and step >= 0:
            order = max(own, key=lambda one: (self.sources[one].term.odds, -one))
            group.opened[OWN] = self.open_at(group, order, now_ns, step=step)
            yield self._worded(view, row, key, Phase.RAISE, share)
        elif opened is not None and step < 0:
            yield self._worded(view, row, key, Phase.CLEAR, share)
            del group.opened[OWN]
        elif opened is not None and step > opened.step:
            opened.step = step
            yield self._worded(view, row, key, Phase.CHANGE, share)

    def _worded(self, view: BatchView, row: int, key: Key, phase: Phase, share: float) -> RuleDetection:
        group, percent = self.groups[key], f"{100 * share:.0f} %"
        zh, en = self.sentences(view.fleet, group)
        text = f"综合判断概率 {percent}：{zh}", f"Probability of {percent} from all sources: {en}"
        over = f"综合概率已降至 {percent}", f"The probability has fallen to {percent}"
        facts = {"belief": round(share, 4), "sensors": self._agreeing(view.fleet, key)}
        within_zh, within_en = span(self.rule.within_s)
        clears = f"证据结束满 {within_zh}后解除", f"Clears when the evidence has been over for {within_en}"
        return self.detection(
            row, key, phase, group.opened[OWN], kind="belief", window_s=self.rule.within_s, score=share,
            text=over if phase is Phase.CLEAR else text, clears=clears, facts=facts,
        )  # fmt: skip

    def _agreeing(self, fleet: Fleet, key: Key) -> list[str]:
        """Return the sensors with evidence here and in the neighbouring places."""
        site, place, timeline = key
        groups: list[Group] = [
            group
            for other, relation in self._near(site, place).items()
            if self._shares[relation] and (group := self.groups.get((site, other, timeline))) is not None
        ]
        return list(dict.fromkeys(name for group in groups for name in self.sensors(fleet, group)))
