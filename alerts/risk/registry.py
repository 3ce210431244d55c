"""Campus registry: sites, zones, places, risk points and sensors, from one TOML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from annotated_types import Interval, Unit

from alerts.errors import Invalid, RegistryError
from detectors import Calendar, RecipeError
from ingest import KINDS, Reads, Sensor, TableReader, load_toml, one_of

from .grading import Method, methods

SLEEPING = frozenset(("dormitory", "nap_room"))
"""Keys of zones where people sleep: without a working smoke detector a major hidden danger."""
DEFAULT_METHOD = "ls"
BUILDINGS = SLEEPING | {"classroom", "office", "library"}
"""Keys of zones whose rooms have a stair in common if they state none."""

LIMITS_MAX = 3
"""Alarm levels of a sensor."""


@dataclass(frozen=True, slots=True)
class Site:
    """A school. size_m: width and height of its plan in metres; method: grading method of its hazards."""

    id: str
    name_zh: str = ""
    name_en: str = ""
    district: str = ""
    city: str = ""
    size_m: tuple[float, float] = (200.0, 100.0)
    method: str = DEFAULT_METHOD


@dataclass(frozen=True, slots=True)
class Zone:
    """Part of a site; key: type of the school's key zone; polygon: corners in metres; officer, fixer: usernames."""

    site: str
    id: str
    name_zh: str = ""
    name_en: str = ""
    key: str = ""
    polygon: tuple[tuple[float, float], ...] = ()
    officer: str = ""
    fixer: str = ""


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
    "": the whole zone.
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


@dataclass(frozen=True, slots=True)
class Registry:
    """The whole campus file. sensors: code 0 until their first message; calendar: the table as parsed."""

    sites: Mapping[str, Site] = field(default_factory=dict)
    zones: Mapping[tuple[str, str], Zone] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    risk_points: tuple[RiskPoint, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    sensor_xy: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    calendar: Mapping[str, Any] = field(default_factory=dict)

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
        names = (sensor.id, *(name for name, _ in reversed(sensor.former)))
        return next((xy for name in names if (xy := self.sensor_xy.get((sensor.site, name)))), None)

    def sleeps(self, site: str, place: str) -> bool:
        """Return whether people sleep in the zone of a place."""
        return self.zone_of(site, place).key in SLEEPING

    @property
    def timezone(self) -> ZoneInfo:
        """Return the time zone of the calendar."""
        return ZoneInfo(self.calendar.get("timezone") or Calendar().timezone)

    def one_stair(self, site: str, place: str, other: str) -> bool:
        """Return whether two places of the registry belong to one stair: its key, else a zone that is a building."""
        known, further = self.places.get((site, place)), self.places.get((site, other))
        if known is None or further is None or (known.zone, known.stair) != (further.zone, further.stair):
            return False
        return bool(known.stair) or self.zone_of(site, place).key in BUILDINGS

    def place_name(self, site: str, place: str) -> dict[str, str]:
        """Return the name of a place in both languages; for an unassigned sensor, its id."""
        known = self.places.get((site, place))
        if known is None:
            sensor = place.removeprefix("unassigned:")
            return {"zh": f"未分配传感器 {sensor}", "en": f"unassigned sensor {sensor}"}
        return {"zh": known.name_zh or known.id, "en": known.name_en or known.id}


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
        )


def load_registry(path: Path | None) -> Registry:
    """Return the registry of a campus file; an empty one without a file. Raises RegistryError with all errors."""
    return Registry() if path is None else read_registry(load_toml(path, RegistryError), source=str(path))


def read_registry(table: Mapping[str, Any], *, source: str = "") -> Registry:
    """Return the registry of a parsed campus file; source: its name. Raises RegistryError with all errors."""
    reader = TableReader(table, RegistryError, source=source)
    reader.expect("site", "zone", "place", "risk_point", "sensor", "calendar")
    in_site = ("site", "id")
    sites = {site.id: site for site in reader.rows("site", Site, key=("id",))}
    zones = {(zone.site, zone.id): zone for zone in reader.rows("zone", Zone, key=in_site)}
    places = {(place.site, place.id): place for place in reader.rows("place", Place, key=in_site)}
    points = reader.rows("risk_point", RiskPoint, key=in_site)
    rows = reader.rows("sensor", _SensorRow, key=in_site)
    sensors = tuple(row.sensor() for row in rows)
    xy = {(row.site, row.id): row.xy for row in rows if row.xy is not None}
    registry = Registry(sites, zones, places, tuple(points), sensors, xy, _calendar(reader, table))
    reader.report(*_dangling(registry), *_graded(registry))
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
