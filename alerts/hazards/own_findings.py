"""Findings of the alert service itself: drills, missed patrols, blind rooms, overdue tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlalchemy import Connection, select

from alerts.database import rows
from alerts.database.schema import findings, hazards
from alerts.model import Finding, identity
from alerts.risk.registry import Registry
from alerts.silences.silence import Silence
from alerts.silences.timed import where
from detectors import Phase

from .findings import Observation

PATROL = "patrol"
PATROL_MISSED = "patrol_missed"
PATROL_LEVEL = 3


def own_finding(
    site: str,
    place: str,
    kind: str,
    *,
    rule: str,
    sensor: str,
    level: int,
    text: Mapping[str, str],
    clears: Mapping[str, str],
    first_ns: int,
    now_ns: int,
    page: bool,
    drill: bool = False,
) -> Finding:
    """Return an active finding without a metric, decided at its begin."""
    return Finding(
        id=identity(rule, site, place, kind, first_ns)
        if drill
        else identity(rule, site, sensor, place, kind, first_ns),
        hazard="",
        site=site,
        sensor=sensor,
        metric="",
        rule=rule,
        detector=rule,
        kind=kind,
        level=level,
        active=True,
        first_ns=first_ns,
        last_ns=now_ns,
        gateway_ns=0,
        arrival_ns=first_ns,
        decided_ns=first_ns,
        recorded_ns=now_ns,
        cleared_ns=None,
        score=1.0,
        late=False,
        drill=drill,
        timeline="live",
        evidence={"text": dict(text), "clears": dict(clears), "page": page},
    )


def missed_patrol(silence: Silence, registry: Registry, *, now_ns: int) -> Observation:
    """Return the finding that the patrol of a silence was missed; the silence has ended."""
    place, zone = _place(silence, registry)
    name = where(silence, registry)
    text = {
        "zh": f"{name['zh']}：补偿巡查超时未登记，静默已终止，请立即到现场查看。",
        "en": f"{name['en']}: the compensating patrol was missed; the silence has ended. Look at the place now.",
    }
    clears = {"zh": "有人接手后解除。", "en": "a person acknowledges it"}
    seen = own_finding(
        silence.site,
        place,
        PATROL_MISSED,
        rule=PATROL,
        sensor=f"{PATROL}:{silence.id}",
        level=PATROL_LEVEL,
        text=text,
        clears=clears,
        first_ns=now_ns,
        now_ns=now_ns,
        page=True,
    )
    return Observation(seen, Phase.RAISE, place, zone)


def taken_patrols(connection: Connection, now_ns: int) -> Iterator[Observation]:
    """Yield the ends of missed patrols whose alarm a person has acknowledged."""
    own = (findings.c.kind == PATROL_MISSED, findings.c.active, findings.c.rule == PATROL)
    query = select(findings, hazards.c.place.label("at"), hazards.c.zone.label("within"))
    query = query.join(hazards, hazards.c.id == findings.c.hazard).where(*own, hazards.c.acknowledged_by.is_not(None))
    for row in connection.execute(query).all():
        seen = replace(rows.record(Finding, row), last_ns=now_ns, recorded_ns=now_ns)
        yield Observation(seen, Phase.CLEAR, row.at, row.within)


def _place(silence: Silence, registry: Registry) -> tuple[str, str]:
    """Return the place of a silence, else the first one of its zone, and the zone."""
    here = [one for one in registry.places.values() if one.site == silence.site]
    inside = sorted(one.id for one in here if one.zone == silence.zone) if silence.zone else []
    place = silence.place or next(iter(inside), f"unassigned:{silence.sensor or PATROL}")
    return place, registry.zone_of(silence.site, place).id
