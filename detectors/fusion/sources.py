"""Conditions of a fusion rule: each is a rule of its own, whose open detections are its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from detectors.detection import Phase
from detectors.recipes.fusion import Fusion, Term
from detectors.recipes.kinds import CameraObject, Rule, Threshold
from detectors.recipes.limits import applies
from detectors.rule_detection import RuleDetection
from detectors.series.views import BatchView, Fleet, Part, Table

FAR = 2**63 - 1


class Detecting(Protocol):
    """Detector of one rule, as the makers return it."""

    timed: bool
    beside: tuple[str, ...]

    @property
    def due_ns(self) -> int: ...  # noqa: D102 - see makers.RuleDetector

    @property
    def rule(self) -> Rule: ...  # noqa: D102

    def update(self, view: BatchView, part: Part | None) -> list[RuleDetection]: ...  # noqa: D102

    def sync(self, fleet: Fleet) -> None: ...  # noqa: D102

    def inputs(self) -> tuple[object, ...]: ...  # noqa: D102

    def dump(self) -> dict[str, Any]: ...  # noqa: D102

    def load(self, state: dict[str, Any]) -> None: ...  # noqa: D102


class Change(NamedTuple):
    """Begin (on) or end of a condition at a sensor. order: number of the condition."""

    order: int
    on: bool
    found: RuleDetection


@dataclass(slots=True)
class Source:
    """One condition with its rule, the detector of that rule, and the table of its series."""

    term: Term
    table: Table
    detector: Detecting

    def has(self, fleet: Fleet, code: int) -> bool:
        """Return whether the rule of the condition applies to a sensor."""
        return applies(self.detector.rule, fleet[code])


def rule_of(rule: Fusion, term: Term, number: int) -> Rule:
    """Return the rule of a condition: the named one, or one made of a metric's limit or of labels."""
    shared: dict[str, Any] = {
        "name": f"{rule.name} {number}",
        "hazard": rule.hazard,
        "levels": (1,),
        "pages": (),
        "kinds": term.kinds,
        "profiles": term.profiles,
        "not_profiles": term.not_profiles,
    }
    if term.rule:
        return next(replace(one, pages=()) for one in rule.named if one.name == term.rule)
    if term.labels:
        given: dict[str, Any] = {"labels": term.labels, "zones": term.zones, "score_min": term.score_min}
        return CameraObject(**shared, **given, after_s=(term.for_s,), clear_s=1.0, hold_s=term.hold_s)
    falling = term.below is not None
    limit = 1.0 if term.state else float((term.below if falling else term.above) or 0.0)
    return Threshold(
        **shared, metric=term.metric, limits=(limit,), durations_s=(term.for_s,), counts=(term.count,), falling=falling,
        sensor_limits=False, hysteresis=float(term.state), clear_s=1.0,
    )  # fmt: skip


def changes_of(sources: Sequence[Source], found: Sequence[tuple[int, Sequence[RuleDetection]]]) -> list[Change]:
    """Return the begins and ends of all conditions in the order of their rows, within a row by condition.

    found: detections by the number of the condition. A level change within a condition begins or ends it at the level
    that the condition names.
    """
    changes = [
        Change(order, one.phase is not Phase.CLEAR and one.level >= sources[order].term.level, one)
        for order, some in found
        for one in some
    ]
    return sorted(changes, key=lambda change: change.found.row)


def slots_of(terms: Sequence[Term]) -> list[list[int]]:
    """Return the numbers of the conditions, each with its alternatives.

    >>> slots_of([Term(metric="smoke"), Term(metric="smoke_density", otherwise=True), Term(labels=("fire",))])
    [[0, 1], [2]]
    """
    slots: list[list[int]] = []
    for order, term in enumerate(terms):
        if term.otherwise and slots:
            slots[-1].append(order)
        else:
            slots.append([order])
    return slots
