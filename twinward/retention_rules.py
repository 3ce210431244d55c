"""The rules of retention as they stand now: classes of the table, kinds of the catalogue, holds of the register."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ingest import Catalog, Hold, Holds, RetentionClass, RetentionPlan, held

HOLDS_FILE = "holds.sqlite"


class RetentionPlanner:
    """Gives the rules for a step of retention; made anew when a hold was made or released, or the catalogue grew."""

    def __init__(self, classes: Sequence[RetentionClass], catalog: Catalog, data_dir: Path) -> None:
        """data_dir: where the register of holds is. Raises HoldError when it cannot be used."""
        self._classes, self._catalog = classes, catalog
        self._holds = Holds(data_dir / HOLDS_FILE)
        self._seen: tuple[list[Hold], int] | None = None
        self._keep = RetentionPlan(classes, self._describe)

    def __call__(self) -> RetentionPlan:
        """The rules of this moment. Raises HoldError when the register cannot be read: then nothing may go."""
        seen = self._holds.standing(), self._catalog.version
        if seen != self._seen:
            self._keep = RetentionPlan(self._classes, self._describe, held=held(seen[0], self._catalog))
            self._seen = seen
        return self._keep

    def _describe(self, sensor: int, metric: int) -> tuple[str, str]:
        """Kind and metric name; empty for what the catalogue does not know (the last class has it)."""
        kind = self._catalog[sensor].kind if sensor < len(self._catalog) else ""
        return kind, self._catalog.metric_of(metric).name if self._catalog.knows(metric) else ""
