"""Stored findings and hazards of the lifecycle.

The statements are built once: building one costs more than its execution.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from alerts.database import rows
from alerts.database.schema import findings, hazards
from alerts.model import Finding, Hazard
from alerts.risk.causes import Cause
from detectors import Phase

from .findings import Observation

LOOKED_UP = 500
"""Observations of one look-up at most."""

_SAME = ("site", "sensor", "metric", "rule", "drill", "timeline")
_KNOWN = select(findings.c.id).where(findings.c.id.in_(bindparam("ids", expanding=True)))
_OF_SENSORS = (
    select(findings.c.site, findings.c.sensor)
    .where(findings.c.active, findings.c.site.in_(bindparam("sites", expanding=True)))
    .where(findings.c.sensor.in_(bindparam("sensors", expanding=True)))
)
_OPEN = select(findings).where(findings.c.active, *(findings.c[name] == bindparam(name) for name in _SAME))
_LEADER = (
    select(findings)
    .where(findings.c.hazard == bindparam("hazard"), findings.c.active)
    .order_by(findings.c.level.desc(), findings.c.decided_ns.desc(), findings.c.id)
    .limit(1)
)
_OF_LOST = (
    select(hazards)
    .join(findings, findings.c.hazard == hazards.c.id)
    .where(
        findings.c.active, ~findings.c.drill, hazards.c.active, findings.c.kind.in_(bindparam("kinds", expanding=True))
    )
    .where(findings.c.site == bindparam("site"), findings.c.sensor == bindparam("sensor"))
    .order_by(hazards.c.opened_ns, hazards.c.id)
    .limit(1)
)
_HAZARD = select(hazards).where(hazards.c.id == bindparam("id"))
_ALIKE = select(hazards).where(*(hazards.c[name] == bindparam(name) for name in ("site", "cause", "drill")))
_IN_ZONE = _ALIKE.where(hazards.c.zone == bindparam("zone"), hazards.c.active).order_by(
    hazards.c.opened_ns, hazards.c.id
)
_AT_PLACE = (
    _ALIKE.where(hazards.c.place == bindparam("place"))
    .order_by(hazards.c.active.desc(), hazards.c.opened_ns.desc())
    .limit(1)
)


class StoredAlarms:
    """Reads findings and hazards within the caller's transaction, and adds findings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known, self._with_finding = set[str](), set[tuple[str, str]]()

    def look_up(self, seen: Sequence[Observation]) -> None:
        """Note which of these findings exist, and which of their sensors have an active finding: two queries."""
        raised = [one.finding.id for one in seen if one.phase is Phase.RAISE]
        sites, sensors = ({getattr(one.finding, name) for one in seen} for name in ("site", "sensor"))
        self._known = set(self._connection.scalars(_KNOWN, {"ids": raised}))
        active = self._connection.execute(_OF_SENSORS, {"sites": [*sites], "sensors": [*sensors]})
        self._with_finding = {(row.site, row.sensor) for row in active}

    def knows(self, seen: Finding) -> bool:
        """Return whether this raise was applied before; its id comes from its content. It was looked up."""
        return seen.id in self._known

    def open_finding(self, seen: Finding) -> Finding | None:
        """Return the active finding of the same sensor, metric and rule. The sensor was looked up."""
        if (seen.site, seen.sensor) not in self._with_finding:
            return None
        row = self._connection.execute(_OPEN, {name: getattr(seen, name) for name in _SAME}).first()
        return rows.record(Finding, row) if row else None

    def add(self, finding: Finding) -> None:
        """Insert a new finding."""
        rows.add(self._connection, findings, finding)
        self._known.add(finding.id)
        self._with_finding.add((finding.site, finding.sensor))

    def leader(self, hazard: Hazard) -> Finding | None:
        """Return the active finding with the highest level, the newest of them."""
        row = self._connection.execute(_LEADER, {"hazard": hazard.id}).first()
        return rows.record(Finding, row) if row else None

    def hazard(self, hazard_id: str) -> Hazard:
        """Return a hazard, which exists."""
        return rows.record(Hazard, self._connection.execute(_HAZARD, {"id": hazard_id}).one())

    def of_lost(self, site: str, sensor: str, kinds: Sequence[str]) -> Hazard | None:
        """Return the active hazard of a sensor with an active finding of these kinds, None without one."""
        row = self._connection.execute(_OF_LOST, {"site": site, "sensor": sensor, "kinds": [*kinds]}).first()
        return rows.record(Hazard, row) if row else None

    def in_zone(self, observation: Observation, cause: Cause) -> list[Hazard]:
        """Return the active hazards of this cause in the zone, the oldest first."""
        found = self._connection.execute(_IN_ZONE, _alike(observation, cause) | {"zone": observation.zone})
        return [rows.record(Hazard, row) for row in found]

    def at_place(self, observation: Observation, cause: Cause) -> Hazard | None:
        """Return the hazard of this cause at the place: an active one, else the newest."""
        row = self._connection.execute(_AT_PLACE, _alike(observation, cause) | {"place": observation.place}).first()
        return rows.record(Hazard, row) if row else None


def _alike(observation: Observation, cause: Cause) -> dict[str, object]:
    seen = observation.finding
    return {"site": seen.site, "cause": cause.name, "drill": seen.drill}
