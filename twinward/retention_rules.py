"""Present retention rules: classes of the table, kinds of the catalogue, legal holds of the register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ingest import Catalog, Hold, Holds, RetentionClass, RetentionPlan, held

HOLDS_FILE = "holds.sqlite"


class RetentionPlanner:
    """Builds the plan of a retention step; rebuilt when a hold or the catalogue changes."""

    def __init__(
        self,
        classes: Sequence[RetentionClass],
        catalog: Catalog,
        data_dir: Path,
        *,
        evidence: Callable[[], Sequence[tuple[str, str, int, int]]] = tuple,
    ) -> None:
        """data_dir: folder of the register of holds. Raises HoldError when the register cannot be opened.

        evidence: returns (site, sensor, first ns, last ns) of the readings that open alarms rest on.
        """
        self._classes, self._catalog, self._evidence = classes, catalog, evidence
        self._holds = Holds(data_dir / HOLDS_FILE)
        self._seen: tuple[list[Hold], int] | None = None
        self._keep = RetentionPlan(classes, self._describe)

    def __call__(self) -> RetentionPlan:
        """Return the present plan. Raises HoldError when the register cannot be read: nothing may be dropped then."""
        alarms = [
            Hold(0, site, (sensor,), first, last + 1, "open alarm", "system", first)
            for site, sensor, first, last in self._evidence()
        ]
        seen = [*self._holds.standing(), *alarms], self._catalog.version
        if seen != self._seen:
            self._keep = RetentionPlan(self._classes, self._describe, held=held(seen[0], self._catalog))
            self._seen = seen
        return self._keep

    def _describe(self, sensor: int, metric: int) -> tuple[str, str]:
        """Return kind and metric name; empty for codes outside the catalogue, which are of the last class."""
        kind = self._catalog[sensor].kind if sensor < len(self._catalog) else ""
        return kind, self._catalog.metric_of(metric).name if self._catalog.knows(metric) else ""
