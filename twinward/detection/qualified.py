"""Qualification of the running rules: stage, figures of the score sheet, lead times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from alerts.api import Qualified
from detectors import BOUNDS, Gate, Recipe, ScoreSheet, recipe_digest
from twinward.heads.sheet_folder import SheetFolder


class Qualifications:
    """Qualification of each rule by the gate of a data folder, read again after a change of recipe or sheets."""

    def __init__(self, recipe: Callable[[], Recipe], folder: Path) -> None:
        """recipe: returns the present one."""
        self._recipe, self._folder = recipe, SheetFolder(folder)
        self._read = lru_cache(maxsize=1)(self._of)

    def by_rule(self) -> Mapping[str, Qualified]:
        """Return the qualification of rules by name."""
        return self._read(self._folder.changed_ns(), recipe_digest(self._recipe()))

    def _of(self, _changed_ns: int, _digest: str) -> Mapping[str, Qualified]:
        return qualifications(self._recipe(), self._folder.gate())


def qualifications(recipe: Recipe, gate: Gate) -> Mapping[str, Qualified]:
    """Return the qualification of each rule; a sheet counts as long as it fits the present settings."""
    found = {}
    for rule in recipe.rules:
        standing, sheet = gate.standing(rule), gate.sheet(rule)
        figures = tuple(_figures(sheet)) if sheet else ()
        found[rule.name] = Qualified(
            standing.stage.value,
            figures,
            _lead(sheet) or rule.lead,
            established=standing.established,
            reason=standing.reason,
        )
    return found


def _figures(sheet: ScoreSheet) -> Iterator[dict[str, Any]]:
    """Yield the figures with the bounds that let a rule page; a share of nothing is not measured."""
    bounds = BOUNDS
    recall = sheet.recall if sheet.windows else None
    rate = sheet.false_per_week if sheet.sensor_weeks > 0 else None
    rows: tuple[tuple[str, float | None, str, float, int | None], ...] = (
        ("windows", sheet.windows, ">=", bounds.windows_min, None),
        ("recall", recall, ">=", bounds.recall_min, sheet.windows),
        ("sensor_weeks", sheet.sensor_weeks, ">=", bounds.sensor_weeks_min, None),
        ("false_per_week", rate, "<=", bounds.false_per_week_max, None),
        ("nuisances_paged", sheet.nuisances_paged, "<=", bounds.nuisances_paged_max, sheet.nuisances),
    )
    for name, value, sign, bound, n in rows:
        passed = value is not None and (value >= bound if sign == ">=" else value <= bound)
        yield {"name": name, "value": value, "unit": "", "goal": f"{sign} {bound:g}", "passed": passed, "n": n}
    for name, delay_s in (("delay_p50", sheet.delay_p50_s), ("delay_p95", sheet.delay_p95_s)):
        if delay_s is not None:
            yield {"name": name, "value": delay_s, "unit": "s", "goal": "", "passed": None, "n": sheet.found}


def _lead(sheet: ScoreSheet | None) -> tuple[float, float, int] | None:
    """Return median and tenth percentile of the lead, and the number of found windows."""
    if sheet is None or sheet.lead_p50_s is None or sheet.lead_p10_s is None:
        return None
    return sheet.lead_p50_s, sheet.lead_p10_s, sheet.found
