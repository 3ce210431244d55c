"""Roster lint: steps of chains that reach nobody within the coming days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

from alerts.risk.grading import COLOUR_ZH, Grade
from alerts.timestamps import local_time

from .duty import SECOND_NS, Duty
from .model import Chain
from .reach import Reach

DAYS = 14
"""Days that the lint checks by default."""
FAULT_DAYS = 7
"""Days before a gap at which the service opens a fault."""
DAY_NS = 86_400 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which a step reaches nobody for alarms of a grade.

    step: from 1; nobody: whether nobody is on duty; zone: of the texts.
    """

    site: str
    chain: str
    step: int
    grade: str
    begin_ns: int
    end_ns: int
    nobody: bool
    zone: ZoneInfo

    @property
    def text(self) -> dict[str, str]:
        """Return the gap as a sentence in both languages."""
        begin, end = local_time(self.begin_ns, self.zone), local_time(self.end_ns, self.zone)
        grade = COLOUR_ZH.get(self.grade, self.grade)
        until = f"{end} {self.zone.key}"
        zh = "无人值班" if self.nobody else "值班人员没有可用的联系方式"
        en = "nobody is on duty" if self.nobody else "no contact of the persons on duty has a channel"
        return {
            "zh": f"{self.site} 升级链 {self.chain} 第 {self.step} 步（{grade}）：{zh}，{begin} 至 {end}",
            "en": f"{self.site} chain {self.chain} step {self.step} ({self.grade}): {en}, {begin} to {until}",
        }


def gaps(duty: Duty, reach: Reach, *, now_ns: int, days: float = DAYS) -> list[Gap]:
    """Return the gaps of a roster from now on, in order of chains and steps."""
    end_ns = now_ns + int(days * DAY_NS)
    times = duty.changes(now_ns, end_ns)
    return [gap for chain in duty.roster.chains for gap in _of_chain(duty, reach, chain, [*times, end_ns])]


def _of_chain(duty: Duty, reach: Reach, chain: Chain, times: list[int]) -> Iterator[Gap]:
    for number, step in enumerate(chain.steps, 1):
        spans = [(begin_ns, end_ns, duty.members(step, begin_ns)) for begin_ns, end_ns in pairwise(times)]
        for grade in chain.grades:
            order = duty.roster.order(Grade[grade.upper()])
            open_gap: Gap | None = None
            for begin_ns, end_ns, members in spans:
                missed = not reach.messages(members, order)
                if open_gap is not None and (not missed or open_gap.nobody == bool(members)):
                    yield open_gap
                    open_gap = None
                if missed:
                    from_ns = begin_ns if open_gap is None else open_gap.begin_ns
                    open_gap = Gap(duty.roster.site, chain.id, number, grade, from_ns, end_ns, not members, duty.zone)
            if open_gap is not None:
                yield open_gap
