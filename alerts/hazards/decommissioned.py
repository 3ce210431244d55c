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

SITES_MAX = 500
"""Sites that a query names; databases bound its parameters."""


def ends(
    connection: Connection, catalog: Catalog, assigned: Mapping[tuple[str, str], str], now_ns: int
) -> list[Observation]:
    """Return the ends of active findings about their silence; of all findings for an entry that a renaming retired.

    An alarm of a removed device stays, because a removal is no proof of its end.
    """
    gone = [
        sensor for sensor in catalog if sensor.removed and not sensor.place and (sensor.site, sensor.id) not in assigned
    ]
    active = _active(connection, {sensor.site for sensor in gone}) if gone else {}
    return [
        Observation(replace(finding, last_ns=now_ns, recorded_ns=now_ns), Phase.CLEAR, "", "")
        for sensor in gone
        for finding in active.get((sensor.site, sensor.id), ())
        if finding.kind in SILENT or _retired(sensor)
    ]


def _active(connection: Connection, sites: set[str]) -> Mapping[tuple[str, str], list[Finding]]:
    """Return the active findings by site and sensor, of these sites at least, with one query."""
    query = select(findings).where(findings.c.active)
    if len(sites) <= SITES_MAX:
        query = query.where(findings.c.site.in_(sorted(sites)))
    found: dict[tuple[str, str], list[Finding]] = {}
    for row in connection.execute(query):
        finding = rows.record(Finding, row)
        found.setdefault((finding.site, finding.sensor), []).append(finding)
    return found


def _retired(sensor: Sensor) -> bool:
    return sensor.id.endswith(f"#{sensor.code}")
