"""Goals of the detection benchmarks, and one measured row of their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure with three bounds. larger: whether more is better. group: goals that are reached only together."""

    name: str
    unit: str
    enough: float
    strong: float
    extreme: float
    larger: bool = True
    group: str = ""

    def grade(self, value: float | None) -> str:
        """Return extreme, strong, pass or missed; missed for no value.

        >>> Goal("recall", "", 0.8, 0.9, 0.95).grade(0.92)
        'strong'
        >>> Goal("delay", "s", 8, 5, 4, larger=False).grade(9)
        'missed'
        """
        if value is None:
            return "missed"
        for name, bound in (("extreme", self.extreme), ("strong", self.strong), ("pass", self.enough)):
            if value >= bound if self.larger else value <= bound:
                return name
        return "missed"


@dataclass(frozen=True, slots=True)
class Measured:
    """A goal with the figures of one run; None where there was nothing to measure.

    cases: number of events or series behind the figure. error: binomial standard error of a share, None for others.
    """

    data: str
    goal: Goal
    ours: float | None
    baseline: float | None
    cases: int
    error: float | None = None


GRADES = ("missed", "pass", "strong", "extreme")


def grades(rows: Sequence[Measured]) -> list[str]:
    """Return the grade of each row; rows of one group have the lowest of theirs."""
    own = [row.goal.grade(row.ours) for row in rows]
    return [
        min(
            (grade for grade, other in zip(own, rows, strict=True) if other.goal.group == row.goal.group),
            key=GRADES.index,
        )
        if row.goal.group
        else mine
        for mine, row in zip(own, rows, strict=True)
    ]


def binomial_error(percent: float | None, cases: int) -> float | None:
    """Return the standard error of a share of these cases, both in per cent.

    >>> round(binomial_error(80, 100), 3)
    4.0
    """
    return None if percent is None or not cases else float((percent * (100 - percent) / cases) ** 0.5)
