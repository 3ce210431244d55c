"""Parts of inspections over one database, and their timed work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine

from alerts.dangers.place_codes import PlaceCodes
from alerts.hazards.findings import Observation
from alerts.register.live import LiveGrades
from alerts.register.store import Register
from alerts.risk.registry import Registry
from alerts.tickets.intake import Intake

from .entries import InspectionEntries
from .plans import InspectionPlans
from .rounds import Rounds
from .store import Inspections


class InspectionParts:
    """Inspections, their entries and plans. Methods may be called from several threads, `settle` from one."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        clock: Callable[[], int],
        used: tuple[Register, LiveGrades, Intake, PlaceCodes],
        accept: Callable[[Connection, Sequence[Observation]], None],
    ) -> None:
        """accept: applies observations as those of detection."""
        self.store = Inspections(engine, registry, clock, *used[:2])
        self.entries = InspectionEntries(engine, clock, *used[2:])
        self.plans = InspectionPlans(engine, registry, clock)
        self._rounds = Rounds(registry, self.store.of_plan)
        self._engine, self._accept = engine.execution_options(ordinary=True), accept
        self._reading = engine.execution_options(writes=False)

    def settle(self, now_ns: int) -> None:
        """Make inspections of plans, end windows, and raise or clear findings of missed guard stops."""
        with self._reading.connect() as connection:
            if self._rounds.idle(connection):
                return
        with self._engine.begin() as connection:
            self._rounds.plan_ahead(connection, now_ns)
            self._rounds.end_windows(connection, now_ns)
            self._accept(connection, self._rounds.observed(connection, now_ns))
