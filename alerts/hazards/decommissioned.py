"""Ends of findings of devices that are removed and have no place: no message ends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from alerts.database import rows
from alerts.database.schema import findings
from alerts.model import Finding
from detectors import Phase
from ingest import Catalog, Sensor

from .findings import SILENT, Observation


def ends(
    connection: Connection, catalog: Catalog, assigned: Mapping[tuple[str, str], str], now_ns: int
) -> list[Observation]:
    """Return the ends of active findings about their silence; of all findings for an entry that a renaming retired.

    An alarm of a removed device stays, because a removal is no proof of its end.
    """
    found = []
    for sensor in catalog:
        if not sensor.removed or sensor.place or (sensor.site, sensor.id) in assigned:
            continue
        own = select(findings).where(findings.c.site == sensor.site, findings.c.sensor == sensor.id, findings.c.active)
        for row in connection.execute(own):
            finding = rows.record(Finding, row)
            if finding.kind in SILENT or _retired(sensor):
                found.append(Observation(replace(finding, last_ns=now_ns, recorded_ns=now_ns), Phase.CLEAR, "", ""))
    return found


def _retired(sensor: Sensor) -> bool:
    return sensor.id.endswith(f"#{sensor.code}")
