"""Rule types over several sensors: conditions, belief, verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval, Unit, doc

from ingest import Reads, one_of

from .kinds import Names, Rule, Seconds

LIFE_SAFETY = frozenset(("fire", "gas", "flood", "person_at_water", "gate_forced", "intrusion", "emergency_call"))
"""Hazards whose alarm a time box delays by BOX_MAX_S at most."""
BOX_MAX_S = 60.0
TERMS_MAX = 16
COUNT_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One condition of a fusion rule: exactly one of rule, metric and labels.

    rule: another rule of the recipe has an open detection of `level` or above. metric: a value above or below a limit,
    or a boolean that is true (state). labels: a camera sees one of these, with score_min, in one of `zones` (none: in
    any). for_s: its duration. odds: log likelihood ratio of the hazard while it holds, for rules of type belief.
    otherwise: an alternative of the condition before, for rules that need all of theirs and for rules of type belief.
    """

    rule: str = ""
    level: Annotated[int, Interval(ge=0, le=3)] = 0
    metric: str = ""
    above: float | None = None
    below: float | None = None
    state: bool = False
    labels: Names = ()
    zones: Names = ()
    score_min: Annotated[float, Interval(ge=0, le=1)] = 0.0
    kinds: Names = ()
    profiles: Names = ()
    not_profiles: Names = ()
    for_s: Seconds = 0.0
    count: Annotated[int, Interval(ge=1, le=1000)] = 1
    hold_s: Seconds = 60.0
    otherwise: bool = False
    odds: Annotated[float, Interval(ge=-20, le=20)] = 1.0


