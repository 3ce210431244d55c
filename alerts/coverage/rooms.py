"""Rooms without a working detector now: required detections of places against their sensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from alerts.database.schema import findings, hazards
from alerts.hazards.bindings import assigned, ignored_sensors
from alerts.hazards.findings import SILENT, sensors_behind
from alerts.register.checks import DEVICE_KINDS
from alerts.risk.registry import Place, Registry
from alerts.silences.muting import open_silences
from alerts.silences.silence import Silence
from detectors import Calendar
from ingest import Catalog, Sensor

from .requirements import Detection, requirements

NONE, NEVER, OFFLINE, STUCK, DUSTY, FAULTY = "none", "never", "offline", "stuck", "dusty", "faulty"
ISOLATED, SILENCED = "isolated", "silenced"
CAUSES = (SILENCED, ISOLATED, DUSTY, STUCK, FAULTY, OFFLINE, NEVER, NONE)
"""Causes of a blind room, the one nearest to a working detector first."""
PANEL = "panel_isolated"
_OF_KIND = {"sensor_stuck": STUCK, "sensor_drift": DUSTY} | dict.fromkeys(SILENT, OFFLINE)


@dataclass(frozen=True, slots=True)
class Room:
    """One place with one required detection. cause: "" while covered, else of CAUSES.

    since_ns: begin of the fault of its last working sensor; 0 where no record has it. sensors: that provide it.
    """

    site: str
    zone: str
    place: str
    detection: str
    cause: str
    since_ns: int
    sensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveZones:
    """Zones of one school with a required detection; live: those of them with a working sensor of it."""

    zones: int = 0
    live: int = 0


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults of sensors: (site, sensor) -> cause and begin; isolated: (site, place) -> begin."""

    sensors: Mapping[tuple[str, str], tuple[str, int]]
    isolated: Mapping[tuple[str, str], int]
    silences: Sequence[Silence]


def sensors_of(registry: Registry, catalog: Catalog, sites: Collection[str] | None = None) -> list[Sensor]:
    """Return the declared sensors and those of the catalogue, each once, of sites or of all."""
    near = None if sites is None else frozenset(sites)
    found = {(one.site, one.id): one for one in registry.sensors if near is None or one.site in near}
    known = [*catalog] if sites is None else [one for site in sites for one in catalog.of_site(site)]
    for one in known:
        for name, _ in one.former:
            found.pop((one.site, name), None)
    return [*(found | {(one.site, one.id): one for one in known}).values()]


def rooms(
    connection: Connection,
    registry: Registry,
    sensors: Iterable[Sensor],
    *,
    now_ns: int,
    sites: Collection[str] | None = None,
) -> list[Room]:
    """Return every place with a required detection, of sites or of all, in order of site, zone and place."""
    at, foreign, faults = assigned(connection, sites), ignored_sensors(connection, sites), _faults(connection, sites)
    calendar, near = Calendar.from_table(registry.calendar), None if sites is None else frozenset(sites)
    by_place: dict[tuple[str, str], list[Sensor]] = defaultdict(list)
    for sensor in sensors:
        place = at.get((sensor.site, sensor.id)) or sensor.place
        if (
            place
            and (near is None or sensor.site in near)
            and not sensor.removed
            and (sensor.site, sensor.id) not in foreign
        ):
            by_place[sensor.site, place].append(sensor)
    places: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for one in registry.places.values():
        if near is None or one.site in near:
            places[one.site, one.zone].append(one)
    found = []
    for key, inside in sorted(places.items()):
        zone = registry.zones.get(key)
        for name, scope in requirements().zones.get(zone.key if zone else "", {}).items():
            detection = requirements().detections[name]
            groups = [[one] for one in inside] if scope == "place" else [inside]
            for group in groups:
                here = [one for place in group for one in by_place[place.site, place.id]]
                of = [one for one in here if one.kind in detection.kinds]
                if scope == "place" and not of and any(one.kind in requirements().passage_kinds for one in here):
                    continue
                found.append(_room(group[0], detection, of, faults, calendar=calendar, now_ns=now_ns))
    return sorted(found, key=lambda one: (one.site, one.zone, one.place, one.detection))


def live_zones(found: Iterable[Room]) -> dict[str, LiveZones]:
    """Return the live zones of each school. A zone is live while one of its rooms is covered."""
    zones, live = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for one in found:
        zones[one.site].add(one.zone)
        if not one.cause:
            live[one.site].add(one.zone)
    return {site: LiveZones(len(own), len(live[site])) for site, own in zones.items()}


def _room(
    place: Place, detection: Detection, of: Sequence[Sensor], faults: Faults, *, calendar: Calendar, now_ns: int
) -> Room:
    states = [_state(one, place, detection, faults, calendar=calendar, now_ns=now_ns) for one in of]
    names = tuple(sorted(one.id for one in of))
    blind = [one for one in states if one is not None]
    if len(blind) < len(states):
        return Room(place.site, place.zone, place.id, detection.name, "", 0, names)
    cause, since_ns = NONE, 0
    if blind:
        cause = min((one for one, _ in blind), key=CAUSES.index)
        since_ns = max(since for _, since in blind)
    return Room(place.site, place.zone, place.id, detection.name, cause, since_ns, names)


def _state(
    sensor: Sensor, place: Place, detection: Detection, faults: Faults, *, calendar: Calendar, now_ns: int
) -> tuple[str, int] | None:
    """Return cause and begin of a sensor that does not work for the detection, None for a working one."""
    if not sensor.first_ns:
        return NEVER, 0
    for name in (sensor.id, sensor.gateway):
        fault = faults.sensors.get((sensor.site, name)) if name else None
        if fault is not None and (name == sensor.id or fault[0] == OFFLINE):
            return fault
    isolated_ns = faults.isolated.get((sensor.site, place.id))
    if isolated_ns is not None and detection.cause == "fire":
        return ISOLATED, isolated_ns
    for one in faults.silences:
        within = one.window(calendar, now_ns) if _silences(one, sensor, place, detection) else None
        if within is not None:
            return SILENCED, within[0]
    return None


def _silences(silence: Silence, sensor: Sensor, place: Place, detection: Detection) -> bool:
    own = (silence.zone, place.zone), (silence.place, place.id), (silence.sensor, sensor.id)
    wanted = (*own, (silence.cause, detection.cause))
    return silence.site == sensor.site and all(given in {"", present} for given, present in wanted)


def _faults(connection: Connection, sites: Collection[str] | None) -> Faults:
    columns = (findings.c.site, findings.c.sensor, findings.c.kind, findings.c.first_ns, findings.c.evidence)
    query = select(*columns).where(findings.c.active, ~findings.c.drill, findings.c.kind.in_(DEVICE_KINDS))
    panel = select(hazards.c.site, hazards.c.place, hazards.c.since_ns)
    panel = panel.where(hazards.c.active, ~hazards.c.drill, hazards.c.kind == PANEL)
    if sites is not None:
        near = sorted(sites)
        query, panel = query.where(findings.c.site.in_(near)), panel.where(hazards.c.site.in_(near))
    sensors: dict[tuple[str, str], tuple[str, int]] = {}
    for row in connection.execute(query):
        cause = _OF_KIND.get(row.kind, FAULTY)
        for name in (row.sensor, *sensors_behind(row.evidence)):
            known = sensors.get((row.site, name))
            if known is None or CAUSES.index(cause) > CAUSES.index(known[0]):
                sensors[row.site, name] = cause, row.first_ns
    isolated = {(row.site, row.place): row.since_ns for row in connection.execute(panel)}
    return Faults(sensors, isolated, open_silences(connection, sites))
