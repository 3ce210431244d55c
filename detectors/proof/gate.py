"""Gate before paging: decides for each rule whether it runs in shadow, in probation, or pages.

See docs/decisions/0026. Established rules page without a sheet: the state of a device, and shipped rules of a plain
type with their shipped settings. Any other rule pages with a score sheet that passes its bounds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from detectors.recipes.fires import FireEvidence
from detectors.recipes.kinds import (
    AfterHours,
    Battery,
    CameraObject,
    Forced,
    Invalid,
    LastingState,
    Rise,
    Rule,
    Silence,
    Stuck,
    Threshold,
)
from detectors.recipes.mains import Burst
from detectors.recipes.recipe import load_recipe
from detectors.recipes.versions import rule_digest
from ingest import METRIC_BY_NAME

from .score_sheets import BOUNDS, SHIPPED, Bounds, ScoreSheet, load_sheets

PLAIN = frozenset(
    (
        Threshold,
        Rise,
        Stuck,
        Invalid,
        Silence,
        Battery,
        LastingState,
        Forced,
        AfterHours,
        CameraObject,
        FireEvidence,
        Burst,
    )
)
"""Types that compare readings with a limit that people state. A derived class is not plain.

FireEvidence contains the limits of smoke and heat of every head: no missing sheet may silence them.
"""


class Stage(StrEnum):
    """Right of a rule: recorded only, shown without a page, shown with its pages."""

    SHADOW = "shadow"
    PROBATION = "probation"
    PAGING = "paging"


@dataclass(frozen=True, slots=True)
class Standing:
    """Stage of one rule. sheet: checksum of the sheet that it rests on, "" without one; reason: an English sentence."""

    stage: Stage
    established: bool
    sheet: str
    reason: str

    def evidence(self, *, pages: bool) -> dict[str, Any]:
        """Return the decision for the evidence of a detection; pages: whether the rule pages at its level."""
        found: dict[str, Any] = {"page": pages and self.stage is Stage.PAGING}
        if self.stage is not Stage.PAGING:
            found["stage"] = str(self.stage)
        return found | {"sheet": self.sheet} if self.sheet else found


class Gate:
    """Decides the stage of each rule from its class, its settings and its sheet. Immutable.

    >>> from detectors.recipes.recipe import load_recipe
    >>> smoke = load_recipe().rules[0]
    >>> Gate().standing(smoke).stage.value
    'paging'
    """

    def __init__(
        self, sheets: Iterable[ScoreSheet] = (), *, demoted: Collection[str] = (), bounds: Bounds = BOUNDS
    ) -> None:
        """demoted: digests of rules whose observed false pages exceed their sheet."""
        self._sheets: dict[str, ScoreSheet] = {}
        for sheet in sheets:  # the better one of two sheets of a rule
            known = self._sheets.get(sheet.digest)
            if known is None or _faults(bounds, known):
                self._sheets[sheet.digest] = sheet
        self._demoted, self._bounds = frozenset(demoted), bounds

    def standing(self, rule: Rule) -> Standing:
        """Return the stage of a rule."""
        if type(rule) in PLAIN:
            if _is_state(rule):
                return Standing(Stage.PAGING, True, "", "state of a device")
            if _is_shipped(rule):
                return Standing(Stage.PAGING, True, self._id(rule), "shipped rule of a plain type")
        return self._measured(rule)

    def pages(self, rule: Rule) -> bool:
        """Return whether the rule may page."""
        return self.standing(rule).stage is Stage.PAGING

    def proven(self, rule: Rule) -> bool:
        """Return whether the rule may page by a score sheet."""
        standing = self.standing(rule)
        return standing.stage is Stage.PAGING and not standing.established

    def sheet(self, rule: Rule) -> ScoreSheet | None:
        """Return the sheet of the rule with these settings."""
        return self._sheets.get(rule_digest(rule))

    def _measured(self, rule: Rule) -> Standing:
        """Return the stage of a rule that needs a sheet."""
        ours = type(rule) in PLAIN or _is_shipped(rule)
        least = Stage.PROBATION if ours else Stage.SHADOW
        digest = rule_digest(rule)
        sheet = self._sheets.get(digest)
        if sheet is None or type(sheet) is not ScoreSheet:
            return Standing(least, False, "", f"no score sheet for these settings ({digest})")
        if faults := _faults(self._bounds, sheet):
            return Standing(least, False, sheet.checksum, f"score sheet out of bounds: {'; '.join(faults)}")
        if digest in self._demoted:
            return Standing(Stage.PROBATION, False, sheet.checksum, "demoted: false pages exceed the score sheet")
        return Standing(Stage.PAGING, False, sheet.checksum, "score sheet within its bounds")

    def _id(self, rule: Rule) -> str:
        sheet = self._sheets.get(rule_digest(rule))
        return "" if sheet is None else sheet.checksum


@cache
def shipped() -> Mapping[str, Rule]:
    """Return the rules of the packaged recipe by name."""
    return {rule.name: rule for rule in load_recipe().rules}


@cache
def shipped_gate() -> Gate:
    """Return the gate with the packaged sheets."""
    return Gate(load_sheets(Path(str(SHIPPED)))[0])


def _is_state(rule: Rule) -> bool:
    """Return whether the rule reports a boolean that its device has decided."""
    if type(rule) is not Threshold or rule.falling or rule.above_low:
        return False
    metric = METRIC_BY_NAME.get(rule.metric)
    return metric is not None and metric.unit == "bool" and set(rule.limits) == {1.0}


def _is_shipped(rule: Rule) -> bool:
    """Return whether the packaged recipe has this rule, with equal class and settings."""
    known = shipped().get(rule.name)
    return type(known) is type(rule) and known == rule


def _faults(bounds: Bounds, sheet: ScoreSheet) -> list[str]:
    return list(bounds.faults(sheet))
