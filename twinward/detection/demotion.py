"""Demotion of rules whose pages people mark as false more often than their score sheet allows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from detectors import BOUNDS, Recipe, ScoreSheet
from detectors.recipes.kinds import Rule
from detectors.recipes.limits import applies
from ingest import Sensor
from twinward.heads.sheet_folder import demoted, folder_gate, keep_demoted

FALSE_MIN = 2
"""One false page alone demotes no rule: it has no rate yet."""
WEEK_NS = 7 * 86_400_000_000_000

log = logging.getLogger(__name__)


class Audit(Protocol):
    """Writes an audit entry; see `AlertDispatch.note`."""

    def __call__(self, kind: str, actor: str, *, site: str, subject: str, facts: dict[str, Any]) -> None:
        """Write the entry."""
        ...


@dataclass(frozen=True, slots=True)
class Observed:
    """False pages of a rule since its sheet was made. rate: per sensor-week; bound: of its sheet."""

    rule: Rule
    sheet: ScoreSheet
    established: bool
    false: int
    weeks: float
    bound: float

    @property
    def rate(self) -> float:
        """False pages per sensor-week."""
        return self.false / self.weeks if self.weeks > 0 else 0.0

    @property
    def exceeds(self) -> bool:
        """Whether the observed rate exceeds the sheet."""
        return self.false >= FALSE_MIN and self.rate > self.bound


def bound_of(sheet: ScoreSheet) -> float:
    """Return the rate that a rule may have: three false pages more than its sheet over the same time, or the bound.

    A sheet without a false page over few sensor-weeks proves no rate of zero.
    """
    return min(BOUNDS.false_per_week_max, max(sheet.false_per_week, 3 / sheet.sensor_weeks))


class Demotions:
    """Compares marks of people with the sheets, once an hour; writes demotions and audit entries."""

    def __init__(
        self,
        folder: Path,
        recipe: Callable[[], Recipe],
        sensors: Iterable[Sensor],
        *,
        false_pages: Callable[[str, int], int],
        note: Audit,
    ) -> None:
        """recipe: returns the present one; sensors: the catalogue.

        false_pages: rule and begin (ns) -> pages that people marked as false.
        """
        self._folder, self._recipe, self._sensors = folder, recipe, sensors
        self._false_pages, self._note = false_pages, note

    def observed(self, now_ns: int) -> Iterator[Observed]:
        """Yield the observation of each rule that pages with a sheet."""
        gate = folder_gate(self._folder)
        for rule in self._recipe().rules:
            standing, sheet = gate.standing(rule), gate.sheet(rule)
            if sheet is None or str(standing.stage) != "paging":
                continue
            since_ns = int(datetime.fromisoformat(sheet.made).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
            count = sum(applies(rule, sensor) for sensor in self._sensors)
            weeks = count * max(0, now_ns - since_ns) / WEEK_NS
            false = self._false_pages(rule.name, since_ns)
            yield Observed(rule, sheet, standing.established, false, weeks, bound_of(sheet))

    def check(self, now_ns: int) -> list[str]:
        """Demote the rules that exceed their sheet; return their names. Established rules are reported only."""
        worse = [one for one in self.observed(now_ns) if one.exceeds]
        for one in worse:
            facts = {"digest": one.sheet.digest, "false": one.false, "rate": one.rate, "bound": one.bound}
            kind = "detector.noisy" if one.established else "detector.demoted"
            log.warning("%s %s: %s", kind, one.rule.name, facts)
            self._note(kind, "system", site="", subject=one.rule.name, facts=facts)
        gone = {one.sheet.digest for one in worse if not one.established}
        if gone:
            keep_demoted(self._folder, sorted(gone | demoted(self._folder)))
        return [one.rule.name for one in worse if not one.established]
