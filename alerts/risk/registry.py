"""Campus registry: sites, zones, places, risk points and sensors, from one TOML file.

It is one module because the tables of the file check each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from annotated_types import Interval, Unit

from alerts.errors import Invalid, RegistryError
from detectors import Calendar, Plan, RecipeError, Spot
from ingest import KINDS, Reads, Sensor, TableReader, load_toml, one_of

from .dependencies import Dependency, faults
from .file_lines import people_lines
from .grading import Method, methods

SLEEPING = frozenset(("dormitory", "nap_room"))
"""Keys of zones where people sleep: without a working smoke detector a major hidden danger."""
DEFAULT_METHOD = "ls"
BUILDINGS = SLEEPING | {"classroom", "office", "library"}
"""Keys of zones whose rooms have a stair in common if they state none."""
WATERS = frozenset(("water",))
"""Keys of zones whose gauges measure one body of water."""

LIMITS_MAX = 3
"""Alarm levels of a sensor."""


@dataclass(frozen=True, slots=True)
class Site:
    """A school. size_m: width and height of its plan in metres; method: grading method of its hazards.

    kind: of school. address_zh, address_en: for the fire line. pupils, area_m2: its exposure in the league, 0: unknown.
    """

    id: str
    name_zh: str = ""
    name_en: str = ""
    district: str = ""
    city: str = ""
    size_m: tuple[float, float] = (200.0, 100.0)
    method: str = DEFAULT_METHOD
    address_zh: str = ""
    address_en: str = ""
    kind: str = ""
    pupils: Annotated[int, Interval(ge=0, le=100_000)] = 0
    area_m2: Annotated[float, Interval(ge=0, le=10_000_000), Unit("m2")] = 0.0


@dataclass(frozen=True, slots=True)
class Zone:
    """Part of a site; key: type of the school's key zone; polygon: corners in metres; officer, fixer: usernames.

    access_zh, access_en: way in for the fire brigade.
    floor: None for a zone with several floors.
    """

    site: str
    id: str
    name_zh: str = ""
    name_en: str = ""
    key: str = ""
    polygon: tuple[tuple[float, float], ...] = ()
    officer: str = ""
    fixer: str = ""
    access_zh: str = ""
    access_en: str = ""
    floor: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A room or spot with sensors; xy in metres on the site's plan.

    stair: places of one zone with the same stair share a fire; "": a zone of BUILDINGS is one stair.
    """

    site: str
    zone: str
    id: str
    name_zh: str = ""
    name_en: str = ""
    xy: tuple[float, float] = (0.0, 0.0)
    floor: int = 1
    stair: str = ""


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """A risk point with its approved assessment (factors of the method) and control measures.

    hazard: kind of the hazards that raise its grade, with the other kinds of their cause; "": all. place: its place;
    "": the whole zone. ceiling: highest likelihood that machines may propose; None for that of the method.
    """

    site: str
    zone: str
    id: str
    name_zh: str = ""
    name_en: str = ""
    place: str = ""
    hazard: str = ""
    method: str = DEFAULT_METHOD
    likelihood: float = 1.0
    severity: float = 1.0
    exposure: float = 1.0
    measures: tuple[str, ...] = ()
    ceiling: float | None = None


