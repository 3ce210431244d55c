"""Watch of rosters and escalations: gaps of the coming days, and pages that reach nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alerts import StorageFault

ESCALATION = "escalation"
"""Part of the worker of escalations; that of a chain whose page reaches nobody adds site and chain."""


class DutyWatch:
    """A roster has a gap in the coming days, or an escalation reached nobody."""

    def __init__(self, faults: Callable[[], Mapping[str, StorageFault]]) -> None:
        """faults: see `alerts.escalations.escalator.Escalator`."""
        self._faults = faults

    def look(self, now_s: float) -> Mapping[str, StorageFault]:  # noqa: ARG002 - signature of Watch
        """Return the present faults."""
        return self._faults()