def _refused(given: object) -> tuple[Rule, ...]:
    raise ValueError(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion(Rule):
    """Rule over several sensors; the fusion stage scores it.

    named: the rules that its conditions name, filled in by the recipe. near: sensors that belong together, those of one
    place, or those of one zone of the plan (without a plan, of one place).
    """

    near: Annotated[str, one_of(("place", "zone"))] = "place"
    named: Annotated[tuple[Rule, ...], Reads(_refused, "no value: the recipe fills it")] = ()

    @property
    def terms(self) -> tuple[Term, ...]:
        """Conditions of the rule, in order."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Fusion):
    """Combination of conditions of sensors that belong together.

    combine: all, any, sequence (each begins after the one before, all within within_s) or count (at least `count`
    beginnings within within_s). A condition that ended still counts for within_s.
    """

    conditions: tuple[Term, ...]
    combine: Annotated[str, one_of(("all", "any", "sequence", "count"))] = "all"
    count: Annotated[int, Interval(ge=2, le=COUNT_MAX)] = 2
    within_s: Seconds = 60.0

    @property
    def terms(self) -> tuple[Term, ...]:
        """Conditions of the rule, in order."""
        return self.conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify(Fusion):
    """Finding that a second source confirms: levels[0] at once, levels[1] with a second source or after wait_s.

    Without another sensor of second_kinds near it, levels[1] at once. A second source counts for within_s after its
    end.
    """

    finding: Term
    seconds: tuple[Term, ...]
    second_kinds: Names = ("smoke", "env")
    wait_s: Annotated[float, Interval(gt=0, le=3600), Unit("s"), doc("time box")] = 30.0
    within_s: Seconds = 120.0

    @property
    def terms(self) -> tuple[Term, ...]:
        """Conditions of the rule, in order: the finding first."""
        return (self.finding, *self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief(Fusion):
    """Probability of an incident: log odds before any evidence, and those of each condition in its place and near it.

    limits: probabilities of the levels. next, above, same_zone: share of the odds of a condition in a neighbouring
    place. A condition that ended still counts for within_s.
    """

    conditions: tuple[Term, ...]
    prior: Annotated[float, Interval(ge=-30, le=0)] = -9.0
    limits: tuple[Annotated[float, Interval(gt=0, lt=1)], ...] = (0.5,)
    next: Annotated[float, Interval(ge=0, le=1)] = 0.5
    above: Annotated[float, Interval(ge=0, le=1)] = 0.5
    same_zone: Annotated[float, Interval(ge=0, le=1)] = 0.0
    within_s: Seconds = 300.0

    @property
    def terms(self) -> tuple[Term, ...]:
        """Conditions of the rule, in order."""
        return self.conditions


def fusion_faults(rule: Fusion, rules: Mapping[str, Rule]) -> Iterator[str]:
    """Yield the faults of a fusion rule, with key and allowed values; rules: those of the recipe by name."""
    if not 1 <= len(rule.terms) <= TERMS_MAX:
        yield f"conditions: allowed are 1 to {TERMS_MAX} of them"
    for number, term in enumerate(rule.terms, 1):
        yield from (f"condition {number}.{fault}" for fault in _term_faults(rule, term, rules))
    if isinstance(rule, Condition):
        yield from _condition_faults(rule)
    elif isinstance(rule, Verify):
        yield from _verify_faults(rule)
    elif isinstance(rule, Belief):
        yield from _belief_faults(rule)


def _term_faults(rule: Fusion, term: Term, rules: Mapping[str, Rule]) -> Iterator[str]:
    if sum(map(bool, (term.rule, term.metric, term.labels))) != 1:
        yield "rule, metric, labels: allowed is exactly one of them"
    if term.rule:
        named = rules.get(term.rule)
        if named is None or isinstance(named, Fusion) or not (named.reads or named is rule):
            allowed = (name for name, one in rules.items() if one.reads and not isinstance(one, Fusion))
            yield f"rule = {term.rule!r}: allowed is a rule over readings: {', '.join(allowed)}"
        elif term.level > max(named.levels):
            yield f"level = {term.level}: allowed is at most {max(named.levels)}, the highest of {term.rule}"
    if term.metric:
        bounds = [bound for bound in (term.above, term.below) if bound is not None]
        if len(bounds) + term.state != 1:
            yield "above, below, state: allowed is exactly one of them"


def _condition_faults(rule: Condition) -> Iterator[str]:
    if len(rule.levels) != 1:
        yield "levels: allowed is one level"
    if rule.combine in {"all", "sequence"} and sum(not term.otherwise for term in rule.conditions) < 2:  # noqa: PLR2004
        yield f"conditions: allowed are two or more for {rule.combine}"
    barred = rule.conditions[:1] if rule.combine == "all" else rule.conditions
    if any(term.otherwise for term in barred):
        yield "otherwise: allowed is true for a condition after the first one of a rule that combines all"
    if rule.combine in {"sequence", "count"} and not rule.within_s:
        yield f"within_s = 0: allowed is a time above 0 for {rule.combine}"


def _verify_faults(rule: Verify) -> Iterator[str]:
    if len(rule.levels) != 2:  # noqa: PLR2004 - early and confirmed
        yield "levels: allowed are two, of the finding and of its confirmation"
    elif rule.levels[0] in rule.pages or rule.levels[1] not in rule.pages:
        yield f"pages = {list(rule.pages)}: allowed contains {rule.levels[1]}, the confirmed level, and not the first"
    if rule.hazard in LIFE_SAFETY and rule.wait_s > BOX_MAX_S:
        yield f"wait_s = {rule.wait_s:g}: allowed is at most {BOX_MAX_S:g} for life safety"
    if not rule.seconds:
        yield "seconds: allowed is one second source or more"


def _belief_faults(rule: Belief) -> Iterator[str]:
    if len(rule.limits) != len(rule.levels) or list(rule.limits) != sorted(set(rule.limits)):
        yield "limits: allowed is one probability per level, ascending"
    if any(term.otherwise for term in rule.conditions[:1]):
        yield "otherwise: allowed is true for a condition after the first one"
    if not any(term.odds > 0 for term in rule.conditions):
        yield "conditions: allowed is at least one with odds above 0"