@dataclass(slots=True)
class Registry:
    """The whole campus file. sensors: code 0 until their first message; calendar: the table as parsed.

    zones: those of the file; the risk register of the database adds its own. risk_points: those of the file, which
    fill the register of a site that has none. `alerts.plans` replaces the tables of a site while the service runs,
    each as a whole: readers need no lock. dependencies: (site, device) -> device without which it sends nothing.
    people_lines: (site, zone, role) -> line of the campus file that names the account.
    """

    sites: Mapping[str, Site] = field(default_factory=dict)
    zones: MutableMapping[tuple[str, str], Zone] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    risk_points: tuple[RiskPoint, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    sensor_xy: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    sensor_floor: Mapping[tuple[str, str], int] = field(default_factory=dict)
    calendar: Mapping[str, Any] = field(default_factory=dict)
    dependencies: Mapping[tuple[str, str], str] = field(default_factory=dict)
    people_lines: Mapping[tuple[str, str, str], int] = field(default_factory=dict)

    def plan(self) -> Plan:
        """Return zone, floor, stair and position of each place, for the detectors."""
        return Plan({key: Spot(one.zone, one.floor, one.stair, one.xy) for key, one in self.places.items()})

    def site(self, site_id: str) -> Site:
        """Return the site; without a description, one with only an id."""
        return self.sites.get(site_id) or Site(site_id, site_id, site_id)

    def method(self, site_id: str) -> Method:
        """Return the method that grades the hazards of a site."""
        return methods()[self.site(site_id).method]

    def zone_of(self, site: str, place: str) -> Zone:
        """Return the zone of a place; without a description, one with only an id."""
        known = self.places.get((site, place))
        zone = self.zones.get((site, known.zone)) if known else None
        return zone or Zone(site, "", "未分配", "unassigned")

    def xy_of(self, sensor: Sensor) -> tuple[float, float] | None:
        """Return the position of a sensor, described under its id or a former one."""
        return next((xy for name in _names(sensor) if (xy := self.sensor_xy.get((sensor.site, name)))), None)

    def floor_of(self, sensor: Sensor, place: str) -> int | None:
        """Return the floor of a sensor's position, else that of its place; None without both."""
        known = self.places.get((sensor.site, place))
        floors = (self.sensor_floor.get((sensor.site, name)) for name in _names(sensor))
        return next((floor for floor in floors if floor is not None), known.floor if known else None)

    def sleeps(self, site: str, place: str) -> bool:
        """Return whether people sleep in the zone of a place."""
        return self.zone_of(site, place).key in SLEEPING

    @property
    def timezone(self) -> ZoneInfo:
        """Return the time zone of the calendar."""
        return ZoneInfo(self.calendar.get("timezone") or Calendar().timezone)

    def one_stair(self, site: str, place: str, other: str) -> bool:
        """Return whether two places of the registry belong to one stair or one water."""
        known, further = self.places.get((site, place)), self.places.get((site, other))
        if known is None or further is None or (known.zone, known.stair) != (further.zone, further.stair):
            return False
        return bool(known.stair) or self.zone_of(site, place).key in BUILDINGS | WATERS

    def place_name(self, site: str, place: str) -> dict[str, str]:
        """Return the name of a place in both languages; for an unassigned sensor, its id."""
        known = self.places.get((site, place))
        if known is None:
            sensor = place.removeprefix("unassigned:")
            return {"zh": f"未分配传感器 {sensor}", "en": f"unassigned sensor {sensor}"}
        return {"zh": known.name_zh or known.id, "en": known.name_en or known.id}


def _names(sensor: Sensor) -> tuple[str, ...]:
    """Return the id of a sensor and its former ones, newest first."""
    return (sensor.id, *(name for name, _ in reversed(sensor.former)))


def _read_limits(value: Any) -> tuple[float, ...]:
    limits = msgspec.convert(value, tuple[float, ...])
    steps = [low < high for low, high in pairwise(limits)]
    if not 1 <= len(limits) <= LIMITS_MAX or len(set(limits)) < len(limits) or len(set(steps)) > 1:
        raise ValueError
    return limits


Limits = Annotated[tuple[float, ...], Reads(_read_limits, "a list of one to three numbers, rising or falling")]


@dataclass(frozen=True, slots=True)
class _SensorRow:
    site: str
    id: str
    kind: Annotated[str, one_of(KINDS)]
    place: str = ""
    profile: str = ""
    period_s: Annotated[float, Interval(ge=0), Unit("s")] = 0.0
    limits: Mapping[str, Limits] = field(default_factory=dict)
    xy: tuple[float, float] | None = None
    gateway: str = ""
    height_m: Annotated[float, Interval(ge=0, le=200), Unit("m")] = 0.0
    area_m2: Annotated[float, Interval(ge=0, le=100_000), Unit("m2")] = 0.0

    def sensor(self) -> Sensor:
        """Return the sensor, with code 0 until its first message."""
        return Sensor(
            0,
            self.id,
            self.site,
            self.kind,
            place=self.place,
            profile=self.profile,
            period_s=self.period_s,
            gateway=self.gateway,
            limits=self.limits,
            height_m=self.height_m,
            area_m2=self.area_m2,
        )


def load_registry(path: Path | None) -> Registry:
    """Return the registry of a campus file; an empty one without a file. Raises RegistryError with all errors."""
    if path is None:
        return Registry()
    registry = read_registry(load_toml(path, RegistryError), source=str(path))
    registry.people_lines = people_lines(path.read_text(encoding="utf-8"))
    return registry


def read_registry(table: Mapping[str, Any], *, source: str = "") -> Registry:
    """Return the registry of a parsed campus file; source: its name. Raises RegistryError with all errors."""
    reader = TableReader(table, RegistryError, source=source)
    reader.expect("site", "zone", "place", "risk_point", "sensor", "calendar", "dependency")
    in_site = ("site", "id")
    sites = {site.id: site for site in reader.rows("site", Site, key=("id",))}
    zones = {(zone.site, zone.id): zone for zone in reader.rows("zone", Zone, key=in_site)}
    places = {(place.site, place.id): place for place in reader.rows("place", Place, key=in_site)}
    points = reader.rows("risk_point", RiskPoint, key=in_site)
    rows = reader.rows("sensor", _SensorRow, key=in_site)
    sensors = tuple(row.sensor() for row in rows)
    xy = {(row.site, row.id): row.xy for row in rows if row.xy is not None}
    registry = Registry(sites, zones, places, tuple(points), sensors, xy, calendar=_calendar(reader, table))
    depends = reader.rows("dependency", Dependency, key=in_site)
    registry.dependencies = {(row.site, row.id): row.on for row in depends}
    reader.report(*_dangling(registry), *_graded(registry), *faults(depends, sites))
    reader.finish()
    return registry


def _calendar(reader: TableReader, table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the [calendar] table; report its errors."""
    calendar = table.get("calendar", {})
    if not isinstance(calendar, dict):
        reader.report(f"calendar = {calendar!r}: allowed is a table, [calendar]")
        return {}
    try:
        Calendar.from_table(calendar)
    except RecipeError as error:
        reader.report(*error.faults)
    return calendar


def _graded(registry: Registry) -> Iterator[str]:
    """Yield errors of sites and risk points whose method or factors no method file contains."""
    for site in registry.sites.values():
        if site.method not in methods():
            yield f"site {site.id}.method = {site.method!r}: allowed is one of {', '.join(methods())}"
    for point in registry.risk_points:
        method = methods().get(point.method)
        if method is None:
            yield f"risk_point {point.id}.method = {point.method!r}: allowed is one of {', '.join(methods())}"
            continue
        try:
            method.assess(likelihood=point.likelihood, severity=point.severity, exposure=point.exposure)
        except Invalid as error:
            yield f"risk_point {point.id}: {error}"


def _dangling(registry: Registry) -> Iterator[str]:
    """Yield errors of rows that name a site, zone or place without a row of its own."""
    for zone in registry.zones.values():
        if zone.site not in registry.sites:
            yield _missing("zone", zone.id, "site", zone.site)
    for name, rows in (("place", [*registry.places.values()]), ("risk_point", [*registry.risk_points])):
        for row in rows:
            if (row.site, row.zone) not in registry.zones:
                yield _missing(name, row.id, "zone", row.zone)
    for sensor in registry.sensors:
        if sensor.site not in registry.sites:
            yield _missing("sensor", sensor.id, "site", sensor.site)
        if sensor.place and (sensor.site, sensor.place) not in registry.places:
            yield _missing("sensor", sensor.id, "place", sensor.place)


def _missing(name: str, row_id: str, key: str, given: str) -> str:
    where = "" if key == "site" else " of the same site"
    return f"{name} {row_id}.{key} = {given!r}: allowed is the id of a [[{key}]]{where}"
