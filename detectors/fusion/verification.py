"""Verification of a finding by a second source, in a time box that ends with the alarm.

The time box only ever ends in favour of the alarm: silence of the second source is no evidence. Cost: see `groups`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detectors.detection import Phase
from detectors.plan import Plan
from detectors.recipes.fusion import Verify
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet
from detectors.wording import span

from .groups import SECOND_NS, Group, GroupDetector, Key, Open
from .sources import FAR, Source

AREAS_MAX = 4_096
"""Areas whose second sources are remembered."""


class VerifyDetector(GroupDetector):
    """Detector of a rule of type verify: one open detection per finding sensor of a group."""

    rule: Verify

    def __init__(self, rule: Verify, sources: Sequence[Source], plan: Plan, *, late_s: float) -> None:
        super().__init__(rule, sources, plan, within_s=rule.within_s, late_s=late_s)
        self._wait_ns = int(rule.wait_s * SECOND_NS)
        self._areas: dict[tuple[str, str, int], bool] = {}
        self._version = -1

    def scored(self, view: BatchView, row: int, key: Key, now_ns: int) -> Iterator[RuleDetection]:
        """Yield raises, confirmations and clears of a group."""
        group = self.groups[key]
        group.ended.pop(0, None)
        if 0 not in group.on:
            group.last.pop(0, None)
        seen = group.on.get(0, {})
        for sensor in sorted(set(group.opened) - set(seen)):
            gone = group.opened.pop(sensor)
            over = "该现象已消失", "The finding is over"
            yield self.detection(row, key, Phase.CLEAR, gone, kind="verify", text=over, clears=self._clears())
        for sensor in sorted(seen):
            reason = self._reason(view.fleet, key, group, sensor, now_ns)
            opened = group.opened.get(sensor)
            if opened is None:
                opened = group.opened[sensor] = self._opened(group, sensor, now_ns, step=int(bool(reason)))
                yield self._worded(view, row, key, opened=opened, phase=Phase.RAISE, reason=reason)
            elif not opened.step and reason:
                opened.step = 1
                yield self._worded(view, row, key, opened=opened, phase=Phase.CHANGE, reason=reason)

    def further_due(self, group: Group) -> int:
        """Return the end of the next time box."""
        return min((one.since_ns + self._wait_ns for one in group.opened.values() if not one.step), default=FAR)

    def _opened(self, group: Group, sensor: int, now_ns: int, *, step: int) -> Open:
        _, metric, last_ns, *_ = group.last[0]
        begin_ns = group.on[0][sensor]
        return Open(sensor, metric, begin_ns, max(begin_ns, last_ns), step, now_ns)

    def _reason(self, fleet: Fleet, key: Key, group: Group, sensor: int, now_ns: int) -> tuple[str, str] | None:
        """Return the reason of the confirmed level; None while the time box runs."""
        others = [order for order in range(1, len(self.sources)) if self._by_another(group, order, sensor)]
        if others:
            one = group.last[others[0]]
            return f"已由第二来源证实：{one[3]}", f"confirmed by a second source: {one[4]}"
        if not self._verifiable(fleet, key, sensor):
            return "此处没有第二来源", "no second source here"
        opened = group.opened.get(sensor)
        if opened is not None and opened.since_ns + self._wait_ns <= now_ns:
            zh, en = span(self.rule.wait_s)
            return f"{zh}内无人否认也无第二来源，按报警处理", f"no second source within {en}; treated as an alarm"
        return None

    @staticmethod
    def _by_another(group: Group, order: int, sensor: int) -> bool:
        present = set(group.on.get(order, ())) | ({group.last[order][0]} if order in group.ended else set())
        return bool(present - {sensor})

    def _verifiable(self, fleet: Fleet, key: Key, sensor: int) -> bool:
        """Return whether the area has another sensor of a kind that may confirm."""
        if self._version != fleet.version or len(self._areas) >= AREAS_MAX:
            self._areas, self._version = {}, fleet.version
        at = key[0], key[1], sensor
        if at not in self._areas:
            self._areas[at] = any(
                one.kind in self.rule.second_kinds
                and code != sensor
                and one.site == key[0]
                and self.area_of(one) == key[1]
                for code, one in ((code, fleet[code]) for code in range(len(fleet)))
            )
        return self._areas[at]

    def _worded(
        self, view: BatchView, row: int, key: Key, *, opened: Open, phase: Phase, reason: tuple[str, str] | None
    ) -> RuleDetection:
        group = self.groups[key]
        zh, en = group.last[0][3:5]
        wait_zh, wait_en = span(self.rule.wait_s)
        why_zh, why_en = reason or (f"等待第二来源至多 {wait_zh}", f"waits for a second source for {wait_en} at most")
        text, facts = (f"{zh}（{why_zh}）", f"{en} ({why_en})"), {"sensors": self.sensors(view.fleet, group)}
        return self.detection(
            row, key, phase, opened, kind="verify", window_s=self.rule.wait_s, text=text, clears=self._clears(),
            facts=facts,
        )  # fmt: skip

    @staticmethod
    def _clears() -> tuple[str, str]:
        return "该现象消失后解除", "Clears when the finding is over"
