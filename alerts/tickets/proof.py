"""Proof by sensors that the danger of a ticket has ended."""

from __future__ import annotations

from sqlalchemy import Connection, select

from alerts.database.schema import findings
from alerts.hazards.findings import sensors_behind
from alerts.model import Hazard

GATEWAY_SILENT = "gateway_silent"
UNBELIEVABLE = ("sensor_fault", "sensor_silent", "detector_lost", GATEWAY_SILENT, "sensor_stuck", "tamper")


def blind(connection: Connection, hazard: Hazard) -> bool:
    """Return whether a sensor of the hazard is faulty, stuck, tampered with or offline, also behind a gateway."""
    saw = select(findings.c.sensor).where(findings.c.hazard == hazard.id)
    silent = select(findings.c.evidence).where(
        findings.c.site == hazard.site, findings.c.kind == GATEWAY_SILENT, findings.c.active
    )
    offline = {name for evidence in connection.scalars(silent) for name in sensors_behind(evidence)}
    if offline and offline.intersection(connection.scalars(saw)):
        return True
    fault = select(findings.c.id).where(
        findings.c.site == hazard.site,
        findings.c.sensor.in_(saw),
        findings.c.kind.in_(UNBELIEVABLE),
        findings.c.hazard != hazard.id,
        findings.c.active,
    )
    return connection.execute(fault.limit(1)).first() is not None
