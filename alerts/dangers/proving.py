"""Check of the conditions of a proof: hazards, photos, stored readings and test messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, Select, select

from alerts.database.rows import record
from alerts.database.schema import danger_hazards, findings, hazards, photos, sensor_tests
from alerts.hazards.findings import sensors_behind
from alerts.model import Danger, Hazard
from alerts.sensor_tests.sensor_tests import SEEN
from ingest import StoreError

from .kinds import ABOVE, BELOW, CLEARED, PHOTO, REPORTING, TEST_SEEN, Condition, danger_kinds
from .proof import QUARTERS, Check, Proof, Readings, Window

GATEWAY_SILENT = "gateway_silent"
UNBELIEVABLE = ("sensor_fault", "sensor_silent", "detector_lost", GATEWAY_SILENT, "sensor_stuck", "tamper")
FIXED = "fixed"
"""Stage of a photo of the repair."""


def hazards_of(connection: Connection, danger: str) -> list[Hazard]:
    """Return the hazards that are evidence of a danger, the oldest first."""
    query = select(hazards).join(danger_hazards, danger_hazards.c.hazard == hazards.c.id)
    found = connection.execute(query.where(danger_hazards.c.danger == danger).order_by(hazards.c.opened_ns))
    return [record(Hazard, row) for row in found]


def sensors_of(connection: Connection, evidence: Collection[Hazard]) -> list[str]:
    """Return the sensors that detected these hazards."""
    return sorted({row.sensor for row in connection.execute(_sensors(evidence))})


def prove(
    connection: Connection,
    danger: Danger,
    evidence: Sequence[Hazard],
    readings: Readings | None,
    *,
    since_ns: int,
    now_ns: int,
) -> Proof:
    """Return the proof of a danger at a time.

    since_ns: begin of its rectification, after which tests and photos count.
    A condition on readings is not met while the store cannot be read.
    """
    sensors = sorted({(row.sensor, row.metric) for row in connection.execute(_sensors(evidence))})
    cleared = [one.cleared_ns for one in evidence if one.cleared_ns is not None]
    active = any(one.active for one in evidence)
    latest_ns = max(cleared) if cleared else None
    checks = []
    for condition in danger_kinds()[danger.cause].proof:
        if condition.type == CLEARED:
            met: bool | None = not active and (latest_ns is None or latest_ns + condition.hold_ns <= now_ns)
        elif condition.type == PHOTO:
            met = _has_photo(connection, danger.id, since_ns)
        elif not sensors:
            continue
        else:
            try:
                met = _sensed(connection, condition, danger.site, sensors, readings, since_ns=since_ns, now_ns=now_ns)
            except StoreError:
                met = False
        checks.append(Check(condition, met))
    blinded = _blind(connection, danger.site, [one.id for one in evidence])
    return Proof(checks, active, blinded, latest_ns)


def _sensors(evidence: Collection[Hazard]) -> Select[tuple[str, str]]:
    return select(findings.c.sensor, findings.c.metric).where(findings.c.hazard.in_([one.id for one in evidence]))


def _has_photo(connection: Connection, danger: str, since_ns: int) -> bool:
    own = photos.c
    query = select(own.id).where(own.danger == danger, own.stage == FIXED, own.added_ns >= since_ns)
    return connection.execute(query.limit(1)).first() is not None


def _has_test(connection: Connection, site: str, names: Collection[str], since_ns: int) -> bool:
    """Return whether the signal of a sensor responded to a test that a person started."""
    own = sensor_tests.c
    seen = (own.site == site, own.sensor.in_(names), own.state == SEEN, own.started_ns >= since_ns)
    return connection.execute(select(own.id).where(*seen).limit(1)).first() is not None


def _sensed(
    connection: Connection,
    condition: Condition,
    site: str,
    sensors: Sequence[tuple[str, str]],
    readings: Readings | None,
    *,
    since_ns: int,
    now_ns: int,
) -> bool | None:
    names = sorted({name for name, _ in sensors})
    if condition.type == TEST_SEEN and _has_test(connection, site, names, since_ns):
        return True
    if readings is None:
        return None
    if condition.type == TEST_SEEN:
        drills = select(findings.c.sensor).where(
            findings.c.site == site, findings.c.sensor.in_(names), findings.c.drill, findings.c.first_ns >= since_ns
        )
        return connection.execute(drills.limit(1)).first() is not None or any(
            readings.tested(site, name, from_ns=since_ns, to_ns=now_ns) for name in names
        )
    metric = "" if condition.type == REPORTING else condition.metric
    found = [readings.window(site, name, metric, from_ns=now_ns - condition.hold_ns, to_ns=now_ns) for name in names]
    if condition.type != REPORTING and not any(found):
        return None  # none of its sensors measures the quantity
    return all(_holds(condition, one) for one in found if one is not None or condition.type == REPORTING)


def _holds(condition: Condition, window: Window | None) -> bool:
    if window is None or window.quarters < QUARTERS:
        return False
    if condition.type == BELOW:
        return window.high < condition.limit
    return condition.type != ABOVE or window.low > condition.limit


def _blind(connection: Connection, site: str, evidence: Sequence[str]) -> bool:
    """Return whether a sensor of the hazards is faulty, stuck, tampered with or offline, also behind a gateway."""
    saw = select(findings.c.sensor).where(findings.c.hazard.in_(evidence))
    silent = select(findings.c.evidence).where(
        findings.c.site == site, findings.c.kind == GATEWAY_SILENT, findings.c.active, ~findings.c.drill
    )
    offline = {name for row in connection.scalars(silent) for name in sensors_behind(row)}
    if offline and offline.intersection(connection.scalars(saw)):
        return True
    fault = select(findings.c.id).where(
        findings.c.site == site,
        findings.c.sensor.in_(saw),
        findings.c.kind.in_(UNBELIEVABLE),
        findings.c.hazard.not_in(evidence),
        findings.c.active,
        ~findings.c.drill,
    )
    return connection.execute(fault.limit(1)).first() is not None
