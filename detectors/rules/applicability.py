"""Sensors of a series table to which a rule applies."""

from __future__ import annotations

from detectors.recipes.kinds import Rule
from detectors.recipes.limits import applies
from detectors.series.views import Fleet, Table


class Applicability:
    """Whether a rule applies to the sensor of each slot of its table: `flags`, after `sync`."""

    def __init__(self, rule: Rule, table: Table) -> None:
        self._rule, self._table = rule, table
        self.flags: list[bool] = []
        self._seen_version = 0

    def sync(self, fleet: Fleet) -> None:
        """Look up new slots, and all of them after a change of a sensor."""
        codes = self._table.codes
        if len(self.flags) != len(codes) or self._seen_version != fleet.version:
            self.flags = [applies(self._rule, fleet[code]) for code in codes]
            self._seen_version = fleet.version
