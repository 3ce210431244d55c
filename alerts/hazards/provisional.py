"""Provisional grade of a risk point: precursors raise its likelihood, a person confirms it.

The rules are data (`alerts/risk/live_rules.toml`). A near miss is a finding that cleared without a page and that nobody
marked as false. Severity never changes. The provisional grade is never below the approved one, and it falls once
its precursors are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alerts.errors import Invalid
from alerts.model import Hazard
from alerts.risk.grading import Grade, methods
from alerts.risk.live_rules import DAY_NS, RuleName, live_rules
from alerts.risk.registry import RiskPoint

EARLY_FINDING: Literal["early_finding"] = "early_finding"
NEAR_MISSES: Literal["near_misses"] = "near_misses"
CONFIRM: Literal["confirm"] = "confirm"
REJECT: Literal["reject"] = "reject"
GRADE_DECIDED = "risk_point.grade_decided"
"""Kind of the journal entries on provisional grades; their subject is `site/risk point`."""
NEAR_MISSES_MAX = 10_000
"""Newest near misses that are counted."""


@dataclass(frozen=True, slots=True)
class Precursor:
    """One rule that raises the likelihood, with its hazards. until_ns: time at which it expires.

    others: ids of measures or tickets.
    """

    rule: RuleName
    hazards: tuple[str, ...]
    text: Mapping[str, str]
    until_ns: int | None = None
    steps: int = 1
    others: tuple[str, ...] = ()

    @property
    def evidence(self) -> tuple[str, ...]:
        """Ids of hazards, and of measures and tickets with the name of the rule."""
        return self.hazards + tuple(f"{self.rule}:{name}" for name in self.others)


@dataclass(frozen=True, slots=True)
class Decision:
    """Decision of a person on a provisional grade. hazards: its precursors at that time."""

    decision: Literal["confirm", "reject"]
    grade: Grade
    by: str
    at_ns: int
    hazards: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Provisional:
    """Provisional grade with its inputs, reasons, and the decision of a person on it; None before one."""

    grade: Grade
    likelihood: float
    precursors: tuple[Precursor, ...]
    decision: Decision | None = field(default=None)

    @property
    def hazards(self) -> tuple[str, ...]:
        """Ids of the evidence of all precursors."""
        return tuple(name for one in self.precursors for name in one.evidence)

    @property
    def confirmed(self) -> Grade | None:
        """Grade that a person confirmed, as far as its precursors still last; None without a confirmation."""
        if self.decision is None or self.decision.decision != CONFIRM:
            return None
        return max(self.grade, self.decision.grade)


def provisional(point: RiskPoint, reasons: Sequence[Precursor], decision: Decision | None = None) -> Provisional | None:
    """Return the provisional grade of a risk point; None where no precursor raises it above the approved one.

    The likelihood rises by the steps of all precursors, at most to the ceiling of the point. decision: the newest one;
    it counts while its precursors or some of them last.
    """
    method = methods().get(point.method)
    if method is None or not reasons:
        return None
    steps = sorted(method.factors["likelihood"])
    approved = {"likelihood": point.likelihood, "severity": point.severity, "exposure": point.exposure}
    highest = len(steps) - 1
    if point.ceiling in steps:
        highest = max(steps.index(point.ceiling), steps.index(point.likelihood))
    likelihood = steps[min(steps.index(point.likelihood) + sum(one.steps for one in reasons), highest)]
    try:
        floor, grade = method.assess(**approved).grade, method.assess(**approved | {"likelihood": likelihood}).grade
    except Invalid:
        return None
    if grade >= floor:
        return None
    found = Provisional(grade, likelihood, tuple(reasons))
    return replace(found, decision=decision if decision is not None and _fits(decision, found) else None)


def _fits(decision: Decision, found: Provisional) -> bool:
    """Return whether a decision still concerns these precursors."""
    if decision.decision == CONFIRM:
        return bool(set(decision.hazards) & set(found.hazards))
    return set(found.hazards) <= set(decision.hazards)


def decision_of(facts: Mapping[str, Any], *, by: str, at_ns: int) -> Decision:
    """Return the decision of a journal entry's facts."""
    named = tuple(str(name) for name in facts.get("hazards", ()))
    grade = Grade[str(facts["grade"]).upper()]
    return Decision(
        CONFIRM if facts["decision"] == CONFIRM else REJECT, grade, by, at_ns, named, str(facts.get("reason", ""))
    )


def precursors(standing: Sequence[Hazard], past: Sequence[Hazard]) -> Iterable[Precursor]:
    """Yield the precursors of early findings and of near misses.

    standing: open hazards of the point; past: those that cleared within the window without a page and without a mark as
    false.
    """
    early = [one for one in standing if not one.paged_grade and not one.drill and not one.late]
    rule = live_rules()[EARLY_FINDING]
    if early:
        zh = "；".join(one.text.get("zh", "") for one in early[:3])
        en = "; ".join(one.text.get("en", "") for one in early[:3])
        text = {"zh": f"{rule.zh}：{zh}", "en": f"{rule.en}: {en}"}
        yield Precursor(EARLY_FINDING, tuple(one.id for one in early), text, None, rule.steps)
    rule = live_rules()[NEAR_MISSES]
    cleared = sorted(one.cleared_ns or 0 for one in past)
    if len(cleared) >= rule.count_min:
        until_ns = cleared[-rule.count_min] + rule.window_days * DAY_NS
        ids = tuple(one.id for one in past)
        yield Precursor(NEAR_MISSES, ids, rule.text(n=len(past)), until_ns, rule.steps)
